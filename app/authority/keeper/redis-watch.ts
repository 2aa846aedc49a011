import type { Clock } from '../../kernel/clock.ts';

/** For how long Redis has been away, or there and the same, as one keeper sees it. */
export class RedisWatch {
  readonly #clock: Clock;
  #lostSince: number | null = null;
  #trouble: unknown = null;
  #steady: { as: string | null; since: number } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long Redis could not be reached without a break, ms; 0 while it can. */
  get lostForMs(): number {
    return this.#lostSince === null ? 0 : this.#clock.monotonic() - this.#lostSince;
  }
  /** Why the last look saw nothing; null when it saw. */
  get trouble(): unknown {
    return this.#trouble;
  }
  /** How long the looks have found the same, ms. */
  get steadyForMs(): number {
    return this.#steady === null ? 0 : this.#clock.monotonic() - this.#steady.since;
  }

  /**
   * Looks at Redis. @returns what `ask` found, which is what has to stay the same; null when Redis cannot be reached
   */
  async look(ask: () => Promise<string | null>): Promise<string | null> {
    const asked = this.#clock.monotonic();
    try {
      const found = await ask();
      this.#lostSince = null;
      this.#trouble = null;
      if (this.#steady?.as !== found) this.#steady = { as: found, since: asked };
      return found;
    } catch (error) {
      this.#trouble = error;
      // From the moment that it was asked: a Redis that hangs lets every look wait.
      this.#lostSince ??= asked;
      this.#steady = null;
      return null;
    }
  }
}
