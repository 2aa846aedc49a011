import { membersOf } from '../../domain/group.ts';
import { Problem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/types.ts';
import { CacheError, type CacheServer } from '../../journal/cache-port.ts';
import { outcomesOf } from '../../journal/codec.ts';
import { groupOutcomeOf } from '../../journal/group-codec.ts';
import type { JournalEntry } from '../../journal/journal-entry.ts';
import type { Clock } from '../../kernel/clock.ts';
import { backoffMs, retried } from '../../kernel/retry.ts';
import { TurnBatches } from '../../kernel/turn-batches.ts';
import type { EpochView, Session } from '../epoch/epoch-view.ts';
import { type AuthorityStamp, DATABASE_RETRY, type LedgerDatabase } from '../ports/ledger-database.ts';

const TRIES_MAX = 4;
/** The reply can contain a journal entry of up to 64 KB for each id. */
const FIND_IDS_MAX = 50;
const RETRY_BASE_MS = 20;
const LOOKUPS_IN_FLIGHT_MAX = 4;
const LOOKUP_BATCH_MAX = 500;
const WAITING_MAX = 50_000;

export type LookUp = Awaited<ReturnType<LedgerDatabase['findOutcomes']>>;
interface Asked {
  ids: readonly string[];
  settle(found: LookUp | Problem): void;
}

export interface OutcomeFinderDependencies {
  cache: CacheServer;
  database: LedgerDatabase;
  session: Session;
  clock: Clock;
}

/** Finds the outcome of a transaction id: in the cache's journal while it is there, otherwise in MySQL. */
export class OutcomeFinder {
  readonly #deps: OutcomeFinderDependencies;
  readonly #asked: TurnBatches<Asked>;

  constructor(deps: OutcomeFinderDependencies) {
    this.#deps = deps;
    this.#asked = new TurnBatches({
      clock: deps.clock,
      batchesInFlightMax: LOOKUPS_IN_FLIGHT_MAX,
      batchWeightMax: LOOKUP_BATCH_MAX,
      weightOf: ({ ids }) => ids.length,
      work: (batch) => this.#read(batch),
    });
  }

  /** The outcome per id; null if no store has one; a Problem if that cannot be determined now. */
  async find(ids: readonly string[]): Promise<(Outcome | Problem | null)[]> {
    const view = this.#deps.session.view();
    const inCache = view ? await this.#inCache(view, ids) : null;
    const rest = inCache ? ids.filter((id) => !inCache.has(id)) : ids;
    if (rest.length === 0) return ids.map((id) => inCache?.get(id) ?? null);
    const inDatabase = await this.inDatabase(rest);
    return ids.map((id) => {
      const cached = inCache?.get(id);
      if (cached) return cached;
      if (inDatabase instanceof Problem) return inDatabase;
      const stored = inDatabase.outcomes.get(id);
      if (stored) return stored;
      if (inDatabase.unsettled.has(id)) return new Problem('account_unsettled', `transfer ${id} waits for the journal`);
      const asked = inCache && view && view === this.#deps.session.view() ? view.caller.epoch : null;
      if (isNowhere(inDatabase.authority, asked)) return null;
      return new Problem(this.#deps.session.holdReason(), 'the outcome cannot be looked up at the moment');
    });
  }

  /** Looks ids up in MySQL; concurrent lookups share one read. */
  inDatabase(ids: readonly string[]): Promise<LookUp | Problem> {
    if (this.#asked.weight + ids.length > WAITING_MAX) {
      return Promise.resolve(new Problem('overloaded', 'too many ids are waiting to be looked up'));
    }
    return new Promise((settle) => this.#asked.add({ ids, settle }));
  }

  async #read(batch: readonly Asked[]): Promise<void> {
    let found: LookUp | Problem;
    try {
      const ids = [...new Set(batch.flatMap((asked) => asked.ids))];
      found = await retried({ ...DATABASE_RETRY, clock: this.#deps.clock }, () =>
        this.#deps.database.findOutcomes(ids),
      );
    } catch (error) {
      found =
        error instanceof Problem
          ? error
          : new Problem('internal_error', 'ids could not be looked up', {}, { cause: error });
    }
    for (const { settle } of batch) settle(found);
  }

  /** Outcomes that are still in the cache's journal; null if the cache could not be read. */
  async #inCache(view: EpochView, ids: readonly string[]): Promise<Map<string, Outcome> | null> {
    const found = new Map<string, Outcome>();
    for (let from = 0; from < ids.length; from += FIND_IDS_MAX) {
      const some = await this.#findInCache(view, ids.slice(from, from + FIND_IDS_MAX));
      if (some === null) return null;
      for (const [id, outcome] of some) found.set(id, outcome);
    }
    return found;
  }

  async #findInCache(view: EpochView, ids: readonly string[]): Promise<Map<string, Outcome> | null> {
    const entries = await entriesInCache(this.#deps, view, ids);
    if (entries === null) return null;
    const wanted = new Set(ids);
    const found = new Map<string, Outcome>();
    for (const entry of entries) {
      for (const outcome of transfersIn(entry, view.caller.epoch)) {
        const id = outcome.order.transactionId;
        if (wanted.has(id)) found.set(id, { ...outcome, persisted: outcome.seq <= view.cursor });
      }
    }
    return found;
  }
}

/** The outcomes of transfers in an entry, including those of the members of a group. */
function transfersIn(entry: JournalEntry, epoch: number): Outcome[] {
  if (entry.kind === 'transfers') return outcomesOf(entry, epoch);
  const group = entry.kind === 'group' ? groupOutcomeOf(entry, epoch) : null;
  return group?.status === 'POSTED' ? membersOf(group) : [];
}

/** The entries with these ids that are still in the cache's journal; null if the cache could not be read. */
export async function entriesInCache(
  { cache, session, clock }: OutcomeFinderDependencies,
  view: EpochView,
  ids: readonly string[],
): Promise<JournalEntry[] | null> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    if (attempt > 0) await clock.sleep(backoffMs(attempt, RETRY_BASE_MS, clock));
    if (session.view() !== view) return null;
    try {
      const reply = await cache.find(view.caller, ids);
      if (session.view() !== view) return null;
      view.keep(reply.entries, clock.monotonic());
      view.observe(reply.head);
      return reply.entries;
    } catch (error) {
      session.suspect(error, view);
      if (!(error instanceof CacheError)) return null;
    }
  }
  return null;
}

/**
 * Whether "not found" in MySQL proves that there is no outcome: the cache of the authority's epoch did not have one
 * either, or MySQL has everything.
 */
export function isNowhere({ mode, epoch, recovered }: AuthorityStamp, askedCacheOf: number | null): boolean {
  if (mode === 'CACHE') return askedCacheOf === epoch;
  return mode !== 'CLOSING' && recovered;
}
