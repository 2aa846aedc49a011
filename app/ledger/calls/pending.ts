import { accountsOfGroup, type GroupOrder, type GroupOutcome } from '../../domain/group.ts';
import type { HoldOutcome } from '../../domain/hold-events.ts';
import type { HoldState } from '../../domain/hold-types.ts';
import { newUuidV7, withoutMark } from '../../domain/ids.ts';
import { Problem, type ProblemCode } from '../../domain/problem.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';
import type { ApplyItem, GroupItem, HoldCallItem } from '../../journal/cache-port.ts';
import { encodeOrder } from '../../journal/codec.ts';
import { encodeGroup } from '../../journal/group-codec.ts';
import { accountsOfItem, encodeHoldItem, type HoldItem, holdIdOf, keyOfItem } from '../../journal/hold-codec.ts';
import { attemptsOfGroup, type InDoubtAttempt } from '../../journal/journal-entry.ts';
import type { EpochView, TrackedAttempt } from '../epoch/epoch-view.ts';
import type { DirectGroup, DirectHold, DirectItem } from '../ports/direct-server.ts';

/** The result of a void or an expiry that changed nothing: the current state of the hold. */
export interface HoldUnchanged {
  unchanged: HoldState;
  persisted: boolean;
}
export type HoldDone = HoldOutcome | HoldUnchanged;
export type Answer = Outcome | GroupOutcome | HoldDone;

/** One call to the ledger. It resolves when all its transfers, or its group, have an answer. */
export class Submission<O extends Answer = Answer> {
  /** The number of this call's transfers that wait for MySQL. */
  waitingForDatabase = 0;
  readonly answers: Promise<(O | Problem)[]>;
  readonly #results: (O | Problem)[];
  #open: number;
  #resolve: (answers: (O | Problem)[]) => void = () => {};

  constructor(count: number) {
    this.#results = new Array<O | Problem>(count);
    this.#open = count;
    this.answers = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (count === 0) this.#resolve([]);
  }

  answer(index: number, answer: O | Problem): void {
    this.#results[index] = answer;
    this.#open -= 1;
    if (this.#open === 0) this.#resolve(this.#results);
  }
}

/** When a request was received, and its deadline. */
interface Taken {
  takenAt: number;
  deadline: number;
  trace: string | null;
}

/** A transfer or a group in this pod, from its acceptance to its answer. */
abstract class PendingItem implements TrackedAttempt {
  /** The number of transfers that the item counts as. */
  abstract readonly weight: number;
  payload: string;
  readonly trace: string | null;
  /** When the request was received, by this pod's own clock, ms. */
  readonly takenAt: number;
  /** The deadline on the monotonic clock, ms. */
  readonly deadline: number;
  /** The cursor and the epoch of the lookup that did not find the id in MySQL; -1: not looked up. */
  lookupCursor = -1;
  lookupEpoch = -1;
  /** True if an attempt has left the pod and there is no proof that it wrote nothing. */
  inDoubt = false;
  /** The last epoch of the cache in which an attempt was left in doubt; 0 if there is none. */
  inDoubtEpoch = 0;
  /** Attempts that failed for a transient reason. */
  failures = 0;
  /**
   * The number of times that the item was queued again for an account or a lookup; limited, so that it is not queued
   * forever.
   */
  rounds = 0;
  answered = false;
  /** The problem of the last attempt, if that is more specific than the current state of the ledger. */
  trouble: ProblemCode | null = null;
  /** Whether `DatabaseWait` counts the item. */
  waitsForDatabase = false;
  readonly submission: Submission;
  readonly #index: number;

  /** Callers must pass a submission whose answers are of the same kind as the item. */
  constructor(payload: string, taken: Taken, submission: Pick<Submission, 'waitingForDatabase'>, index: number) {
    this.takenAt = taken.takenAt;
    this.deadline = taken.deadline;
    this.trace = taken.trace;
    this.payload = payload;
    this.submission = submission as Submission;
    this.#index = index;
  }

  abstract get accounts(): readonly string[];
  /** All ids of the item. If any of them has an outcome, the item cannot get one of its own. */
  abstract get ids(): readonly string[];
  abstract inDoubtAttempts(): readonly InDoubtAttempt[];
  protected abstract unknown(): Problem;

  /** Records that the outcome is known, so none of the item's attempts in that epoch is in doubt anymore. */
  resolvedIn(view: EpochView): void {
    // This check saves time: the method runs for every transfer, and nearly always nothing is in doubt.
    if (view.inDoubt.size === 0) return;
    const [own] = this.inDoubtAttempts();
    if (own) view.inDoubt.resolved(own.kind, own.id);
  }

  leaveInDoubt(cacheEpoch: number | null): void {
    this.inDoubt = true;
    if (cacheEpoch !== null) this.inDoubtEpoch = cacheEpoch;
  }

  /**
   * An account that is not in MySQL now has never been there, because accounts are never deleted. So no attempt that
   * has run has posted anything, and attempts that Redis may still run belong to an epoch that has ended: nothing is in
   * doubt anymore.
   * @param epoch the epoch in which the account was looked up
   */
  resolveBy(problem: Problem, epoch: number): void {
    if (problem.code === 'account_not_found' && this.inDoubtEpoch < epoch) this.inDoubt = false;
  }

