import { Problem, type ProblemCode } from '../../domain/problem.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';
import type { ApplyItem } from '../../journal/cache-port.ts';
import { encodeOrder } from '../../journal/codec.ts';
import type { InDoubtAttempt } from '../../journal/journal-entry.ts';
import type { TrackedAttempt } from '../epoch/epoch-view.ts';
import type { DirectItem } from '../ports/direct-server.ts';

type Answer = Outcome | Problem;

/** One call to the ledger: resolves when all its transfers have an answer. */
export class Submission {
  /** How many of its transfers wait for MySQL. */
  waitingForDatabase = 0;
  readonly answers: Promise<Answer[]>;
  readonly #results: Answer[];
  #open: number;
  #resolve: (answers: Answer[]) => void = () => {};

  constructor(count: number) {
    this.#results = new Array<Answer>(count);
    this.#open = count;
    this.answers = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (count === 0) this.#resolve([]);
  }

  answer(index: number, answer: Answer): void {
    this.#results[index] = answer;
    this.#open -= 1;
    if (this.#open === 0) this.#resolve(this.#results);
  }
}

/** A transfer in this pod, from its acceptance to its answer. */
export class Pending implements ApplyItem, DirectItem, TrackedAttempt {
  readonly order: TransferOrder;
  readonly payload: string;
  readonly trace: string | null;
  /** By this pod's own clock, ms. */
  readonly takenAt: number;
  /** On the monotonic clock, ms. */
  readonly deadline: number;
  /** Cursor of the lookup that did not find the id in MySQL, and its epoch; -1: not looked up. */
  lookupCursor = -1;
  lookupEpoch = -1;
  /** True from the moment when an attempt has left the pod without proof that it wrote nothing. */
  inDoubt = false;
  /** Epoch of the cache in which an attempt was last left in doubt; 0: in none. */
  inDoubtEpoch = 0;
  /** Attempts that failed for a transient reason. */
  failures = 0;
  /** How often it was queued again for an account or a lookup: limited, so that it cannot continue forever. */
  rounds = 0;
  answered = false;
  /** The problem of its last attempt, if it is more specific than the current state of the ledger. */
  trouble: ProblemCode | null = null;
  /** Counted by `DatabaseWait`. */
  waitsForDatabase = false;
  readonly submission: Submission;
  readonly #index: number;

  constructor(
    order: TransferOrder,
    taken: { takenAt: number; deadline: number; trace: string | null },
    submission: Submission,
    index: number,
  ) {
    this.order = order;
    this.takenAt = taken.takenAt;
    this.deadline = taken.deadline;
    this.trace = taken.trace;
    this.payload = encodeOrder(order, taken.takenAt, taken.trace);
    this.submission = submission;
    this.#index = index;
  }

  inDoubtAttempt(): InDoubtAttempt {
    const { transactionId, source, destination } = this.order;
    return { kind: 'transfers', id: transactionId, accounts: [source, destination] };
  }

  leaveInDoubt(cacheEpoch: number | null): void {
    this.inDoubt = true;
    if (cacheEpoch !== null) this.inDoubtEpoch = cacheEpoch;
  }

  /**
   * An account that is not in MySQL now has never been there, because accounts are never deleted. So no attempt that
   * has been carried out has posted anything, and those that Redis may still carry out belong to an epoch that is over:
   * nothing is in doubt anymore.
   * @param epoch in which the account was looked for
   */
  resolveBy(problem: Problem, epoch: number): void {
    if (problem.code === 'account_not_found' && this.inDoubtEpoch < epoch) this.inDoubt = false;
  }

  answer(answer: Answer): void {
    if (this.answered) return;
    this.answered = true;
    this.submission.answer(this.#index, answer);
  }

  /** Answers a transfer that cannot continue: never with 503 while an attempt is in doubt. */
  giveUp(problem: Problem): void {
    const { transactionId } = this.order;
    this.answer(
      this.inDoubt
        ? new Problem('outcome_unknown', `the outcome of transaction ${transactionId} is not known yet`, {
            transactionId,
          })
        : problem,
    );
  }
}

/** Receives transfers after a call: with an answer, or to wait for another attempt. */
export interface ResultSink {
  answer(pending: Pending, answer: Outcome | Problem): void;
  /**
   * Answers a transfer that cannot continue: with 504 while an attempt of it is in doubt, otherwise with this problem.
   */
  giveUp(pending: Pending, problem: Problem): void;
  again(batch: readonly Pending[]): void;
}
