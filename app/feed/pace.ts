import type { Clock } from '../kernel/clock.ts';

/**
 * Limits low-priority work to a number of units per second, in total for all callers that share this object, so that
 * the pod's CPU remains available to requests.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #unitMs: number;
  #freeAtMs = 0;

  constructor(clock: Clock, unitsPerSecondMax: number) {
    this.#clock = clock;
    this.#unitMs = 1000 / unitsPerSecondMax;
  }

  /** Call after doing some work: waits until the rate permits more. */
  async pay(units: number): Promise<void> {
    const now = this.#clock.monotonic();
    this.#freeAtMs = Math.max(now, this.#freeAtMs) + units * this.#unitMs;
    const waitMs = this.#freeAtMs - now;
    // Timers are no more precise than this.
    if (waitMs >= 1) await this.#clock.sleep(waitMs);
  }
}
