import {
  anyObject,
  attempt,
  type Call,
  type Caller,
  type CallOptions,
  type OutcomeOptions,
  objectWith,
  read,
  segment,
} from '../calls.ts';
import type { AttemptLimits, LookedUp } from '../retry/settle.ts';
import type { GroupRequest, SplitRequest, TransferGroup, TransferGroupRecord, TransferSplit } from '../types.ts';
import { type Found, foundRefusal, type Outcome, outcomeOf } from './outcomes.ts';

export interface PostedGroup {
  readonly outcome: 'posted';
  readonly group: TransferGroup;
}
export interface PostedSplit {
  readonly outcome: 'posted';
  readonly split: TransferSplit;
}
type WithGroupId<Request> = Request & { readonly groupId: string };
export type GroupOutcome = Outcome<PostedGroup, WithGroupId<GroupRequest>>;
export type SplitOutcome = Outcome<PostedSplit, WithGroupId<SplitRequest>>;

/** Transfers that are made together: all of them, or none. */
export class Groups {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** 2 to 100 transfers. @throws ProblemError or NoAnswerError: nothing was changed */
  async create(request: GroupRequest, options: OutcomeOptions = {}): Promise<GroupOutcome> {
    const groupId = request.groupId ?? this.#caller.ids.next();
    const sent = Object.freeze({ ...request, groupId });
    return outcomeOf<PostedGroup, typeof sent>(
      this.#caller,
      { given: request, sent, options },
      {
        content: { method: 'POST', path: '/v1/transfers/group', body: JSON.stringify(sent) },
        accept: (body) => {
          const group = objectWith<TransferGroup>(body, { groupId, status: 'POSTED' });
          return group && { outcome: 'posted', group };
        },
        lookUp: (call, limits) =>
          this.#lookUp(call, groupId, limits, (record): PostedGroup => ({ outcome: 'posted', group: record })),
      },
    );
  }

  /** Divides an amount between several accounts. @throws ProblemError or NoAnswerError: nothing was changed */
  async split(request: SplitRequest, options: OutcomeOptions = {}): Promise<SplitOutcome> {
    const groupId = request.groupId ?? this.#caller.ids.next();
    const sent = Object.freeze({ ...request, groupId });
    const { sourceAccount, amount, currency } = sent;
    return outcomeOf<PostedSplit, typeof sent>(
      this.#caller,
      { given: request, sent, options },
      {
        content: { method: 'POST', path: '/v1/transfers/split', body: JSON.stringify(sent) },
        accept: (body) => {
          const split = objectWith<TransferSplit>(body, { groupId, status: 'POSTED', sourceAccount });
          return split && { outcome: 'posted', split };
        },
        lookUp: (call, limits) =>
          this.#lookUp(call, groupId, limits, (record): PostedSplit => {
            const { destinations = [], acceptedAt, durability, replayed, status } = record;
            const found = { groupId, status, acceptedAt, durability, replayed, destinations };
            return { outcome: 'posted', split: { ...found, sourceAccount, amount, currency } };
          }),
      },
    );
  }

  /** A group or a split, posted or refused. @throws ProblemError `group_not_found` */
  async get(groupId: string, options: CallOptions = {}): Promise<TransferGroupRecord> {
    return read<TransferGroupRecord>(this.#caller, groupPath(groupId), anyObject, options);
  }

  async #lookUp<Done>(
    call: Call,
    groupId: string,
    limits: AttemptLimits,
    doneOf: (record: TransferGroupRecord & TransferGroup) => Done,
  ): Promise<LookedUp<Found<Done>> | null> {
    const accept = (body: unknown) => objectWith<TransferGroupRecord>(body, { groupId });
    const content = { method: 'GET', path: groupPath(groupId) } as const;
    const verdict = await attempt(this.#caller, call, content, accept, limits);
    if (verdict.verdict !== 'accepted') return null;
    const record = verdict.value;
    const isPosted = record.status === 'POSTED';
    const value = isPosted ? doneOf(record as TransferGroupRecord & TransferGroup) : foundRefusal('group_refused');
    return { verdict: 'accepted', value };
  }
}

const groupPath = (groupId: string) => `/v1/transfers/group/${segment(groupId)}`;
