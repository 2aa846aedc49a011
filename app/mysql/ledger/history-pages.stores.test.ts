import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HistoryItem } from '../../domain/types.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import { account, type EpochUnderTest, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { capture, place, voided } from '../../journal/testing/hold-items.ts';
import type { HistoryFilter, HistoryQuery } from '../../ledger/ports/history.ts';
import { writeLongHistory } from '../testing/long-history.ts';
import { migratedDatabase, openIn, type TestDatabase } from '../testing/test-database.ts';
import { EXAMINED_MAX } from './account-history.ts';
import { FlushStore } from './flush-store.ts';
import { SqlHistory } from './history.ts';

const ACCOUNTS = [account('world'), account('ada', { overdraftLimit: 10_000 }), account('bob')];
const HISTORIES = 10;

let db: TestDatabase;
let history: SqlHistory;
let epoch: EpochUnderTest;
beforeAll(async () => {
  // One connection, so that the counters of its session count everything that a page reads.
  db = await migratedDatabase(undefined, { connectionsMax: 1 });
  history = new SqlHistory(db);
});
afterAll(() => db.drop());
async function begin(): Promise<void> {
  await db.reset();
  await openIn(db.database, ACCOUNTS);
  epoch = await modelEpoch(ACCOUNTS);
}
const flush = async () => {
  const store = new FlushStore(db.database);
  const { seq } = await store.cursor();
  const entries = await epoch.entries(seq);
  if (entries.length > 0) await store.commit(batchOf(entries, 1, seq), 1);
};

type Query = Omit<HistoryQuery, 'accountId' | 'position'>;
const page = (query: Query & { position: number | null }) => history.page({ accountId: 'ada', ...query });

/** All items from a position onward, page by page; calls `between` after each page. */
async function read(query: Query, position: number | null = null, between = async () => {}): Promise<HistoryItem[]> {
  const items: HistoryItem[] = [];
  for (;;) {
    const { items: more, next } = await page({ ...query, position });
    expect(more.length).toBeLessThanOrEqual(query.limit);
    items.push(...more);
    if (next === null) return items;
    position = next;
    await between();
  }
}

const versions = (items: readonly HistoryItem[]) => items.map(({ version }) => version);
const ALL: Query = { toward: 'newer', limit: 1000 };

function matches(item: HistoryItem, { holds = true, filter = {} }: Query): boolean {
  const { kinds, direction, amountMin, amountMax } = filter;
  if (kinds && !kinds.includes(item.kind)) return false;
  if ('heldChange' in item)
    return holds && direction === undefined && amountMin === undefined && amountMax === undefined;
  if (direction && item.amount < 0 !== (direction === 'debit')) return false;
  return Math.abs(item.amount) >= (amountMin ?? 0) && Math.abs(item.amount) <= (amountMax ?? Number.MAX_SAFE_INTEGER);
}

const KINDS = ['transfer', 'reversal', 'capture', 'hold_placed', 'hold_voided'] as const;
const anyFilter: fc.Arbitrary<HistoryFilter> = fc.record(
  {
    kinds: fc.uniqueArray(fc.constantFrom(...KINDS), { minLength: 1 }),
    direction: fc.constantFrom('debit' as const, 'credit' as const),
    amountMin: fc.integer({ min: 1, max: 30 }),
    amountMax: fc.integer({ min: 10, max: 50 }),
  },
  { requiredKeys: [] },
);
const anyQuery = fc.record({
  toward: fc.constantFrom('newer' as const, 'older' as const),
  limit: fc.integer({ min: 1, max: 7 }),
  holds: fc.boolean(),
  filter: fc.oneof(fc.constant({}), anyFilter),
});
const anyStep = fc.record({
  what: fc.constantFrom('transfer', 'transfer', 'back', 'reversal', 'place', 'capture', 'void', 'group'),
  amount: fc.integer({ min: 1, max: 50 }),
});

