import type { Clock } from '../clock.ts';

/** The store whose clock is the ledger's: Redis while it decides, else MySQL. */
type Store = 'cache' | 'database';

/** A reply is late, never early: the fastest of this long tells the time best, ms. It also bounds how long a clock that was set
 * back is not noticed. */
const WINDOW_MS = 10_000;
/** A process whose clock is further off says so, ms; when it has been so for as long as a slow reply may mislead. */
const OFF_MS = 2_000;
const OFF_FOR_MS = 5_000;

/** The clock of a store, as this process's monotonic clock plus an offset. */
class StoreClock {
  #offsetMs: number | null = null;
  #before: number | null = null;
  #beganMs = Number.NEGATIVE_INFINITY;

  hear(timeMs: number, monotonicMs: number): void {
    const offsetMs = timeMs - monotonicMs;
    if (monotonicMs - this.#beganMs >= WINDOW_MS) {
      this.#before = monotonicMs - this.#beganMs < 2 * WINDOW_MS ? this.#offsetMs : null;
      this.#offsetMs = offsetMs;
      this.#beganMs = monotonicMs;
    } else if (this.#offsetMs === null || offsetMs > this.#offsetMs) this.#offsetMs = offsetMs;
  }
  get offsetMs(): number | null {
    return this.#offsetMs === null ? null : Math.max(this.#offsetMs, this.#before ?? Number.NEGATIVE_INFINITY);
  }
}

interface LedgerClockDependencies {
  clock: Clock;
  /** This process's clock is off by so much, ms (above zero: ahead), or agrees again (null). */
  onOff(offMs: number | null): void;
}

/**
 * The ledger's time, as this process knows it from replies of the stores: what UUIDv7s are made of and held against. The clock of
 * a process decides nothing. Until a store has answered it stands in.
 */
export class LedgerClock {
  readonly #deps: LedgerClockDependencies;
  readonly #stores = { cache: new StoreClock(), database: new StoreClock() };
  #deciding: Store = 'cache';
  #offSinceMs: number | null = null;
  #isOff = false;

  constructor(deps: LedgerClockDependencies) {
    this.#deps = deps;
  }

  /** A script of Redis has told the ledger's time, ms. */
  heardCache(timeMs: number): void {
    this.#hear('cache', timeMs);
  }
  /** MySQL has told its time, ms, and who has the authority. */
  heardDatabase(timeMs: number, mode: string): void {
    if (mode === 'CACHE' || mode === 'DIRECT') this.#deciding = mode === 'DIRECT' ? 'database' : 'cache';
    this.#hear('database', timeMs);
  }

  /** Ms since 1970. */
  now(): number {
    const { clock } = this.#deps;
    const offsetMs = this.#offsetMs;
    return offsetMs === null ? clock.now() : Math.floor(clock.monotonic() + offsetMs);
  }
  /** By how much this process's own clock is ahead of the ledger's, ms; below zero: behind. */
  get offMs(): number {
    return this.#deps.clock.now() - this.now();
  }

  get #offsetMs(): number | null {
    return this.#stores[this.#deciding].offsetMs ?? this.#stores.database.offsetMs;
  }

  #hear(store: Store, timeMs: number): void {
    const { clock, onOff } = this.#deps;
    const monotonicMs = clock.monotonic();
    this.#stores[store].hear(timeMs, monotonicMs);
    if (Math.abs(this.offMs) <= OFF_MS) {
      if (this.#isOff) onOff(null);
      this.#isOff = false;
      this.#offSinceMs = null;
      return;
    }
    this.#offSinceMs ??= monotonicMs;
    if (this.#isOff || monotonicMs - this.#offSinceMs < OFF_FOR_MS) return;
    this.#isOff = true;
    onOff(this.offMs);
  }
}
