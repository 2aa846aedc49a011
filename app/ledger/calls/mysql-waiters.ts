import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import { backoffMs } from '../../kernel/retry.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';
import type { Pending, ResultSink } from './pending.ts';

/** Interval at which a transfer that needs MySQL is retried while MySQL is unavailable, ms. */
const DATABASE_WAIT_MS = 250;

/**
 * Transfers that need something from MySQL while Redis decides. While MySQL is unavailable they wait, up to their deadline and up
 * to the limit of `DatabaseWait`.
 */
export class MysqlWaiters {
  readonly #deps: { clock: Clock; events: LedgerEvents };
  readonly #sink: ResultSink;
  readonly #wait: DatabaseWait;
  /** Whether MySQL was unavailable at the latest attempt. */
  #databaseAway = false;

  constructor(deps: { clock: Clock; events: LedgerEvents }, sink: ResultSink, wait: DatabaseWait) {
    this.#deps = deps;
    this.#sink = sink;
    this.#wait = wait;
  }

  /** Counts a transfer that waits for MySQL, or answers it with a 503 if too many are already waiting. */
  mayWait(pending: Pending): boolean {
    if (this.#wait.begin(pending)) return true;
    const code = this.#databaseAway ? 'database_unavailable' : 'overloaded';
    this.#sink.giveUp(pending, new Problem(code, 'too many transfers are waiting for MySQL'));
    return false;
  }

  /** Called when MySQL has answered: these transfers no longer need it. */
  found(batch: readonly Pending[]): void {
    this.#databaseAway = false;
    for (const pending of batch) this.#wait.end(pending);
    this.#sink.again(batch);
  }

  /**
   * Called when MySQL is unavailable. The transfers only wait, because nothing was sent to MySQL that could change
   * anything.
   */
  hold(batch: readonly Pending[]): void {
    if (batch.length === 0) return;
    const { clock, events } = this.#deps;
    this.#databaseAway = true;
    const held = batch.filter((pending) => !pending.answered && this.mayWait(pending));
    if (held.length === 0) return;
    events.retried('database');
    // During an outage, the deadline ends the wait. The limit on rounds is only for loops that can occur without an outage.
    for (const pending of held) pending.rounds = 0;
    clock.after(backoffMs(0, DATABASE_WAIT_MS, clock), () => this.#sink.again(held));
  }
}

export const isDatabaseAway = ({ code }: Problem): boolean => code === 'database_unavailable';

/** True if the session now holds requests, so that the transfer waits in the queue like the others. */
export const isHeld = ({ code }: Problem): boolean => code === 'ledger_switching' || code === 'ledger_closed';

interface DatabaseWaitLimits {
  /** Maximum number of requests, and of transfers in them, that may wait for MySQL at the same time. */
  requestsMax: number;
  transfersMax: number;
}

/**
 * Counts the transfers that wait for MySQL (for the lookup of an id, for an account, or for MySQL to return), so that
 * they cannot crowd out the transfers that Redis can decide alone. Without this limit, clients whose transfers all need
 * MySQL would fill a pod's queue within seconds of an outage, and the pod would refuse every client.
 */
export class DatabaseWait {
  readonly #limits: DatabaseWaitLimits;
  #transfers = 0;
  #requests = 0;

  constructor(limits: DatabaseWaitLimits) {
    this.#limits = limits;
  }

  /** Number of requests that wait; they use memory, but no CPU. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Returns false if too many are waiting already. A waiting transfer is counted once, until `end` is called. An answered
   * transfer is not counted, because `end` has already been called for it and would not be called again.
   */
  begin(pending: Pending): boolean {
    if (pending.answered) return false;
    if (pending.waitsForDatabase) return true;
    const { submission } = pending;
    const isFirst = submission.waitingForDatabase === 0;
    if (this.#transfers >= this.#limits.transfersMax) return false;
    if (isFirst && this.#requests >= this.#limits.requestsMax) return false;
    pending.waitsForDatabase = true;
    submission.waitingForDatabase += 1;
    this.#transfers += pending.weight;
    if (isFirst) this.#requests += 1;
    return true;
  }

  end(pending: Pending): void {
    if (!pending.waitsForDatabase) return;
    const { submission } = pending;
    pending.waitsForDatabase = false;
    submission.waitingForDatabase -= 1;
    this.#transfers -= pending.weight;
    if (submission.waitingForDatabase === 0) this.#requests -= 1;
  }
}
