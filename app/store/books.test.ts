import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../errors.ts';
import { CacheModel } from '../ledger/cache/cache.model.ts';
import type { AccountOpening } from '../ledger/ledger.ts';
import type { NewAccount } from '../ledger/types.ts';
import { batchOf } from '../sync/batch.ts';
import { migratedDatabase, type TestDatabase } from '../testing/database.ts';
import { account, EpochUnderTest, itemOf, order, REPLID } from '../testing/ledger.ts';
import { SqlBooks } from './books.ts';
import { FlushStore } from './flush-store.ts';

let db: TestDatabase;
let books: SqlBooks;
beforeAll(async () => {
  db = await migratedDatabase();
  books = new SqlBooks(db.database);
});
afterAll(() => db.drop());

const opening = (accountId: string, fields: Partial<NewAccount> = {}): NewAccount => ({
  accountId,
  currency: 'EUR',
  overdraftLimit: 0,
  name: null,
  external: false,
  ...fields,
});
const said = (answers: (AccountOpening | Problem)[]) =>
  answers.map((answer) => (answer instanceof Problem ? answer.code : answer.created));

describe('Opening accounts', () => {
  beforeEach(() => db.reset());

  it('begins at a balance of zero, with what was asked for', async () => {
    const ada = opening('ada', { overdraftLimit: 5000, name: "Ada 👩 O'Neil", external: true, currency: 'JPY' });
    const [answer] = await books.openAccounts([ada], 'tester');
    expect(answer).toMatchObject({ created: true, account: { ...ada, openedAt: expect.any(Number) } });
    expect(await db.database.rows('SELECT balance, version, overdraft_limit, status, opened_by FROM accounts')).toEqual(
      [{ balance: 0, version: 0, overdraft_limit: 5000, status: 'ACTIVE', opened_by: 'tester' }],
    );
    expect(await books.accountDetails('ada')).toEqual((answer as AccountOpening).account);
  });

  it('of the same again changes nothing, and says so', async () => {
    const ada = opening('ada', { name: 'Ada' });
    const [first] = await books.openAccounts([ada], 'tester');
    const [again] = await books.openAccounts([{ ...ada }], 'somebody else');
    expect(again).toEqual({ ...first, created: false });
    expect(await db.database.rows('SELECT opened_by FROM accounts')).toEqual([{ opened_by: 'tester' }]);
  });

  it('of the same again is the same even when limit and status were changed since', async () => {
    const ada = opening('ada', { overdraftLimit: 5 });
    await books.openAccounts([ada], 'tester');
    await db.database.rows("UPDATE accounts SET overdraft_limit = 99, status = 'FROZEN', balance = 3");
    const [again] = await books.openAccounts([ada], 'tester');
    expect(again).toMatchObject({ created: false, account: { overdraftLimit: 5 } });
  });

  it.each<[string, Partial<NewAccount>]>([
    ['currency', { currency: 'USD' }],
    ['limit', { overdraftLimit: 1 }],
    ['name', { name: 'Other' }],
    ['name: none', { name: null }],
    ['kind', { external: true }],
  ])('of an id that was opened with another %s is account_id_reused, and changes nothing', async (_what, fields) => {
    const ada = opening('ada', { name: 'Ada' });
    await books.openAccounts([ada], 'tester');
    expect(said(await books.openAccounts([{ ...ada, ...fields }], 'tester'))).toEqual(['account_id_reused']);
    expect(await books.accountDetails('ada')).toMatchObject(ada);
  });

  it('compares ids byte by byte', async () => {
    expect(said(await books.openAccounts([opening('abc'), opening('ABC', { currency: 'USD' })], 'tester'))).toEqual([
      true,
      true,
    ]);
  });

  it('opens the first of equal ids in one request, and compares the others with it', async () => {
    await books.openAccounts([opening('old')], 'tester');
    const batch = [opening('new'), opening('old'), opening('new'), opening('new', { currency: 'USD' }), opening('z')];
    expect(said(await books.openAccounts(batch, 'tester'))).toEqual([true, false, false, 'account_id_reused', true]);
  });

  it('at the same time, in whatever order, opens each account once, and nobody waits for ever', async () => {
    const ids = Array.from({ length: 30 }, (_, n) => opening(`same-${n}`));
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => books.openAccounts(n % 2 ? ids : ids.toReversed(), `user-${n}`)),
    );
    for (const each of answers) expect(each.every((answer) => !(answer instanceof Problem))).toBe(true);
    const rows = await db.database.rows<{ opened_by: string }>('SELECT opened_by FROM accounts');
    expect(rows).toHaveLength(30);
    expect(new Set(rows.map((row) => row.opened_by)).size).toBe(1);
  });
});

describe('An account that there is not', () => {
  it('is account_not_found, wherever it is asked for', async () => {
    const missing = { code: 'account_not_found' };
    await expect(books.accountDetails('nobody')).rejects.toMatchObject(missing);
    await expect(books.postings({ accountId: 'nobody', afterVersion: 0, limit: 10 })).rejects.toMatchObject(missing);
    await expect(books.postingAt('nobody', Date.now())).rejects.toMatchObject(missing);
  });
});

