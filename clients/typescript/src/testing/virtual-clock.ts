import type { Clock } from '../clock.ts';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** A clock that stands still while code runs, and jumps to the next sleeper's time when everything is waiting. */
export class VirtualClock implements Clock {
  /** 2026-01-31T12:00:00Z. The wall clock and the monotonic clock advance together. */
  readonly startMs = Date.UTC(2026, 0, 31, 12);
  elapsedMs = 0;
  /** What `random()` returns. */
  chance: () => number = () => 0.5;
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    return this.startMs + this.elapsedMs;
  }
  monotonic(): number {
    return this.elapsedMs;
  }
  random(): number {
    return this.chance();
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper: Sleeper = { at: this.elapsedMs + Math.max(0, ms), wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /** Runs until `work` has settled. @throws Error if it waits for something other than this clock */
  async run<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    work.then(settle, settle);
    for (;;) {
      // Lets everything run that can run without time passing.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (isSettled) return work;
      const next = [...this.#sleepers].sort((a, b) => a.at - b.at)[0];
      if (!next) throw new Error('nothing sleeps, but the work has not settled');
      this.elapsedMs = Math.max(this.elapsedMs, next.at);
      next.wake();
    }
  }
}
