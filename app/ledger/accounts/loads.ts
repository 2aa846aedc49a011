import { Problem } from '../../domain/problem.ts';
import { CacheError } from '../../journal/cache-port.ts';
import type { Stamp } from '../../journal/cursor.ts';
import type { Clock } from '../../kernel/clock.ts';
import { backoffMs, retried } from '../../kernel/retry.ts';
import { TurnBatches } from '../../kernel/turn-batches.ts';
import type { EpochView, Session } from '../epoch/epoch-view.ts';
import { DATABASE_RETRY } from '../ports/ledger-database.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';

interface Flight<T> {
  promise: Promise<T | Problem>;
  land(loaded: T | Problem): void;
}

interface LoadsPlan<T, R extends { stamp: Stamp }> {
  session: Session;
  clock: Clock;
  events: LedgerEvents;
  /** What the items are called in messages. */
  what: string;
  /** Called with the number of ids that are about to be loaded. */
  onLoad(count: number): void;
  /** Reads items from MySQL. @throws Problem */
  read(ids: readonly string[]): Promise<R>;
  /** Items that do not exist are absent from the result. @throws CacheError */
  install(view: EpochView, found: R): Promise<Map<string, T>>;
  /** True if the read proves that none of the items exists, however far the flush has progressed. */
  isNothing(found: R): boolean;
  notFound(id: string): Problem;
}

const BATCH_MAX = 500;
const BATCHES_IN_FLIGHT_MAX = 4;
const WAITING_MAX = 50_000;
/** A snapshot may be older than an item that Redis has evicted in the meantime; each attempt reads a newer snapshot. */
const TRIES_MAX = 12;
const RETRY_BASE_MS = 5;

/**
 * Loads accounts, or holds, from MySQL into the cache on demand: one load per id, shared by all requests that wait for it,
 * and many loads in one read. The limits keep a flood of unknown ids from costing the database more than a few reads at a
 * time.
 */
export class Loads<T, R extends { stamp: Stamp }> {
  readonly #plan: LoadsPlan<T, R>;
  readonly #flights = new Map<string, Flight<T>>();
  readonly #waiting: TurnBatches<string>;

  constructor(plan: LoadsPlan<T, R>) {
    this.#plan = plan;
    this.#waiting = new TurnBatches({
      clock: plan.clock,
      batchesInFlightMax: BATCHES_IN_FLIGHT_MAX,
      batchWeightMax: BATCH_MAX,
      weightOf: () => 1,
      work: (ids) => this.#load(ids),
    });
  }

  async ensure(ids: readonly string[]): Promise<Map<string, T | Problem>> {
    const landed = await Promise.all(ids.map(async (id) => [id, await this.#flight(id)] as const));
    return new Map(landed);
  }

  #flight(id: string): Promise<T | Problem> {
    const flying = this.#flights.get(id);
    if (flying) return flying.promise;
    if (this.#flights.size >= WAITING_MAX)
      return Promise.resolve(new Problem('overloaded', `too many ${this.#plan.what} are waiting to be loaded`));
    let land: Flight<T>['land'] = () => {};
    const promise = new Promise<T | Problem>((resolve) => {
      land = resolve;
    });
    this.#flights.set(id, { promise, land });
    this.#waiting.add(id);
    return promise;
  }

  async #load(ids: readonly string[]): Promise<void> {
    this.#plan.onLoad(ids.length);
    const land = (id: string, loaded: T | Problem) => {
      this.#flights.get(id)?.land(loaded);
      this.#flights.delete(id);
    };
    try {
      const loaded = await this.#bring(ids);
      for (const id of ids) land(id, loaded.get(id) ?? this.#plan.notFound(id));
    } catch (error) {
      const why = `the ${this.#plan.what} could not be loaded`;
      const problem = error instanceof Problem ? error : new Problem('internal_error', why, {}, { cause: error });
      for (const id of ids) land(id, problem);
    }
  }

  async #bring(ids: readonly string[]): Promise<Map<string, T>> {
    const { session, clock, events, what, read } = this.#plan;
    for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
      if (attempt > 0) {
        events.retried('load');
        await clock.sleep(backoffMs(Math.min(attempt, 6), RETRY_BASE_MS, clock));
      }
      const view = session.view();
      if (!view) break;
      const plan = { ...DATABASE_RETRY, clock, onRetry: () => events.retried('load') };
      const found = await retried(plan, () => read(ids));
      if (this.#plan.isNothing(found)) return new Map();
      // The cursor is in another epoch: this read may be older than this epoch's journal.
      if (found.stamp.epoch !== view.caller.epoch) continue;
      const installed = await this.#install(view, found);
      if (installed) return installed;
    }
    throw new Problem(
      session.view() ? 'overloaded' : session.holdReason(),
      `the ${what} could not be loaded into the cache in time`,
    );
  }

  async #install(view: EpochView, found: R): Promise<Map<string, T> | null> {
    try {
      return await this.#plan.install(view, found);
    } catch (error) {
      // Installing may be repeated, because it leaves items that are in the cache unchanged.
      if (!(error instanceof CacheError)) throw error;
      if (error.kind !== 'stale') this.#plan.session.suspect(error, view);
      return null;
    }
  }
}
