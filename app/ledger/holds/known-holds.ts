import type { HoldFacts } from '../ports/holds.ts';

/** Holds in one generation; there are two, so at least this many stay cached, and at most twice as many. */
const GENERATION_MAX = 20_000;

/**
 * The properties of holds that never change, cached so that a capture does not require a read first. When a generation
 * is full, the one before it is dropped at once, which takes less time than removing the oldest hold for each new one.
 * The store that decides compares the properties with its own data.
 */
export class KnownHolds {
  readonly #generationMax: number;
  #newer = new Map<string, HoldFacts>();
  #older = new Map<string, HoldFacts>();

  constructor(generationMax = GENERATION_MAX) {
    this.#generationMax = generationMax;
  }

  get(holdId: string): HoldFacts | undefined {
    return this.#newer.get(holdId) ?? this.#older.get(holdId);
  }
  keep({ holdId, account, destination, currency }: HoldFacts): void {
    if (this.#newer.size >= this.#generationMax) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(holdId, { holdId, account, destination, currency });
  }
  forget(holdId: string): void {
    this.#newer.delete(holdId);
    this.#older.delete(holdId);
  }
}
