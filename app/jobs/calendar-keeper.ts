import type { BusinessCalendar } from '../domain/business-calendar.ts';
import type { CacheKeeper, KeeperCaller } from '../journal/cache-port.ts';
import type { Clock } from '../kernel/clock.ts';
import type { CalendarSettings } from './business-days.ts';

/** The business calendar in MySQL, which all processes follow. */
export interface CalendarStore {
  /**
   * Adds the business days of the next 400 days according to these settings, and changes those that begin in more than
   * two days.
   */
  extend(settings: CalendarSettings): Promise<void>;
  /** The business days, beginning three days ago. */
  read(): Promise<BusinessCalendar>;
}

const EVERY_MS = 60 * 60_000;

/** Writes the business calendar to MySQL, and copies it from there to Redis: hourly, and in every new epoch. */
export class CalendarKeeper {
  readonly #deps: { store: CalendarStore; cache: CacheKeeper; clock: Clock; settings: CalendarSettings };
  #extendedAt: number | null = null;
  #published: { epoch: number; at: number } | null = null;

  constructor(deps: { store: CalendarStore; cache: CacheKeeper; clock: Clock; settings: CalendarSettings }) {
    this.#deps = deps;
  }

  /** @throws Problem database_unavailable, CacheError */
  async round(caller: KeeperCaller | null): Promise<void> {
    const { store, cache, clock, settings } = this.#deps;
    const now = clock.monotonic();
    if (this.#extendedAt === null || now - this.#extendedAt >= EVERY_MS) {
      await store.extend(settings);
      this.#extendedAt = now;
      this.#published = null;
    }
    if (!caller || (this.#published?.epoch === caller.epoch && now - this.#published.at < EVERY_MS)) return;
    await cache.setCalendar(caller, await store.read());
    this.#published = { epoch: caller.epoch, at: now };
  }
}
