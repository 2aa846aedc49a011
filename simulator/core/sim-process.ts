import type { Clock } from '../../app/kernel/clock.ts';
import type { Random } from './random.ts';
import type { Happening, Owner, Scheduler } from './scheduler.ts';

/** Where virtual wall-clock time begins, ms since 1970. */
export const EPOCH_MS = 1_800_000_000_000;

/**
 * A process with its own clock. While it is paused it does nothing, and events for it run when it resumes. After it is
 * killed it never does anything again: its timers and messages are discarded.
 */
export class SimProcess implements Clock, Owner {
  readonly name: string;
  alive = true;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #paused = false;
  #held: Happening[] = [];
  /** The rate of its clock. */
  #rate: number;
  #wallOffsetMs: number;

  constructor(name: string, scheduler: Scheduler, random: Random, time: { rate: number; offsetMs: number }) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#rate = time.rate;
    this.#wallOffsetMs = time.offsetMs;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Whether the event runs now; a paused process runs it when it resumes. */
  takes(happening: Happening): boolean {
    if (this.#paused) this.#held.push(happening);
    return !this.#paused;
  }

  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const held = this.#held;
    this.#held = [];
    for (const happening of held) this.#scheduler.again(happening);
  }
  kill(): void {
    this.alive = false;
    this.#held = [];
  }
  /** Moves the wall clock by `ms`. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  now(): number {
    return EPOCH_MS + Math.floor(this.#scheduler.nowMs * this.#rate + this.#wallOffsetMs);
  }
  monotonic(): number {
    return 1000 + this.#scheduler.nowMs * this.#rate;
  }
  random(): number {
    return this.#random.unit();
  }
  after(ms: number, action: () => void): () => void {
    const happening = this.#scheduler.after(Math.max(0, ms) / this.#rate, action, this);
    return () => {
      happening.cancelled = true;
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
      signal?.addEventListener('abort', done, { once: true });
    });
  }
  endOfTurn(action: () => void): void {
    this.#scheduler.after(0, action, this);
  }
}
