import type { CacheKeeper, KeeperCaller } from '../journal/cache-port.ts';

/** Each call evicts at most 500 holds, so that transfers wait only briefly. */
const CALLS_PER_ROUND_MAX = 100;

/**
 * Evicts holds from Redis beyond a maximum number, beginning with those that have ended. They are loaded again when they
 * are needed.
 */
export class HoldJanitor {
  readonly #deps: { cache: CacheKeeper; holdsMax: number };

  constructor(deps: { cache: CacheKeeper; holdsMax: number }) {
    this.#deps = deps;
  }

  /** @returns the number of holds left: above the maximum if too few of them are in MySQL yet @throws CacheError */
  async round(caller: KeeperCaller): Promise<number> {
    const { cache, holdsMax } = this.#deps;
    // Format 1 has no holds.
    if (caller.format === 1) return 0;
    for (let calls = 1; ; calls++) {
      const { evicted, size } = await cache.evictHolds(caller, holdsMax);
      if (size <= holdsMax || evicted === 0 || calls === CALLS_PER_ROUND_MAX) return size;
    }
  }
}
