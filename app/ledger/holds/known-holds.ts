import type { HoldFacts } from '../ports/holds.ts';

const FACTS_MAX = 20_000;

/**
 * The properties of holds that never change, cached so that a capture needs no read before it. The oldest are evicted first.
 * The store that decides compares them with its own data.
 */
export class KnownHolds {
  readonly #facts = new Map<string, HoldFacts>();

  get(holdId: string): HoldFacts | undefined {
    return this.#facts.get(holdId);
  }
  keep({ holdId, account, destination, currency }: HoldFacts): void {
    this.#facts.set(holdId, { holdId, account, destination, currency });
    if (this.#facts.size <= FACTS_MAX) return;
    const [oldest] = this.#facts.keys();
    if (oldest !== undefined) this.#facts.delete(oldest);
  }
  forget(holdId: string): void {
    this.#facts.delete(holdId);
  }
}
