import { notFound } from '../../domain/account-problems.ts';
import type { Problem } from '../../domain/problem.ts';
import type { Account } from '../../domain/types.ts';
import type { CachedAccount } from '../../journal/account-codec.ts';
import type { CacheServer } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { EpochView, Session } from '../epoch/epoch-view.ts';
import type { LedgerDatabase } from '../ports/ledger-database.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';
import { Loads } from './loads.ts';

/**
 * An account that was read from MySQL, but for which the cache has no room, because everything in the cache waits to be
 * persisted. It is current: an account that is not in the cache has no journal entries that the snapshot lacks. But
 * transfers cannot use the account yet.
 */
export class Uncached {
  readonly account: Account;
  constructor(account: Account) {
    this.account = account;
  }
}
export type Loaded = CachedAccount | Uncached | Problem;

interface AccountLoaderDependencies {
  cache: CacheServer;
  database: LedgerDatabase;
  session: Session;
  clock: Clock;
  events: LedgerEvents;
  accountsMax: number;
}

type AccountsRead = Awaited<ReturnType<LedgerDatabase['loadAccounts']>>;

/** Loads accounts from MySQL into the cache on demand. */
export class AccountLoader {
  readonly #deps: AccountLoaderDependencies;
  readonly #loads: Loads<CachedAccount | Uncached, AccountsRead>;

  constructor(deps: AccountLoaderDependencies) {
    this.#deps = deps;
    const { session, clock, events } = deps;
    this.#loads = new Loads({
      session,
      clock,
      events,
      what: 'accounts',
      onLoad: (count) => events.accountsMissed(count),
      read: (ids) => deps.database.loadAccounts(ids),
      // Accounts are opened in MySQL alone.
      isNothing: ({ accounts }) => accounts.size === 0,
      install: (view, found) => this.#install(view, found),
      notFound,
    });
  }

  /** Each account in its current state in the cache, or a Problem: `account_not_found`, or why it cannot be loaded. */
  ensure(ids: readonly string[]): Promise<Map<string, Loaded>> {
    return this.#loads.ensure(ids);
  }

  async #install(view: EpochView, { stamp, accounts, acceptedUpTo }: AccountsRead) {
    const { cache, events, accountsMax } = this.#deps;
    const found = [...accounts.values()];
    const reply = await cache.install(view.caller, found, stamp.cursor, accountsMax, acceptedUpTo);
    view.observe(reply.head);
    if (reply.evicted > 0) events.evicted(reply.evicted);
    return new Map(
      found.map((account, index) => [account.accountId, reply.accounts[index] ?? new Uncached(account)] as const),
    );
  }
}
