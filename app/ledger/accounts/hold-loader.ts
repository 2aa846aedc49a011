import type { StoredHold } from '../../domain/hold-types.ts';
import { holdNotFound } from '../../domain/not-found.ts';
import type { Problem } from '../../domain/problem.ts';
import type { CacheServer } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Session } from '../epoch/epoch-view.ts';
import type { LedgerDatabase } from '../ports/ledger-database.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';
import { Loads } from './loads.ts';

interface HoldLoaderDependencies {
  cache: CacheServer;
  database: LedgerDatabase;
  session: Session;
  clock: Clock;
  events: LedgerEvents;
}

type HoldsRead = Awaited<ReturnType<LedgerDatabase['loadHolds']>>;

/** Loads holds from MySQL into the cache on demand, in the same way as accounts. */
export class HoldLoader {
  readonly #loads: Loads<StoredHold, HoldsRead>;

  constructor({ cache, database, session, clock, events }: HoldLoaderDependencies) {
    this.#loads = new Loads({
      session,
      clock,
      events,
      what: 'holds',
      onLoad: () => {},
      read: (ids) => database.loadHolds(ids),
      // An empty result never proves that a hold does not exist: the hold may be in the journal of another epoch.
      isNothing: () => false,
      async install(view, { stamp, holds }) {
        if (holds.size === 0) return new Map();
        const reply = await cache.installHolds(view.caller, [...holds.values()], stamp.cursor);
        view.observe(reply.head);
        return new Map(reply.holds.map((hold) => [hold.holdId, hold]));
      },
      notFound: holdNotFound,
    });
  }

  /** Returns each hold from the cache, or a Problem: `hold_not_found`, or the reason why it cannot be loaded. */
  ensure(holdIds: readonly string[]): Promise<Map<string, StoredHold | Problem>> {
    return this.#loads.ensure(holdIds);
  }
}
