import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TransferFilter, TransferPlace, TransferQuery } from '../../ledger/ports/search.ts';
import { Database } from '../connection/pool.ts';
import { migratedDatabase, poolOptions, type TestDatabase } from '../testing/test-database.ts';
import { EXAMINED_MAX, foundAccounts, foundTransfers } from './index-pages.ts';
import { writeLongIndex } from './testing/long-index.ts';

const TRANSFERS = 40_000;
let db: TestDatabase;
/** Has a single connection, so that the session's counters count exactly the statements of the test. */
let index: Database;
beforeAll(async () => {
  db = await migratedDatabase();
  index = new Database({ ...poolOptions(db.url), connectionsMax: 1 });
  await writeLongIndex(index, TRANSFERS);
  await index.rows('ANALYZE TABLE search_transfers, search_accounts');
});
afterAll(async () => {
  await index[Symbol.asyncDispose]();
  await db.drop();
});

/** The number of rows that MySQL reads while `work` runs. */
async function rowsReadBy(work: () => Promise<unknown>): Promise<number> {
  const sum = async () => {
    const rows = await index.rows<{ Value: string }>("SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'");
    return rows.reduce((total, { Value }) => total + Number(Value), 0);
  };
  const before = await sum();
  await work();
  return (await sum()) - before;
}

const query = (filter: TransferFilter, more: Partial<TransferQuery> = {}): TransferQuery => ({
  ...{ filter, order: 'desc', after: null, limit: 100 },
  ...more,
});

const account = 'hub';
const FILTERS: Record<string, TransferFilter> = {
  none: {},
  period: { from: 10_000_000, to: 20_000_000 },
  account: { account },
  pair: { account, counterparty: 'c-7' },
  reference: { reference: 'r-3' },
  metadata: { metadata: { key: 'n', value: '3' } },
  refused: { status: 'REJECTED' },
  captures: { kind: 'capture' },
};

it.each(Object.entries(FILTERS))('reads only the rows of the page: %s', async (_, filter) => {
  for (const order of ['asc', 'desc'] as const) {
    let after: TransferPlace | null = null;
    for (let page = 0; page < 3; page++) {
      const read = await rowsReadBy(async () => {
        const found = await foundTransfers(index, query(filter, { order, after }));
        expect(found.places).toHaveLength(100);
        after = found.next;
      });
      expect(read).toBeLessThan(220);
    }
  }
});

it.each<[string, TransferFilter]>([
  ['no amount', { currency: 'EUR', amountMin: 10_000_000 }],
  ['no currency', { currency: 'USD' }],
  ['account, and no status', { account, status: 'PENDING', kind: 'reversal' }],
  ['reference of another account', { reference: 'r-3', account: 'nobody' }],
  ['metadata, reference and account', { reference: 'r-3', account, metadata: { key: 'n', value: 'none' } }],
])('reads a limited number of rows even if nothing matches: %s', async (_, filter) => {
  for (const isRestricted of [false, filter.account !== undefined]) {
    let pages = 0;
    for (let after: TransferPlace | null = null, isOver = false; !isOver; pages++) {
      const read = await rowsReadBy(async () => {
        const found = await foundTransfers(index, query(filter, { after, isRestricted }));
        expect(found.places).toEqual([]);
        after = found.next;
        isOver = after === null;
      });
      expect(read).toBeLessThan(4 * EXAMINED_MAX + 100);
    }
    expect(pages).toBeLessThanOrEqual(TRANSFERS / EXAMINED_MAX + 1);
  }
});

it('finds the same transfers with and without pages, whatever the filter', async () => {
  const all = { ...FILTERS, amount: { currency: 'EUR', amountMin: 900, account }, both: { account, reference: 'r-3' } };
  for (const filter of Object.values(all)) {
    const pages: string[] = [];
    for (let after: TransferPlace | null = null, isOver = false; !isOver; ) {
      const found = await foundTransfers(index, query(filter, { after, limit: 999 }));
      pages.push(...found.places.map(({ transactionId }) => transactionId));
      after = found.next;
      isOver = after === null;
    }
    expect(new Set(pages).size).toBe(pages.length);
    const whole = await foundTransfers(index, query(filter, { limit: TRANSFERS, order: 'asc' }));
    const rest = whole.next === null ? pages.length : whole.places.length;
    expect(pages.toReversed().slice(0, rest)).toEqual(whole.places.map(({ transactionId }) => transactionId));
  }
});

it.each([
  [{ prefixes: [''] }, 150],
  [{ prefixes: ['c-1', 'c-5'] }, 150],
  [{ prefixes: [''], status: 'FROZEN' as const }, 150],
  [{ prefixes: [''], currency: 'EUR' }, 150],
  [{ prefixes: [''], currency: 'USD', status: 'ACTIVE' as const }, 2 * EXAMINED_MAX + 100],
])('reads only the accounts of the page: %j', async (filter, max) => {
  for (const order of ['asc', 'desc'] as const) {
    let after: string | null = null;
    for (let page = 0; page < 3; page++) {
      const read = await rowsReadBy(async () => {
        after = (await foundAccounts(index, { ...filter, order, after, limit: 100 })).next;
      });
      expect(read).toBeLessThan(max);
    }
  }
});
