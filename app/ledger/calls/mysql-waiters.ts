import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import { backoffMs } from '../../kernel/retry.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';
import type { DatabaseWait } from './database-wait.ts';
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

  /** Counts a transfer that waits for MySQL, or answers it with a 503 if too many wait already. */
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
