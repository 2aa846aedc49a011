import type { Random } from './random.ts';

/**
 * The source of the time in a UUIDv7. `history` is the simulated time: reproducible, but the service first looks up
 * such old ids in MySQL. `now` is the wall clock, with which ids take the service's fast path; with `from` (ms since
 * 1970), the time is counted from there instead, so that the ids are reproducible.
 */
export type IdTimes = { kind: 'history' } | { kind: 'now'; from?: number };

/**
 * With `from`, the time advances by one millisecond after this many ids. No client posts that many in a millisecond, so
 * ids never run ahead of the service's clock. (The service rejects ids that are 60 s ahead; ids that are behind are
 * only older.)
 */
const IDS_PER_MS = 50;

/** Reproducible transaction ids: the 74 random bits of each UUIDv7 (RFC 9562) come from the seed. */
export class TransactionIds {
  private readonly random: Random;
  private readonly times: IdTimes;
  private readonly now: () => number;
  private count = 0;

  constructor(random: Random, times: IdTimes, now: () => number) {
    this.random = random;
    this.times = times;
    this.now = now;
  }

  /** The next id, for a transfer at a simulated time (ms since 1970). */
  next(momentMs: number): string {
    const time = this.timeFor(momentMs).toString(16).padStart(12, '0');
    const high = hex8(this.random.u32());
    const middle = hex8(((this.random.u32() & 0x3fffffff) | 0x80000000) >>> 0);
    const low = hex8(this.random.u32());
    return `${time.slice(0, 8)}-${time.slice(8)}-7${high.slice(0, 3)}-${middle.slice(0, 4)}-${middle.slice(4)}${low}`;
  }

  private timeFor(momentMs: number): number {
    const index = this.count++;
    if (this.times.kind === 'history') return momentMs;
    if (this.times.from === undefined) return this.now();
    return this.times.from + Math.floor(index / IDS_PER_MS);
  }
}

function hex8(word: number): string {
  return word.toString(16).padStart(8, '0');
}
