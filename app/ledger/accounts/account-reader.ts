import { notFound } from '../../domain/account-problems.ts';
import { Problem } from '../../domain/problem.ts';
import type { AccountView } from '../../domain/types.ts';
import type { CachedAccount } from '../../journal/account-codec.ts';
import type { CacheServer } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import { TurnBatches } from '../../kernel/turn-batches.ts';
import type { EpochView, Session } from '../epoch/epoch-view.ts';
import type { LedgerDatabase } from '../ports/ledger-database.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';
import { type AccountLoader, type Loaded, Uncached } from './account-loader.ts';

type View = AccountView | Problem;
interface Asked {
  ids: readonly string[];
  settle(found: View[]): void;
}

/** The accounts that the cache contained at ledger time `asOf`, ms. */
interface Cached {
  accounts: (CachedAccount | null)[];
  asOf: number;
}

const BATCH_IDS_MAX = 2000;
const WAITING_IDS_MAX = 100_000;
const CALLS_IN_FLIGHT_MAX = 4;

interface AccountReaderDependencies {
  cache: CacheServer;
  database: LedgerDatabase;
  session: Session;
  loader: AccountLoader;
  clock: Clock;
  events: LedgerEvents;
}

/**
 * Reads accounts: those requested in one turn of the event loop share one script call. Accounts that are not in the
 * cache are loaded. While Redis does not have the authority, accounts are read from MySQL, and marked stale unless
 * MySQL has the authority.
 */
export class AccountReader {
  readonly #deps: AccountReaderDependencies;
  readonly #asked: TurnBatches<Asked>;

  constructor(deps: AccountReaderDependencies) {
    this.#deps = deps;
    this.#asked = new TurnBatches({
      clock: deps.clock,
      batchesInFlightMax: CALLS_IN_FLIGHT_MAX,
      batchWeightMax: BATCH_IDS_MAX,
      weightOf: ({ ids }) => ids.length,
      work: (batch) => this.#serve(batch),
    });
  }

  read(ids: readonly string[]): Promise<View[]> {
    if (this.#asked.weight + ids.length > WAITING_IDS_MAX) {
      const refused = new Problem('overloaded', 'too many reads are waiting');
      return Promise.resolve(ids.map(() => refused));
    }
    return new Promise((settle) => this.#asked.add({ ids, settle }));
  }

  /** Makes one script call. Reads that need MySQL continue separately: they must not delay reads of cached accounts. */
  async #serve(batch: readonly Asked[]): Promise<void> {
    const view = this.#deps.session.view();
    const ids = batch.length === 1 && batch[0] ? batch[0].ids : batch.flatMap((asked) => asked.ids);
    const cached = view && (await this.#fromCache(view, ids));
    if (!view || !cached) return void answer(batch, (wanted) => this.#fromDatabase(wanted));
    const { asOf } = cached;
    let from = 0;
    for (const asked of batch) {
      const accounts = cached.accounts.slice(from, from + asked.ids.length);
      from += asked.ids.length;
      if (accounts.includes(null)) void this.#complete(view, asked, accounts, asOf);
      else asked.settle(accounts.map((account, index) => found(account, asked.ids[index] ?? '', asOf)));
    }
  }

  /** Loads the accounts that were not in the cache; the loader combines the accounts of all waiting requests. */
  async #complete(view: EpochView, asked: Asked, accounts: (CachedAccount | null)[], asOf: number): Promise<void> {
    const { loader, session } = this.#deps;
    const loaded = await loader.ensure([...new Set(asked.ids.filter((_, index) => !accounts[index]))]);
    if (session.view() !== view) return answer([asked], (ids) => this.#fromDatabase(ids));
    asked.settle(
      asked.ids.map((id, index) => {
        const account = accounts[index];
        return account ? viewOf(account, asOf) : found(loaded.get(id), id, asOf);
      }),
    );
  }

  /**
   * Null if the cache did not answer, or if the epoch ended in the meantime, because its replies no longer count then.
   */
  async #fromCache(view: EpochView, ids: readonly string[]): Promise<Cached | null> {
    const { cache, session, events } = this.#deps;
    try {
      const { head, accounts } = await cache.read(view.caller, ids);
      if (session.view() !== view) return null;
      view.observe(head);
      events.accountsHit(accounts.filter((account) => account !== null).length);
      return { accounts, asOf: head.time };
    } catch (error) {
      session.suspect(error, view);
      return null;
    }
  }

  async #fromDatabase(ids: readonly string[]): Promise<View[]> {
    const { accounts, authority, frozen, readAt: asOf } = await this.#deps.database.loadAccounts([...new Set(ids)]);
    // MySQL has the current balance only if it had the authority in the snapshot that was read.
    const decides = authority.mode === 'DIRECT';
    return ids.map((id) => {
      const account = accounts.get(id);
      return account ? { ...account, source: 'database', asOf, stale: !decides || frozen.has(id) } : notFound(id);
    });
  }
}

function found(account: Loaded | null | undefined, id: string, asOf: number): View {
  if (!account) return notFound(id);
  if (account instanceof Problem) return account;
  return account instanceof Uncached
    ? { ...account.account, source: 'database', asOf, stale: false }
    : viewOf(account, asOf);
}

/** Reads the accounts of several requests together, and gives each request its part. */
async function answer(batch: readonly Asked[], read: (ids: readonly string[]) => Promise<View[]>): Promise<void> {
  const ids = batch.flatMap((asked) => asked.ids);
  const found = await read(ids).catch((error: unknown) => {
    const problem =
      error instanceof Problem
        ? error
        : new Problem('internal_error', 'the accounts could not be read', {}, { cause: error });
    return ids.map(() => problem);
  });
  let from = 0;
  for (const asked of batch) {
    asked.settle(found.slice(from, from + asked.ids.length));
    from += asked.ids.length;
  }
}

/** An account as the cache returned it at `asOf`, ms. */
export function viewOf(account: CachedAccount, asOf: number): AccountView {
  const { modified: _, seq: __, ...rest } = account;
  return { ...rest, source: 'cache', asOf, stale: false };
}
