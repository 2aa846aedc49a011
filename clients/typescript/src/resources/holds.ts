import {
  anyObject,
  attempt,
  type Call,
  type Caller,
  type CallOptions,
  change,
  type OutcomeOptions,
  objectWith,
  read,
  segment,
} from '../calls.ts';
import type { AttemptLimits, LookedUp } from '../retry/settle.ts';
import type {
  Capture,
  CaptureRequest,
  ChangedHold,
  Durability,
  Hold,
  HoldChange,
  HoldRecord,
  HoldRequest,
  HoldState,
  Transfer,
} from '../types.ts';
import { type Found, foundRefusal, type Outcome, outcomeOf } from './outcomes.ts';
import { lookUpTransfer, sameAmount } from './transfer-look-up.ts';

export interface Placed {
  readonly outcome: 'placed';
  readonly hold: Hold;
}
export interface Captured {
  readonly outcome: 'posted';
  readonly transfer: Transfer;
  /** The hold after the capture; null if the outcome was looked up. */
  readonly hold: HoldState | null;
}
export type HoldOutcome = Outcome<Placed, HoldRequest & { readonly holdId: string }>;
export type CaptureOutcome = Outcome<Captured, CaptureRequest & { readonly transactionId: string }>;

export class Holds {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Reserves a part of a balance. @throws ProblemError or NoAnswerError: nothing was changed */
  async place(request: HoldRequest, options: OutcomeOptions = {}): Promise<HoldOutcome> {
    const holdId = request.holdId ?? this.#caller.ids.next();
    const sent = Object.freeze({ ...request, holdId });
    return outcomeOf<Placed, typeof sent>(
      this.#caller,
      { given: request, sent, options },
      {
        content: { method: 'POST', path: '/v1/holds', body: JSON.stringify(sent) },
        accept: (body) => {
          const hold = objectWith<Hold>(body, { holdId, account: sent.account });
          return hold && { outcome: 'placed', hold };
        },
        lookUp: (call, limits) => this.#lookUpHold(call, holdId, limits),
      },
    );
  }

  /**
   * Transfers what a hold reserves, or a part of it. To repeat it in another process, store the `transactionId` first.
   * @throws ProblemError or NoAnswerError: nothing was changed
   */
  async capture(holdId: string, request: CaptureRequest = {}, options: OutcomeOptions = {}): Promise<CaptureOutcome> {
    const transactionId = request.transactionId ?? this.#caller.ids.next();
    const sent = Object.freeze({ ...request, transactionId });
    return outcomeOf<Captured, typeof sent>(
      this.#caller,
      { given: request, sent, options },
      {
        content: { method: 'POST', path: `${holdPath(holdId)}/capture`, body: JSON.stringify(sent) },
        accept: (body) => {
          const capture = objectWith<Capture>(body, { transactionId, status: 'POSTED' });
          if (capture === null) return null;
          const { hold, ...transfer } = capture;
          return { outcome: 'posted', transfer, hold };
        },
        lookUp: (call, limits) => this.#lookUpCapture(call, transactionId, limits),
      },
    );
  }

  /**
   * Releases what is left of a hold.
   * @throws ProblemError (such as `hold_not_open`), NoAnswerError: nothing was changed; OutcomeUnknownError: call it again
   */
  async void(holdId: string, options: CallOptions & { durability?: Durability } = {}): Promise<ChangedHold> {
    const body = JSON.stringify({ durability: options.durability });
    const content = { method: 'POST', path: `${holdPath(holdId)}/void`, body } as const;
    return change(this.#caller, content, (answer) => objectWith<ChangedHold>(answer, { holdId }), options);
  }

  /**
   * Changes the amount or the end of an open hold, if it still has the given `revision` (`*`: any).
   * @throws ProblemError (such as `hold_changed`), NoAnswerError: nothing was changed; OutcomeUnknownError: read the hold
   */
  async change(
    holdId: string,
    terms: HoldChange,
    options: CallOptions & { revision: number | '*' },
  ): Promise<ChangedHold> {
    const { revision } = options;
    const path = holdPath(holdId);
    const headers = { 'If-Match': revision === '*' ? '*' : `"${revision}"` };
    return change(
      this.#caller,
      { method: 'PATCH', path, body: JSON.stringify(terms), headers },
      (answer) => objectWith<ChangedHold>(answer, { holdId }),
      options,
      (call, limits) => this.#lookUpChange(call, holdId, { terms, revision }, limits),
    );
  }

  /** The hold with its captures, or why it was refused. @throws ProblemError `hold_not_found` */
  async get(holdId: string, options: CallOptions = {}): Promise<HoldRecord> {
    return read<HoldRecord>(this.#caller, holdPath(holdId), anyObject, options);
  }

  async #recordOf(call: Call, holdId: string, limits: AttemptLimits): Promise<HoldRecord | null> {
    const content = { method: 'GET', path: holdPath(holdId) } as const;
    const accept = (body: unknown) => objectWith<HoldRecord>(body, { holdId });
    const verdict = await attempt(this.#caller, call, content, accept, limits);
    return verdict.verdict === 'accepted' ? verdict.value : null;
  }

  async #lookUpHold(call: Call, holdId: string, limits: AttemptLimits): Promise<LookedUp<Found<Placed>> | null> {
    const record = await this.#recordOf(call, holdId, limits);
    if (record === null) return null;
    const { status, refusal, persisted, expiresAt, captures: _, stale: _stale, ...state } = record;
    if (status === 'REFUSED' || expiresAt === null) return { verdict: 'accepted', value: foundRefusal(refusal) };
    const durability = persisted ? 'persisted' : 'cache';
    return {
      verdict: 'accepted',
      value: { outcome: 'placed', hold: { ...state, status, expiresAt, durability, replayed: true } },
    };
  }

  async #lookUpCapture(
    call: Call,
    transactionId: string,
    limits: AttemptLimits,
  ): Promise<LookedUp<Found<Captured>> | null> {
    const found = await lookUpTransfer(this.#caller, call, transactionId, {}, limits);
    if (found?.verdict !== 'accepted') return null;
    const { value } = found;
    if (value.outcome === 'pending') return null;
    return { verdict: 'accepted', value: value.outcome === 'posted' ? { ...value, hold: null } : value };
  }

  /**
   * If a lost attempt was carried out, the next one is answered with `hold_changed`. The hold then has the next
   * revision, with the requested terms.
   */
  async #lookUpChange(
    call: Call,
    holdId: string,
    { terms, revision }: { terms: HoldChange; revision: number | '*' },
    limits: AttemptLimits,
  ): Promise<LookedUp<ChangedHold> | null> {
    const record = await this.#recordOf(call, holdId, limits);
    if (record === null || record.status === 'REFUSED' || record.expiresAt === null) return null;
    const { status, expiresAt, persisted, ...state } = record;
    if (revision !== '*' && state.revision !== revision + 1) return null;
    const hasAmount = terms.amount === undefined || terms.amount === null || sameAmount(terms.amount, state.amount);
    const hasEnd = !terms.expiresAt || Date.parse(terms.expiresAt) === Date.parse(expiresAt);
    if (!hasAmount || !hasEnd) return null;
    const durability = persisted ? 'persisted' : 'cache';
    return { verdict: 'accepted', value: { ...state, status, expiresAt, durability } };
  }
}

const holdPath = (holdId: string) => `/v1/holds/${segment(holdId)}`;
