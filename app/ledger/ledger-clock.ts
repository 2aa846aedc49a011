import type { Clock } from '../kernel/clock.ts';

/** The store whose clock the ledger uses: Redis while it decides, otherwise MySQL. */
type Store = 'cache' | 'database';

/**
 * Window of replies, ms. A reply can be late but never early, so the fastest one in the window is the best sample. The
 * window also limits the time until a clock that was set back is noticed.
 */
const WINDOW_MS = 10_000;
/**
 * A deviation of the process's clock of at least this much, ms, is reported once it has lasted so long that slow
 * replies cannot be the cause.
 */
const OFF_MS = 2_000;
const OFF_FOR_MS = 5_000;

/** The clock of a store, computed as this process's monotonic clock plus an offset. */
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
  /**
   * Called with the deviation of this process's clock, ms (positive: ahead), or with null when the clock is right
   * again.
   */
  onOff(offMs: number | null): void;
}

/**
 * This process's estimate of the ledger's time, from replies of the stores. UUIDv7s are generated and validated
 * according to it. The process's own clock decides nothing; it is used only until a store has answered.
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

  /** Records the ledger's time from a reply of Redis, ms. */
  heardCache(timeMs: number): void {
    this.#hear('cache', timeMs);
  }
  /** Records MySQL's time, ms, and the mode of the authority. */
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
  /** How far this process's own clock is ahead of the ledger's, ms; negative: behind. */
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