let steps = 0;
async function take({ what, amount }: { what: string; amount: number }): Promise<void> {
  const n = ++steps;
  const more = n % 3 === 0 ? { reference: `r${n}`, metadata: { n: String(n) } } : {};
  if (what === 'place') await epoch.applyHolds(place(`h${n}`, amount));
  else if (what === 'capture') await epoch.applyHolds(capture(`h${n - 1}`, `t${n}`, null));
  else if (what === 'void') await epoch.applyHolds(voided(`h${n - 1}`));
  else if (what === 'group')
    await epoch.applyGroup(
      `g${n}`,
      order(`t${n}`, { amount }),
      order(`u${n}`, { source: 'ada', destination: 'bob', amount }),
    );
  else if (what === 'reversal')
    await epoch.apply(order(`t${n}`, { kind: 'reversal', reverses: 't0', amount, ...more }));
  else
    await epoch.apply(
      order(`t${n}`, { ...(what === 'back' && { source: 'ada', destination: 'bob' }), amount, ...more }),
    );
}

describe('Pages of a history', () => {
  it('have exactly the items of the whole list, in both directions and from any position, while more are written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyStep, { minLength: 20, maxLength: 50 }),
        fc.array(anyStep, { minLength: 10, maxLength: 10 }),
        fc.array(anyQuery, { minLength: 4, maxLength: 4 }),
        fc.nat(50),
        async (before, meanwhile, queries, somewhere) => {
          await begin();
          for (const step of before) await take(step);
          await flush();
          for (const query of queries) {
            const old = await read(ALL);
            const last = old.length;
            expect(versions(old)).toEqual(Array.from({ length: last }, (_, n) => n + 1));
            // Written while the pages are read.
            const writing = (async () => {
              for (const step of meanwhile) {
                await take(step);
                await flush();
              }
            })();
            const position = Math.min(somewhere, last);
            const reading = async () => [
              await read({ ...query, toward: 'newer' }, position),
              await read({ ...query, toward: 'older' }, position),
              await read(query),
            ];
            const [[newer = [], older = [], whole = []]] = await Promise.all([reading(), writing]);
            const now = await read(ALL);
            expect(now.slice(0, last)).toEqual(old);
            const wanted = now.filter((item) => matches(item, query));
            const upTo = (items: readonly HistoryItem[], version: number) =>
              items.filter((item) => item.version <= version);
            const shown = query.toward === 'newer' ? whole : whole.toReversed();
            expect(versions(older.toReversed())).toEqual(versions(upTo(wanted, position)));
            expect(versions(upTo(newer, last))).toEqual(versions(upTo(wanted, last).slice(older.length)));
            expect(versions(upTo(shown, last))).toEqual(versions(upTo(wanted, last)));
            // Of the items written in the meantime, each list contains all up to some version.
            for (const items of [[...older.toReversed(), ...newer], shown])
              expect(versions(items)).toEqual(versions(wanted.slice(0, items.length)));
            const quiet = await read(query);
            const same = query.toward === 'newer' ? quiet : quiet.toReversed();
            expect(versions(same)).toEqual(versions(wanted));
            const isWhole = query.holds && Object.keys(query.filter).length === 0;
            if (isWhole) expect(same).toEqual(now);
          }
        },
      ),
      { numRuns: HISTORIES },
    );
  }, 300_000);

  it('show the reference, the metadata, the group, and the reversed transfer', async () => {
    await begin();
    await epoch.apply(order('t1', { amount: 9, reference: 'r', metadata: { a: 'b' } }));
    await epoch.applyGroup('g', order('t2', { amount: 1 }), order('t3', { amount: 2 }));
    await epoch.apply(
      order('t4', { kind: 'reversal', source: 'ada', destination: 'world', amount: 9, reverses: 't1' }),
    );
    await flush();
    expect((await page({ ...ALL, position: null })).items).toMatchObject([
      { reference: 'r', metadata: { a: 'b' }, groupId: null, reverses: null },
      { reference: null, metadata: null, groupId: 'g', reverses: null },
      { groupId: 'g' },
      { groupId: null, reverses: 't1' },
    ]);
  });

  it('end early if their metadata is large', async () => {
    await begin();
    // 12 kB each.
    const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`k${n}`, '\u20AC'.repeat(256)]));
    for (let n = 0; n < 400; n++) await epoch.apply(order(`t${n}`, { amount: 1, metadata }));
    await flush();
    const first = await page({ ...ALL, position: null });
    expect(first.items.length).toBeGreaterThan(100);
    expect(first.items.length).toBeLessThan(200);
    const items = await read(ALL);
    expect(items.length).toBe(400);
    expect(items.at(-1)).toMatchObject({ metadata });
  }, 300_000);

  it('name counterparties that have a name', async () => {
    await begin();
    await db.database.rows("UPDATE accounts SET `name` = 'Bob' WHERE account_id = 'bob'");
    expect(await history.names(['bob', 'world', 'nobody'])).toEqual(new Map([['bob', 'Bob']]));
    expect(await history.names([])).toEqual(new Map());
  });
});