describe('History', () => {
  const START = Date.UTC(2026, 0, 1);
  const SECOND = 1000;
  /** Postings of ada: one a second, +10, and every third one -5. The fifth and the sixth share their moment. */
  const momentOf = (version: number) => START + (version === 6 ? 5 : version) * SECOND;
  const POSTINGS = 12;

  beforeAll(async () => {
    await db.reset();
    const epoch = new EpochUnderTest(new CacheModel(REPLID), 1, REPLID);
    const accounts = [account('world'), account('ada')];
    await epoch.begin(accounts);
    await books.openAccounts([opening('world', { external: true }), opening('ada'), opening('idle')], 'tester');
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
  });

  const versions = async (query: { afterVersion?: number; limit?: number; from?: number; to?: number }) =>
    (await books.postings({ accountId: 'ada', afterVersion: 0, limit: 100, ...query })).map(({ version }) => version);
  const all = Array.from({ length: POSTINGS }, (_, n) => n + 1);

  it('tells each side with its signed amount, and the balance after it', async () => {
    const postings = await books.postings({ accountId: 'ada', afterVersion: 0, limit: 3 });
    expect(postings).toEqual([
      {
        accountId: 'ada',
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
      },
      expect.objectContaining({ version: 2, amount: 10, balanceAfter: 20, timestamp: null }),
      expect.objectContaining({ version: 3, amount: -5, balanceAfter: 15, counterparty: 'world' }),
    ]);
    expect(Math.abs((postings[0]?.persistedAt ?? 0) - Date.now())).toBeLessThan(3_600_000);
  });

  it('comes page by page, oldest first, without gap or repeat', async () => {
    expect(await versions({ limit: 5 })).toEqual([1, 2, 3, 4, 5]);
    expect(await versions({ limit: 5, afterVersion: 5 })).toEqual([6, 7, 8, 9, 10]);
    expect(await versions({ limit: 5, afterVersion: 10 })).toEqual([11, 12]);
    expect(await versions({ limit: 5, afterVersion: 12 })).toEqual([]);
    expect(await versions({ limit: 5, afterVersion: 99 })).toEqual([]);
  });

  it('may be cut by time: from is included, to is not', async () => {
    expect(await versions({ from: momentOf(3), to: momentOf(5) })).toEqual([3, 4]);
    expect(await versions({ from: momentOf(5), to: momentOf(7) })).toEqual([5, 6]);
    expect(await versions({ from: momentOf(5) + 1 })).toEqual(all.slice(6));
    expect(await versions({ to: momentOf(5) })).toEqual([1, 2, 3, 4]);
    expect(await versions({ to: momentOf(5) + 1 })).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('is empty before the first posting and after the last, and whole around them', async () => {
    expect(await versions({ to: START })).toEqual([]);
    expect(await versions({ from: momentOf(POSTINGS) + 1 })).toEqual([]);
    expect(await versions({ from: START, to: momentOf(POSTINGS) + 1 })).toEqual(all);
    expect(await versions({ from: momentOf(5), to: momentOf(3) })).toEqual([]);
  });

  it('goes on by page within a time, too', async () => {
    expect(await versions({ from: momentOf(3), to: momentOf(9), limit: 2 })).toEqual([3, 4]);
    expect(await versions({ from: momentOf(3), to: momentOf(9), limit: 2, afterVersion: 4 })).toEqual([5, 6]);
    expect(await versions({ from: momentOf(3), to: momentOf(9), limit: 9, afterVersion: 7 })).toEqual([8]);
  });

  it('at a moment is the last posting accepted until then', async () => {
    const at = async (moment: number) => (await books.postingAt('ada', moment))?.version ?? null;
    expect(await at(momentOf(1) - 1)).toBeNull();
    expect(await at(momentOf(1))).toBe(1);
    expect(await at(momentOf(3) + 1)).toBe(3);
    expect(await at(momentOf(5))).toBe(6);
    expect(await at(momentOf(POSTINGS))).toBe(POSTINGS);
    expect(await at(momentOf(POSTINGS) + 10 * SECOND)).toBe(POSTINGS);
    expect(await books.postingAt('ada', momentOf(4))).toMatchObject({ balanceAfter: 25 });
  });

  it('of an account without postings is empty', async () => {
    expect(await books.postings({ accountId: 'idle', afterVersion: 0, limit: 10, from: START })).toEqual([]);
    expect(await books.postingAt('idle', Date.now())).toBeNull();
  });

  it('with a version missing is an error and not a wrong answer', async () => {
    await db.database.rows("UPDATE transfers SET destination_version = 99 WHERE transaction_id = 't7'");
    await expect(books.postingAt('ada', momentOf(7))).rejects.toThrow('account ada lacks version 7');
    await db.database.rows("UPDATE transfers SET destination_version = 7 WHERE transaction_id = 't7'");
  });
});
