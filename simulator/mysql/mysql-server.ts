import type { Scheduler } from '../core/scheduler.ts';
import { EPOCH_MS } from '../core/sim-process.ts';
import { Tables } from './tables.ts';

/** One MySQL server: its tables, its clock, and whether it answers. */
export class MysqlServer {
  readonly tables = new Tables();
  readonly #scheduler: Scheduler;
  /** Until then it refuses connections. */
  #awayUntilMs = 0;
  /** Until then so many transactions, of 1, are chosen as the victim of a deadlock. */
  deadlocks = 0;
  /** Until then so many commits, of 1, are done and never answered. */
  unknownCommits = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  #flushBlockedUntilMs = 0;
  #wallOffsetMs = 0;

  get nowMs(): number {
    return this.#scheduler.nowMs;
  }
  /** Its clock on the wall, ms since 1970. */
  get wallMs(): number {
    return EPOCH_MS + Math.floor(this.#scheduler.nowMs) + this.#wallOffsetMs;
  }
  /** The wall clock is set. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms;
  }
  get away(): boolean {
    return this.#scheduler.nowMs < this.#awayUntilMs;
  }
  goAwayFor(ms: number): void {
    this.#awayUntilMs = this.#scheduler.nowMs + ms;
  }
  /** Somebody holds a lock that the flush needs. */
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
