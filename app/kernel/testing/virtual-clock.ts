import type { Clock } from '../clock.ts';

const START_MS = 1_800_000_000_000;
/** The number of event-loop turns after which in-memory code has done everything it can without time passing. */
const IDLE_TURNS = 12;
const STEPS_MAX = 200_000;
/**
 * How many times to wait for work that takes many turns, if no timer is set, before concluding that nothing is pending.
 */
const PATIENCE = 500;

interface Timer {
  atMs: number;
  action(): void;
}

/**
 * Time that passes only when nothing else can happen: tests of deadlines and backoff take no time and are reproducible.
 */
export class VirtualClock implements Clock {
  #elapsedMs = 0;
  #timers: Timer[] = [];

  now(): number {
    return START_MS + this.#elapsedMs;
  }
  monotonic(): number {
    return this.#elapsedMs;
  }
  random(): number {
    return 0.5;
  }
  endOfTurn(action: () => void): void {
    setImmediate(action);
  }
  after(ms: number, action: () => void): () => void {
    const timer = { atMs: this.#elapsedMs + ms, action };
    const later = this.#timers.findIndex(({ atMs }) => atMs > timer.atMs);
    this.#timers.splice(later < 0 ? this.#timers.length : later, 0, timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.after(ms, done);
      signal?.addEventListener('abort', done);
    });
  }

  /** Runs everything that can happen at the current time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < IDLE_TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets time pass until the promise settles. @throws when nothing is pending that could settle it */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    let patience = PATIENCE;
    for (let step = 0; step < STEPS_MAX && patience > 0; step++) {
      await this.settle();
      if (settled) return promise;
      const next = this.#timers.shift();
      if (!next) {
        patience -= 1;
        continue;
      }
      patience = PATIENCE;
      this.#elapsedMs = next.atMs;
      next.action();
    }
    throw new Error('nothing is pending that could settle the promise');
  }

  /** Lets the given time pass. */
  async pass(ms: number): Promise<void> {
    await this.until(this.sleep(ms));
  }
}
