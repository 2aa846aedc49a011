import { accountsOfGroup, type GroupOrder, type GroupOutcome } from '../../domain/group.ts';
import { Problem, type ProblemCode } from '../../domain/problem.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';
import type { ApplyItem, GroupItem } from '../../journal/cache-port.ts';
import { encodeOrder } from '../../journal/codec.ts';
import { encodeGroup } from '../../journal/group-codec.ts';
import { attemptsOfGroup, type InDoubtAttempt } from '../../journal/journal-entry.ts';
import type { EpochView, TrackedAttempt } from '../epoch/epoch-view.ts';
import type { DirectGroup, DirectItem } from '../ports/direct-server.ts';

export type Answer = Outcome | GroupOutcome;

/** One call to the ledger. It resolves when all its transfers, or its group, have an answer. */
export class Submission<O extends Answer = Answer> {
  /** The number of its transfers that wait for MySQL. */
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
  readonly payload: string;
  readonly trace: string | null;
  /** When the request was received, by this pod's own clock, ms. */
  readonly takenAt: number;
  /** On the monotonic clock, ms. */
  readonly deadline: number;
  /** Cursor and epoch of the lookup that did not find the id in MySQL; -1: not looked up. */
  lookupCursor = -1;
  lookupEpoch = -1;
  /** True if an attempt has left the pod and there is no proof that it wrote nothing. */
  inDoubt = false;
  /** The last epoch of the cache in which an attempt was left in doubt; 0 if there is none. */
  inDoubtEpoch = 0;
  /** Attempts that failed for a transient reason. */
  failures = 0;
  /** How often the item was queued again for an account or a lookup; limited, so that it cannot go on forever. */
  rounds = 0;
  answered = false;
  /** The problem of the last attempt, if that is more specific than the current state of the ledger. */
  trouble: ProblemCode | null = null;
  /** Counted by `DatabaseWait`. */
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

  /** Records that the outcome is known, so that none of the item's attempts in that epoch is in doubt anymore. */
  resolvedIn(view: EpochView): void {
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
    const { transactionId } = this.order;
    const detail = `the outcome of transaction ${transactionId} is not known yet`;
    return new Problem('outcome_unknown', detail, { transactionId });
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

export type Pending = PendingTransfer | PendingGroup;
export const isTransfer = (pending: Pending): pending is PendingTransfer => 'order' in pending;
export const isGroup = (pending: Pending): pending is PendingGroup => 'group' in pending;

/** The number of transfers in a batch. */
export const transfersIn = (batch: readonly Pending[]): number => batch.reduce((sum, { weight }) => sum + weight, 0);

/** Receives transfers and groups after a call, either with an answer or to wait for another attempt. */
export interface ResultSink {
  answer(pending: Pending, answer: Answer | Problem): void;
  /** Answers an item that cannot continue: with 504 while an attempt is in doubt, otherwise with the given problem. */
  giveUp(pending: Pending, problem: Problem): void;
  again(batch: readonly Pending[]): void;
}
