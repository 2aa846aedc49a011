import { withoutMark } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import { CacheError, type CacheServer } from '../../journal/cache-port.ts';
import type { Stamp } from '../../journal/cursor.ts';
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

/** The result of a lookup of ids in MySQL, from one snapshot. */
export interface LookUp<O> {
  stamp: Stamp;
  authority: AuthorityStamp;
  /** Outcomes by id; ids without an outcome in MySQL are absent. */
  outcomes: ReadonlyMap<string, O>;
  /** The ids whose outcomes are only in the journal of an ended epoch, in the form in which Redis stores them. */
  unsettled: ReadonlySet<string>;
}

/** How to find the outcomes of one kind of id. `W` is the type of a request for a lookup in MySQL. */
export interface FinderKind<O, W, L extends LookUp<O>> {
  /** What the id is called in messages. */
  name: string;
  /** The id in the form in which Redis stores it. */
  keyOf(id: string): string;
  /** The outcomes in an entry, by their ids. */
  outcomesIn(entry: JournalEntry, epoch: number): Iterable<readonly [id: string, outcome: O]>;
  /** A request for only the outcome of an id. */
  wantedOf(id: string): W;
  /** The number of ids that a request contains. */
  weightOf(wanted: W): number;
  read(wanted: readonly W[]): Promise<L>;
}

export interface FinderDependencies {
  cache: CacheServer;
  database: LedgerDatabase;
  session: Session;
  clock: Clock;
}

/** An outcome with a position in a journal. */
interface Positioned {
  seq: number;
  persisted: boolean;
}

interface Asked<W, L> {
  wanted: readonly W[];
  settle(found: L | Problem): void;
}

/** Finds the outcomes of ids of one kind: in the cache's journal while they are there, otherwise in MySQL. */
export class Finder<O extends Positioned, W = string, L extends LookUp<O> = LookUp<O>> {
  readonly #deps: FinderDependencies;
  readonly #kind: FinderKind<O, W, L>;
  readonly #asked: TurnBatches<Asked<W, L>>;

  constructor(deps: FinderDependencies, kind: FinderKind<O, W, L>) {
    this.#deps = deps;
    this.#kind = kind;
    this.#asked = new TurnBatches({
      clock: deps.clock,
      batchesInFlightMax: LOOKUPS_IN_FLIGHT_MAX,
      batchWeightMax: LOOKUP_BATCH_MAX,
      weightOf: ({ wanted }) => this.#weightOf(wanted),
      work: (batch) => this.#read(batch),
    });
  }

  /** The outcome per id; null if no store has one; a Problem if that cannot be determined now. */
  async find(ids: readonly string[]): Promise<(O | Problem | null)[]> {
    const { session } = this.#deps;
    const { name, keyOf, wantedOf } = this.#kind;
    const view = session.view();
    const inCache = view ? await this.#inCache(view, ids) : null;
    const rest = inCache ? ids.filter((id) => !inCache.has(id)) : ids;
    if (rest.length === 0) return ids.map((id) => inCache?.get(id) ?? null);
    const inDatabase = await this.inDatabase(rest.map(wantedOf));
    return ids.map((id) => {
      const cached = inCache?.get(id);
      if (cached) return cached;
      if (inDatabase instanceof Problem) return inDatabase;
      const stored = inDatabase.outcomes.get(id);
      if (stored) return stored;
      if (inDatabase.unsettled.has(keyOf(id)))
        return new Problem('account_unsettled', `${name} ${withoutMark(id)} waits for the journal`);
      const asked = inCache && view && view === session.view() ? view.caller.epoch : null;
      if (isNowhere(inDatabase.authority, asked)) return null;
      return new Problem(session.holdReason(), 'the outcome cannot be looked up at the moment');
    });
  }

  /** A request for only the outcome of an id. */
  wantedOf(id: string): W {
    return this.#kind.wantedOf(id);
  }

  /** Looks ids up in MySQL; concurrent lookups share one read. */
  inDatabase(wanted: readonly W[]): Promise<L | Problem> {
    if (this.#asked.weight + this.#weightOf(wanted) > WAITING_MAX) {
      return Promise.resolve(new Problem('overloaded', 'too many ids are waiting to be looked up'));
    }
    return new Promise((settle) => this.#asked.add({ wanted, settle }));
  }

  #weightOf(wanted: readonly W[]): number {
    return wanted.reduce((sum, one) => sum + this.#kind.weightOf(one), 0);
  }

  async #read(batch: readonly Asked<W, L>[]): Promise<void> {
    let found: L | Problem;
    try {
      const wanted = batch.flatMap((asked) => asked.wanted);
      found = await retried({ ...DATABASE_RETRY, clock: this.#deps.clock }, () => this.#kind.read(wanted));
    } catch (error) {
      found =
        error instanceof Problem
          ? error
          : new Problem('internal_error', 'ids could not be looked up', {}, { cause: error });
    }
    for (const { settle } of batch) settle(found);
  }

  /** Outcomes that are still in the cache's journal; null if the cache could not be read. */
  async #inCache(view: EpochView, ids: readonly string[]): Promise<Map<string, O> | null> {
    const wanted = new Set(ids);
    const found = new Map<string, O>();
    for (let from = 0; from < ids.length; from += FIND_IDS_MAX) {
      const keys = ids.slice(from, from + FIND_IDS_MAX).map(this.#kind.keyOf);
      const entries = await this.#entriesWith(view, keys);
      if (entries === null) return null;
      for (const entry of entries) {
        for (const [id, outcome] of this.#kind.outcomesIn(entry, view.caller.epoch)) {
          if (wanted.has(id)) found.set(id, { ...outcome, persisted: outcome.seq <= view.cursor });
        }
      }
    }
    return found;
  }

  /** The entries with these ids that are still in the cache's journal; null if the cache could not be read. */
  async #entriesWith(view: EpochView, keys: readonly string[]): Promise<JournalEntry[] | null> {
    const { cache, session, clock } = this.#deps;
    for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
      if (attempt > 0) await clock.sleep(backoffMs(attempt, RETRY_BASE_MS, clock));
      if (session.view() !== view) return null;
      try {
        const reply = await cache.find(view.caller, keys);
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
}

/**
 * Whether "not found" in MySQL proves that there is no outcome. It does if the cache of the authority's epoch had none either,
 * or if MySQL has everything.
 */
function isNowhere({ mode, epoch, recovered }: AuthorityStamp, askedCacheOf: number | null): boolean {
  if (mode === 'CACHE') return askedCacheOf === epoch;
  return mode !== 'CLOSING' && recovered;
}
