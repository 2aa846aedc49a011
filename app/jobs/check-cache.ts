import { isDeepStrictEqual } from 'node:util';
import type { Account } from '../domain/types.ts';
import type { CachedAccount } from '../journal/account-codec.ts';
import type { Clock } from '../kernel/clock.ts';
import type { CachePages, Drift } from './drift.ts';
import type { LedgerPages } from './ledger-history.ts';

/** How long to wait until the flush has written the contents of a page to MySQL, ms. */
const WAIT_MS = 30_000;
const POLL_MS = 20;

/**
 * Compares every cached account with MySQL while both keep changing: reads a page, then waits until its journal entries
 * are in MySQL.
 */
export async function checkCache(cache: CachePages, ledger: LedgerPages, clock: Clock) {
  const drift: Drift[] = [];
  let accounts = 0;
  let unverified = 0;
  let position = '0';
  do {
    const { next, accountIds } = await cache.scan(position);
    position = next;
    if (accountIds.length === 0) continue;
    const page = await cache.read(accountIds);
    const cached = page.accounts.filter((account) => account !== null);
    accounts += cached.length;
    if (!(await reached(ledger, cache.epoch, page.head.seq, clock))) {
      unverified += cached.length;
      continue;
    }
    const stored = await ledger.accounts(cached.map(({ accountId }) => accountId));
    for (const account of cached) {
      const found = await compare(account, stored.get(account.accountId), ledger);
      if (found) drift.push({ accountId: account.accountId, currency: account.currency, ...found });
    }
  } while (position !== '0');
  return { accounts, unverified, drift };
}

async function reached(ledger: LedgerPages, epoch: number, seq: number, clock: Clock): Promise<boolean> {
  const deadline = clock.monotonic() + WAIT_MS;
  for (;;) {
    const stamp = await ledger.cursor();
    if (stamp.epoch !== epoch) return false;
    if (stamp.cursor >= seq) return true;
    if (clock.monotonic() > deadline) return false;
    await clock.sleep(POLL_MS);
  }
}

/**
 * MySQL may have advanced in the meantime. If so, the posting of the cached version shows what the balance was then.
 */
async function compare(
  cached: CachedAccount,
  stored: Account | undefined,
  ledger: LedgerPages,
): Promise<Pick<Drift, 'what' | 'minorUnits'> | null> {
  if (!stored) return { what: 'is in the cache but not in MySQL', minorUnits: cached.balance };
  if (stored.version < cached.version) {
    return {
      what: `has version ${cached.version} in the cache, ${stored.version} in MySQL`,
      minorUnits: cached.balance - stored.balance,
    };
  }
  const existing =
    stored.version === cached.version ? stored : await ledger.balanceAt(cached.accountId, cached.version);
  // Version 0 has no posting: nothing has been posted, so the balance is zero.
  const expected = existing ?? (cached.version === 0 ? NOTHING : null);
  if (expected === null) return { what: `lacks the posting of version ${cached.version}`, minorUnits: 0 };
  if (expected.balance !== cached.balance) {
    return {
      what: `has a different balance in the cache at version ${cached.version}`,
      minorUnits: cached.balance - expected.balance,
    };
  }
  if (expected.held !== cached.held) {
    return {
      what: `holds a different amount in the cache at version ${cached.version}`,
      minorUnits: cached.held - expected.held,
    };
  }
  if (
    stored.settingsVersion < cached.settingsVersion ||
    (stored.settingsVersion === cached.settingsVersion && !sameSettings(cached, stored))
  ) {
    return { what: `has different settings in the cache at version ${cached.settingsVersion}`, minorUnits: 0 };
  }
  return null;
}

const NOTHING = { balance: 0, held: 0 };

/** At the same version and with the same settings, the usage of limits must be equal, too. */
const sameLimits = (a: Account, b: Account): boolean =>
  a.version === b.version ? isDeepStrictEqual(a.limits, b.limits) : (a.limits === null) === (b.limits === null);

const sameSettings = (a: Account, b: Account): boolean =>
  a.status === b.status &&
  a.overdraftLimit === b.overdraftLimit &&
  a.currency === b.currency &&
  a.external === b.external &&
  sameLimits(a, b);
