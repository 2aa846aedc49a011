import { bucketEnd, ID_BUCKET_MS } from '../domain/ids.ts';
import type { CacheKeeper, KeeperCaller } from '../journal/cache-port.ts';
import type { Clock } from '../kernel/clock.ts';

const BUCKETS_PER_ROUND_MAX = 100;

/**
 * Evicts ids from Redis, oldest UUIDv7 time first, once their outcomes are in MySQL and they are older than the window.
 * The window may have any length that fits into memory, because evicted ids are looked up in MySQL from then on.
 */
export class IdJanitor {
  readonly #deps: { cache: CacheKeeper; clock: Clock; windowMs: number };
  #turnedAtMs: number;

  constructor(deps: { cache: CacheKeeper; clock: Clock; windowMs: number }) {
    this.#deps = deps;
    this.#turnedAtMs = deps.clock.monotonic();
  }

  /** @param idTimeMax the largest UUIDv7 time of any id in MySQL, ms. @throws CacheError */
  async round(caller: KeeperCaller, idTimeMax: number): Promise<void> {
    const { cache, clock, windowMs } = this.#deps;
    const { lookupHorizon, time } = (await cache.journal(caller, Number.MAX_SAFE_INTEGER - 1, 1)).head;
    // Uses the ledger's time, not this keeper's, and never goes beyond the ids that MySQL has, because the lookup
    // horizon cannot be lowered again in this epoch.
    const forgettable = Math.min(time, idTimeMax) - windowMs;
    const buckets: number[] = [];
    for (
      let bucket = Math.floor((lookupHorizon + 1) / ID_BUCKET_MS);
      buckets.length < BUCKETS_PER_ROUND_MAX;
      bucket++
    ) {
      if (bucketEnd(bucket) >= forgettable) break;
      buckets.push(bucket);
    }
    const turn = clock.monotonic() - this.#turnedAtMs >= windowMs / 2;
    if (buckets.length === 0 && !turn) return;
    await cache.forget(caller, buckets, turn);
    if (turn) this.#turnedAtMs = clock.monotonic();
  }
}
