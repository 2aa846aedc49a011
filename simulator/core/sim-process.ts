import type { Clock } from '../../app/kernel/clock.ts';
import type { Random } from './random.ts';
import type { Happening, Owner, Scheduler } from './scheduler.ts';

/** Virtual time begins here on the wall, ms since 1970. */
export const EPOCH_MS = 1_800_000_000_000;

/**
 * A process with a clock of its own. Paused, it does nothing, and what came meanwhile happens when it goes on; killed, it
 * never does anything again: its timers and its messages are gone with it.
 */
export class SimProcess implements Clock, Owner {
  readonly name: string;
  alive = true;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #paused = false;
  #held: Happening[] = [];
  /** How fast its time passes. */
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

  /** Whether it does it now; paused, it does it when it goes on. */
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
  /** The wall clock is set. */
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