describe('In a long history', () => {
  const LENGTH = 60_000;
  const START = Date.UTC(2026, 0, 1);
  const LAST_REVERSAL = 58_005;
  beforeAll(async () => {
    await begin();
    await writeLongHistory(db.database, LENGTH, {
      startMs: START,
      kindOf: (version) => (version === 3 || version === LAST_REVERSAL ? 'REVERSAL' : 'TRANSFER'),
    });
  }, 300_000);

  /** How many rows MySQL reads for a page. */
  async function rowsRead(query: Query, position: number | null): Promise<number> {
    const count = async () => {
      const rows = await db.database.rows<{ Variable_name: string; Value: string }>(
        // The second counter, which only MariaDB has, includes rows that are skipped inside the index.
        "SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%' OR Variable_name = 'Handler_icp_attempts'",
      );
      return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
    };
    const before = await count();
    const own = (await count()) - before;
    const start = await count();
    await page({ ...query, position });
    return (await count()) - start - own;
  }

  it.each(['newer', 'older'] as const)('a page reads only a few rows, wherever it begins (%s)', async (toward) => {
    for (const position of [null, 100, 12_345, 59_900])
      expect(await rowsRead({ toward, limit: 50 }, position)).toBeLessThan(10 * 50);
    const [from, to] = [START + 7_000_000, START + 9_000_000];
    expect(await rowsRead({ toward, limit: 50, from, to }, null)).toBeLessThan(20 * 50);
    for (const direction of ['debit', 'credit'] as const)
      expect(await rowsRead({ toward, limit: 50, filter: { direction } }, 12_345)).toBeLessThan(10 * 50);
    expect(await rowsRead({ toward, limit: 50, holds: false }, 12_345)).toBeLessThan(10 * 50);
  });

  it('a filter that matches nothing reads a bounded number of rows for each page', async () => {
    const query: Query = { toward: 'newer', limit: 10, filter: { amountMin: 2 } };
    expect(await page({ ...query, position: null })).toEqual({ items: [], next: expect.any(Number) });
    // An examined row may count several times: in the index, in the table, and when the end of the range is found.
    expect(await rowsRead(query, null)).toBeLessThan(5 * EXAMINED_MAX);
    expect(await rowsRead({ ...query, toward: 'older' }, LENGTH / 2)).toBeLessThan(5 * EXAMINED_MAX);
    expect(await read(query)).toEqual([]);
  });

  it('a page continues where the examined rows end, in both directions', async () => {
    for (const toward of ['newer', 'older'] as const) {
      let pages = 1;
      const query: Query = { toward, limit: 10, filter: { kinds: ['reversal'] } };
      const found = versions(await read(query, null, async () => void pages++));
      expect(found).toEqual(toward === 'newer' ? [3, LAST_REVERSAL] : [LAST_REVERSAL, 3]);
      // 54,000 credits in parts of 10,000.
      expect(pages).toBe(6);
    }
  });

  it('a time is found with a few statements', async () => {
    const at = await history.at('ada', START + 20_000_500);
    expect(at).toMatchObject({ version: 20_000 });
  });
});
