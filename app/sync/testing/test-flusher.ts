import type { CacheKeeper } from '../../journal/cache-port.ts';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { Flusher, type JournalStore } from '../flusher.ts';

interface TestFlusherOptions {
  cache: CacheKeeper;
  store: JournalStore;
  clock?: Clock;
  batchMax?: number;
}

/** A flusher without delays and without reports, for tests of other components. */
export function testFlusher({ cache, store, clock = systemClock, batchMax = 200 }: TestFlusherOptions): Flusher {
  return new Flusher({
    cache,
    store,
    clock,
    limits: { batchMax, charsMax: 1_000_000, gatherMs: 1, retryBaseMs: 1, retryMaxMs: 10, alertAfterFailures: 5 },
    events: { flushed() {}, failed() {}, alert() {}, waiting() {} },
  });
}
