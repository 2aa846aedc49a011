import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NewAccount } from '../../domain/types.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import { CacheModel } from '../../journal/testing/cache-model.ts';
import { account, EpochUnderTest, itemOf, order, REPLID } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { HistoryQuery } from '../../ledger/ports/history.ts';
import { migratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { SqlBooks } from './books.ts';
import { FlushStore } from './flush-store.ts';
import { SqlHistory } from './history.ts';

let db: TestDatabase;
let books: SqlBooks;
let history: SqlHistory;
beforeAll(async () => {
  db = await migratedDatabase();
  history = new SqlHistory(db);
  books = new SqlBooks({ database: db.database, clock: systemClock });
});
afterAll(() => db.drop());

const OLDEST_FIRST = { position: null, toward: 'newer' } as const;
const opening = (accountId: string): NewAccount => ({
  accountId,
  currency: 'EUR',
  overdraftLimit: 0,
  name: null,
  external: false,
  limits: null,
});

describe('An account that does not exist', () => {
  it('results in account_not_found in every call', async () => {
    const missing = { code: 'account_not_found' };
    await expect(books.accountDetails('nobody')).rejects.toMatchObject(missing);
    await expect(history.page({ accountId: 'nobody', ...OLDEST_FIRST, limit: 10 })).rejects.toMatchObject(missing);
    await expect(history.at('nobody', Date.now())).rejects.toMatchObject(missing);
  });
});

describe('History', () => {
  const START = Date.UTC(2026, 0, 1);
  const SECOND = 1000;
  /**
   * Postings of ada: one per second, +10 each, except every third one, which is -5. The fifth and the sixth have the
   * same time.
   */
  const momentOf = (version: number) => START + (version === 6 ? 5 : version) * SECOND;
  const POSTINGS = 12;

  beforeAll(async () => {
    await db.reset();
    const epoch = new EpochUnderTest(new CacheModel(REPLID), 1, REPLID);
    const accounts = [account('world'), account('ada')];
    await epoch.begin(accounts);
    await books.openAccounts([opening('world'), opening('ada'), opening('idle')], 'tester');
    for (let version = 1; version <= POSTINGS; version++) {
      const debit = version % 3 === 0 ? { source: 'ada', destination: 'world', amount: 5 } : { amount: 10 };
      const one = order(`t${version}`, {
        ...debit,
        timestamp: version === 1 ? START : null,
        correlationId: `c${version}`,
      });
      await epoch.cache.apply(epoch.pod, [itemOf(one, momentOf(version))]);
    }
    await new FlushStore(db.database).commit(batchOf(await epoch.entries(), 1, 0), 1);
    // The store has accepted all of them just now, but the tests below need known times.
    for (let version = 1; version <= POSTINGS; version++) {
      await db.database.rows('UPDATE transfers SET accepted_at = ? WHERE transaction_id = ?', [
        new Date(momentOf(version)),
        `t${version}`,
      ]);
    }
  });

  const page = (query: Partial<HistoryQuery>) =>
    history.page({ accountId: 'ada', ...OLDEST_FIRST, limit: 100, ...query });
  const versions = async (query: Partial<HistoryQuery>) => (await page(query)).items.map(({ version }) => version);
  const all = Array.from({ length: POSTINGS }, (_, n) => n + 1);

  it('returns each side with its signed amount, and the balance after it', async () => {
    const { items: postings } = await page({ limit: 3 });
    expect(postings).toEqual([
      {
        accountId: 'ada',
        kind: 'transfer',
        hold: null,
        heldAfter: 0,
        version: 1,
        amount: 10,
        balanceAfter: 10,
        transactionId: 't1',
        counterparty: 'world',
        currency: 'EUR',
        timestamp: START,
        acceptedAt: momentOf(1),
        persistedAt: expect.any(Number),
        correlationId: 'c1',
        user: 'tester',
        reference: null,
        metadata: null,
        groupId: null,
        reverses: null,
      },
      expect.objectContaining({ version: 2, amount: 10, balanceAfter: 20, timestamp: null }),
      expect.objectContaining({ version: 3, amount: -5, balanceAfter: 15, counterparty: 'world' }),
    ]);
    expect(Math.abs((postings[0]?.persistedAt ?? 0) - Date.now())).toBeLessThan(3_600_000);
  });

  it('is returned page by page, oldest first, without gaps or repetitions', async () => {
    expect(await versions({ limit: 5 })).toEqual([1, 2, 3, 4, 5]);
    expect(await versions({ limit: 5, position: 5 })).toEqual([6, 7, 8, 9, 10]);
    expect(await versions({ limit: 5, position: 10 })).toEqual([11, 12]);
    expect(await versions({ limit: 5, position: 12 })).toEqual([]);
    expect(await versions({ limit: 5, position: 99 })).toEqual([]);
  });

  it('can be filtered by time: `from` is inclusive, `to` is exclusive', async () => {
    expect(await versions({ from: momentOf(3), to: momentOf(5) })).toEqual([3, 4]);
    expect(await versions({ from: momentOf(5), to: momentOf(7) })).toEqual([5, 6]);
    expect(await versions({ from: momentOf(5) + 1 })).toEqual(all.slice(6));
    expect(await versions({ to: momentOf(5) })).toEqual([1, 2, 3, 4]);
    expect(await versions({ to: momentOf(5) + 1 })).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('is empty before the first posting and after the last one, and complete for a range that contains both', async () => {
    expect(await versions({ to: START })).toEqual([]);
    expect(await versions({ from: momentOf(POSTINGS) + 1 })).toEqual([]);
    expect(await versions({ from: START, to: momentOf(POSTINGS) + 1 })).toEqual(all);
    expect(await versions({ from: momentOf(5), to: momentOf(3) })).toEqual([]);
  });

  it('continues page by page, even with a time filter', async () => {
    expect(await versions({ from: momentOf(3), to: momentOf(9), limit: 2 })).toEqual([3, 4]);
    expect(await versions({ from: momentOf(3), to: momentOf(9), limit: 2, position: 4 })).toEqual([5, 6]);
    expect(await versions({ from: momentOf(3), to: momentOf(9), limit: 9, position: 7 })).toEqual([8]);
  });

  it('at a point in time is determined by the last posting accepted by then', async () => {
    const at = async (moment: number) => (await history.at('ada', moment))?.version ?? null;
    expect(await at(momentOf(1) - 1)).toBeNull();
    expect(await at(momentOf(1))).toBe(1);
    expect(await at(momentOf(3) + 1)).toBe(3);
    expect(await at(momentOf(5))).toBe(6);
    expect(await at(momentOf(POSTINGS))).toBe(POSTINGS);
    expect(await at(momentOf(POSTINGS) + 10 * SECOND)).toBe(POSTINGS);
    expect(await history.at('ada', momentOf(4))).toMatchObject({ balanceAfter: 25 });
  });

  it('is empty for an account without postings', async () => {
    expect(await page({ accountId: 'idle', limit: 10, from: START })).toEqual({ items: [], next: null });
    expect(await history.at('idle', Date.now())).toBeNull();
  });

  it('causes an error instead of a wrong answer if a version is missing', async () => {
    await db.database.rows("UPDATE transfers SET destination_version = 99 WHERE transaction_id = 't7'");
    await expect(history.at('ada', momentOf(7))).rejects.toThrow('account ada lacks version 7');
    await db.database.rows("UPDATE transfers SET destination_version = 7 WHERE transaction_id = 't7'");
  });
});