  answer(answer: Answer | Problem): void {
    if (this.answered) return;
    this.answered = true;
    this.submission.answer(this.#index, answer);
  }

  /** Answers a transfer that cannot continue, but never with 503 while an attempt is in doubt. */
  giveUp(problem: Problem): void {
    this.answer(this.inDoubt ? this.unknown() : problem);
  }
}

export class PendingTransfer extends PendingItem implements ApplyItem, DirectItem {
  readonly order: TransferOrder;
  readonly weight = 1;

  constructor(order: TransferOrder, taken: Taken, submission: Submission<Outcome>, index: number) {
    super(encodeOrder(order, taken.takenAt, taken.trace), taken, submission, index);
    this.order = order;
  }

  get accounts(): string[] {
    return [this.order.source, this.order.destination];
  }
  get ids(): string[] {
    return [this.order.transactionId];
  }
  inDoubtAttempts(): InDoubtAttempt[] {
    return [{ kind: 'transfers', id: this.order.transactionId, accounts: this.accounts }];
  }
  protected unknown(): Problem {
    return transferUnknown(this.order.transactionId);
  }
}

/** A group is one attempt: it is looked up, sent, retried and answered as a whole. */
export class PendingGroup extends PendingItem implements GroupItem, DirectGroup {
  readonly group: GroupOrder;
  readonly weight: number;

  constructor(group: GroupOrder, taken: Taken, submission: Submission<GroupOutcome>) {
    super(encodeGroup(group, taken.takenAt, taken.trace), taken, submission, 0);
    this.group = group;
    this.weight = group.orders.length;
  }

  get accounts(): string[] {
    return accountsOfGroup(this.group);
  }
  get ids(): string[] {
    return [this.group.groupId, ...this.group.orders.map(({ transactionId }) => transactionId)];
  }
  inDoubtAttempts(): InDoubtAttempt[] {
    return attemptsOfGroup(this.group);
  }
  protected unknown(): Problem {
    const { groupId } = this.group;
    return new Problem('outcome_unknown', `the outcome of group ${groupId} is not known yet`, { groupId });
  }
}

/** A capture or an event of a hold. */
export class PendingHold extends PendingItem implements HoldCallItem, DirectHold {
  hold: HoldItem;
  readonly weight = 1;
  podNow: number;
  /** Whether Redis lacked one of the accounts, and whether it lacked the hold, at the last attempt. */
  lacks = { accounts: false, hold: false };

  constructor(hold: HoldItem, taken: Taken, submission: Submission<Outcome | HoldDone>) {
    super(encodeHoldItem(hold, taken.takenAt, taken.trace), taken, submission, 0);
    this.hold = hold;
    this.podNow = taken.takenAt;
  }

  /** The id under which it is stored in Redis. */
  get key(): string {
    return keyOfItem(this.hold);
  }
  get accounts(): string[] {
    return accountsOfItem(this.hold);
  }
  get ids(): string[] {
    return [withoutMark(this.key)];
  }
  /** True for an item whose id the client knows (a placing or a capture); the pod generates the ids of all others. */
  get hasOwnId(): boolean {
    return this.hold.op === 'place' || this.hold.op === 'capture';
  }
  inDoubtAttempts(): InDoubtAttempt[] {
    const { op } = this.hold;
    const [id = ''] = this.ids;
    if (op === 'capture') return [{ kind: 'transfers', id, accounts: this.accounts }];
    return [{ kind: op === 'place' ? 'hold' : 'hold-event', id, accounts: this.accounts.slice(0, 1) }];
  }
  /** Gives another id to an event that has no attempt in doubt. Nothing is stored under the old id. */
  renew(nowMs: number): void {
    if (this.hold.op === 'place' || this.hold.op === 'capture') throw new TypeError('a client knows this id');
    this.hold = { ...this.hold, eventId: newUuidV7(nowMs) };
    this.payload = encodeHoldItem(this.hold, this.takenAt, this.trace);
  }
  protected unknown(): Problem {
    if (this.hold.op === 'capture') return transferUnknown(this.hold.order.transactionId);
    const holdId = holdIdOf(this.hold);
    const detail =
      this.hold.op === 'place'
        ? `the outcome of hold ${holdId} is not known yet`
        : `it is unknown whether hold ${holdId} was changed; read the hold`;
    return new Problem('outcome_unknown', detail, { holdId });
  }
}

const transferUnknown = (transactionId: string): Problem =>
  new Problem('outcome_unknown', `the outcome of transaction ${transactionId} is not known yet`, { transactionId });

export type PendingCapture = PendingHold & { hold: Extract<HoldItem, { op: 'capture' }> };

export type Pending = PendingTransfer | PendingGroup | PendingHold;
export const isTransfer = (pending: Pending): pending is PendingTransfer => 'order' in pending;
export const isGroup = (pending: Pending): pending is PendingGroup => 'group' in pending;
export const isHold = (pending: Pending): pending is PendingHold => 'hold' in pending;
export const isCapture = (pending: Pending): pending is PendingCapture =>
  isHold(pending) && pending.hold.op === 'capture';

/** The number of transfers in a batch. */
export const transfersIn = (batch: readonly Pending[]): number => batch.reduce((sum, { weight }) => sum + weight, 0);

/** Receives transfers and groups after a call, either with an answer or to wait for another attempt. */
export interface ResultSink {
  answer(pending: Pending, answer: Answer | Problem): void;
  /** Answers an item that cannot continue: with 504 while an attempt is in doubt, otherwise with the given problem. */
  giveUp(pending: Pending, problem: Problem): void;
  again(batch: readonly Pending[]): void;
}
