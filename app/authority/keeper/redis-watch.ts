import type { Clock } from '../../kernel/clock.ts';

/** How long Redis has been unreachable, or reachable and unchanged, as one keeper sees it. */
export class RedisWatch {
  readonly #clock: Clock;
  #lostSince: number | null = null;
  #trouble: unknown = null;
  #steady: { as: string | null; since: number } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long Redis has been continuously unreachable, ms; 0 while it is reachable. */
  get lostForMs(): number {
    return this.#lostSince === null ? 0 : this.#clock.monotonic() - this.#lostSince;
  }
  /** Why the last check failed; null if it succeeded. */
  get trouble(): unknown {
    return this.#trouble;
  }
  /** How long the checks have had the same result, ms. */
  get steadyForMs(): number {
    return this.#steady === null ? 0 : this.#clock.monotonic() - this.#steady.since;
  }

  /**
   * Checks Redis. @returns the result of `ask`, which is compared with the previous one; null when Redis cannot be
   * reached
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
      // Counted from the start of the check: a Redis that hangs makes every check wait.
      this.#lostSince ??= asked;
      this.#steady = null;
      return null;
    }
  }
}
