import type { StoredHold } from '../../domain/hold-types.ts';
import { Problem } from '../../domain/problem.ts';
import type { CachedHold, CacheServer } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import { retried } from '../../kernel/retry.ts';
import { TurnBatches } from '../../kernel/turn-batches.ts';
import type { EpochView, Session } from '../epoch/epoch-view.ts';
import { DATABASE_RETRY, type LedgerDatabase } from '../ports/ledger-database.ts';

export interface ReadHold {
  hold: StoredHold;
  /** Whether its latest event is in MySQL. */
  persisted: boolean;
  /** True only while the authority is moving or closed, or while its account waits for the journal. */
  stale: boolean;
}

type Found = ReadHold | Problem | null;
interface Asked {
  id: string;
  settle(found: Found): void;
}

const BATCH_MAX = 500;
const WAITING_MAX = 50_000;
const CALLS_IN_FLIGHT_MAX = 4;

interface HoldReaderDependencies {
  cache: CacheServer;
  database: LedgerDatabase;
  session: Session;
  clock: Clock;
}

/**
 * Reads holds: those requested in one turn of the event loop share one script call. The cache keeps a hold until its latest
 * event is in MySQL, so for any other hold MySQL has the current state.
 */
export class HoldReader {
  readonly #deps: HoldReaderDependencies;
  readonly #asked: TurnBatches<Asked>;

  constructor(deps: HoldReaderDependencies) {
    this.#deps = deps;
    this.#asked = new TurnBatches({
      clock: deps.clock,
      batchesInFlightMax: CALLS_IN_FLIGHT_MAX,
      batchWeightMax: BATCH_MAX,
      weightOf: () => 1,
      work: (batch) => this.#serve(batch),
    });
  }

  /** Null if it was found in neither store; it may exist nevertheless. */
  read(id: string): Promise<Found> {
    if (this.#asked.weight >= WAITING_MAX)
      return Promise.resolve(new Problem('overloaded', 'too many reads of holds are waiting'));
    return new Promise((settle) => this.#asked.add({ id, settle }));
  }

  async #serve(batch: readonly Asked[]): Promise<void> {
    const ids = [...new Set(batch.map(({ id }) => id))];
    const view = this.#deps.session.view();
    const found = view ? await this.#fromCache(view, ids) : null;
    const rest = found ? ids.filter((id) => !found.has(id)) : ids;
    const stored = rest.length > 0 ? await this.#fromDatabase(rest, found !== null) : new Map<string, Found>();
    for (const { id, settle } of batch) settle(found?.get(id) ?? stored.get(id) ?? null);
  }

  /** Null if the cache did not answer, or if the epoch ended in the meantime, because replies of an ended epoch are ignored. */
  async #fromCache(view: EpochView, ids: readonly string[]): Promise<Map<string, ReadHold> | null> {
    const { cache, session } = this.#deps;
    try {
      const { head, holds } = await cache.readHolds(view.caller, ids);
      if (session.view() !== view) return null;
      view.observe(head);
      return new Map(
        holds.flatMap((hold) => {
          if (!hold) return [];
          const persisted = !hold.modified || hold.seq <= view.cursor;
          return [[hold.holdId, { hold: storedHoldOf(hold), persisted, stale: false }] as const];
        }),
      );
    } catch (error) {
      session.suspect(error, view);
      return null;
    }
  }

  /** @param notCached true if the cache is known not to have the holds; MySQL then has their current state */
  async #fromDatabase(ids: readonly string[], notCached: boolean): Promise<Map<string, Found>> {
    const { clock, database } = this.#deps;
    try {
      const read = await retried({ ...DATABASE_RETRY, clock }, () => database.loadHolds(ids));
      const decides = notCached || read.authority.mode === 'DIRECT';
      return new Map(
        [...read.holds].map(([id, hold]) => [
          id,
          { hold, persisted: true, stale: !decides || read.frozen.has(id) } as const,
        ]),
      );
    } catch (error) {
      const problem =
        error instanceof Problem
          ? error
          : new Problem('internal_error', 'holds could not be read', {}, { cause: error });
      return new Map(ids.map((id) => [id, problem]));
    }
  }
}

function storedHoldOf({ modified: _, seq: __, ...hold }: CachedHold): StoredHold {
  return hold;
}
