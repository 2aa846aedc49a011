import { Problem } from '../../domain/problem.ts';
import type { Account } from '../../domain/types.ts';
import type { CachedAccount } from '../../journal/account-codec.ts';
import { CacheError, type CacheServer } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import { backoffMs, retried } from '../../kernel/retry.ts';
import { TurnBatches } from '../../kernel/turn-batches.ts';
import type { EpochView, Session } from '../epoch/epoch-view.ts';
import { DATABASE_RETRY, type LedgerDatabase } from '../ports/ledger-database.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';

/**
 * An account as MySQL has it, for which the cache has no room while everything in it waits to be persisted. It is
 * current: an account that is not in the cache has no journal entries that the snapshot lacks. But no transfer can use
 * it yet.
 */
export class Uncached {
  readonly account: Account;
  constructor(account: Account) {
    this.account = account;
  }
}
export type Loaded = CachedAccount | Uncached | Problem;

interface Flight {
  promise: Promise<Loaded>;
  land(loaded: Loaded): void;
}

const BATCH_MAX = 500;
const BATCHES_IN_FLIGHT_MAX = 4;
const WAITING_MAX = 50_000;
/** A snapshot may be older than what Redis has evicted in the meantime; each try reads a newer one. */
const TRIES_MAX = 12;
const RETRY_BASE_MS = 5;

interface AccountLoaderDependencies {
  cache: CacheServer;
  database: LedgerDatabase;
  session: Session;
  clock: Clock;
  events: LedgerEvents;
  accountsMax: number;
}

/**
 * Loads accounts from MySQL into the cache on demand: one load per account, shared by all requests that wait for it,
 * and many loads in one read. The limits keep a flood of unknown accounts from costing the database more than a few
 * reads at a time.
 */
export class AccountLoader {
  readonly #flights = new Map<string, Flight>();
  readonly #waiting: TurnBatches<string>;
  readonly #deps: AccountLoaderDependencies;

  constructor(deps: AccountLoaderDependencies) {
    this.#deps = deps;
    this.#waiting = new TurnBatches({
      clock: deps.clock,
      batchesInFlightMax: BATCHES_IN_FLIGHT_MAX,
      batchWeightMax: BATCH_MAX,
      weightOf: () => 1,
      work: (ids) => this.#load(ids),
    });
  }

  /** Each account as it is in the cache now, or a Problem: `account_not_found`, or why it cannot be loaded. */
  async ensure(ids: readonly string[]): Promise<Map<string, Loaded>> {
    const landed = await Promise.all(ids.map(async (id) => [id, await this.#flight(id)] as const));
    return new Map(landed);
  }

  #flight(id: string): Promise<Loaded> {
    const flying = this.#flights.get(id);
    if (flying) return flying.promise;
    if (this.#flights.size >= WAITING_MAX)
      return Promise.resolve(new Problem('overloaded', 'too many accounts are waiting to be loaded'));
    let land: Flight['land'] = () => {};
    const promise = new Promise<Loaded>((resolve) => {
      land = resolve;
    });
    this.#flights.set(id, { promise, land });
    this.#waiting.add(id);
    return promise;
  }

  async #load(ids: readonly string[]): Promise<void> {
    this.#deps.events.accountsMissed(ids.length);
    const land = (id: string, loaded: Loaded) => {
      this.#flights.get(id)?.land(loaded);
      this.#flights.delete(id);
    };
    try {
      const loaded = await this.#bring(ids);
      for (const id of ids) land(id, loaded.get(id) ?? notFound(id));
    } catch (error) {
      const problem =
        error instanceof Problem
          ? error
          : new Problem('internal_error', 'the accounts could not be loaded', {}, { cause: error });
      for (const id of ids) land(id, problem);
    }
  }

  async #bring(ids: readonly string[]): Promise<Map<string, Loaded>> {
    const { session, clock, events } = this.#deps;
    for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
      if (attempt > 0) {
        events.retried('load');
        await clock.sleep(backoffMs(Math.min(attempt, 6), RETRY_BASE_MS, clock));
      }
      const view = session.view();
      if (!view) break;
      const { stamp, accounts, acceptedUpTo } = await this.#read(ids);
      if (accounts.size === 0) return new Map();
      // The flush is in another epoch: this read may be older than this epoch's journal.
      if (stamp.epoch !== view.caller.epoch) continue;
      const snapshot = { cursor: stamp.cursor, acceptedUpTo };
      const installed = await this.#install(view, [...accounts.values()], snapshot);
      if (installed) return installed;
    }
    throw new Problem(
      session.view() ? 'overloaded' : session.holdReason(),
      'the accounts could not be loaded into the cache in time',
    );
  }

  #read(ids: readonly string[]) {
    const { clock, database, events } = this.#deps;
    const plan = { ...DATABASE_RETRY, clock, onRetry: () => events.retried('load') };
    return retried(plan, () => database.loadAccounts(ids));
  }

  async #install(
    view: EpochView,
    accounts: readonly Account[],
    { cursor, acceptedUpTo }: { cursor: number; acceptedUpTo: number },
  ): Promise<Map<string, Loaded> | null> {
    const { cache, events, accountsMax, session } = this.#deps;
    try {
      const reply = await cache.install(view.caller, accounts, cursor, accountsMax, acceptedUpTo);
      view.observe(reply.head);
      if (reply.evicted > 0) events.evicted(reply.evicted);
      return new Map(
        accounts.map((account, index) => [account.accountId, reply.accounts[index] ?? new Uncached(account)]),
      );
    } catch (error) {
      // Installing may be repeated: an account that is in the cache is left unchanged.
      if (!(error instanceof CacheError)) throw error;
      if (error.kind !== 'stale') session.suspect(error, view);
      return null;
    }
  }
}

export const notFound = (id: string): Problem => new Problem('account_not_found', `account ${id} does not exist`);
