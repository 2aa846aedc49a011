import type { Scheduler } from '../core/scheduler.ts';
import { EPOCH_MS } from '../core/sim-process.ts';
import { Tables } from './tables.ts';

/** A MySQL server: its tables, its clock, and whether it responds. */
export class MysqlServer {
  readonly tables = new Tables(() => this.wallMs);
  /** Called in the transaction that ends the acceptance of a loss. */
  onLossAccepted: () => void = () => {};
  readonly #scheduler: Scheduler;
  /** The server refuses connections until this time. */
  #awayUntilMs = 0;
  /** The fraction of transactions that become the victim of a deadlock. */
  deadlocks = 0;
  /** The fraction of commits that are executed without a response. */
  unknownCommits = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  #flushBlockedUntilMs = 0;
  #wallOffsetMs = 0;

  get nowMs(): number {
    return this.#scheduler.nowMs;
  }
  /** Its wall clock, ms since 1970. */
  get wallMs(): number {
    return EPOCH_MS + Math.floor(this.#scheduler.nowMs) + this.#wallOffsetMs;
  }
  /** Moves the wall clock by `ms`. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms;
  }
  get away(): boolean {
    return this.#scheduler.nowMs < this.#awayUntilMs;
  }
  goAwayFor(ms: number): void {
    this.#awayUntilMs = this.#scheduler.nowMs + ms;
  }
  /** Whether another session holds a lock that the flush needs. */
  get flushBlocked(): boolean {
    return this.#scheduler.nowMs < this.#flushBlockedUntilMs;
  }
  blockFlushFor(ms: number): void {
    this.#flushBlockedUntilMs = this.#scheduler.nowMs + ms;
  }
  heal(): void {
    this.#flushBlockedUntilMs = 0;
    this.#awayUntilMs = 0;
    this.deadlocks = 0;
    this.unknownCommits = 0;
  }
}
