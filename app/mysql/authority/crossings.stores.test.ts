import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { legIdOf } from '../../domain/crossing.ts';
import type { LegName } from '../../domain/leg-types.ts';
import { legOf } from '../../domain/testing/legs.ts';
import { NO_LIMITS, NO_USAGE } from '../../domain/testing/limits.ts';
import type { Posting, TransferOrder } from '../../domain/types.ts';
import { ACCEPTED_AT, account } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { Database } from '../connection/pool.ts';
import { SqlCrossingPages } from '../ledger/crossing-pages.ts';
import { MysqlCrossingStore } from '../ledger/crossing-store.ts';
import { DirectStore } from '../ledger/direct-store.ts';
import { SqlHistory } from '../ledger/history.ts';
import { LedgerReader } from '../ledger/ledger-reader.ts';
import { poolOptions } from '../testing/test-database.ts';
import { ACCOUNTS, BY, except, RecoveryBench } from './testing/recovery-bench.ts';

type CrossingClosing = Parameters<MysqlCrossingStore['close']>[0][number];
const TRANSIT = '~transit:EUR:0';
const INNER = [account(TRANSIT, { external: true }), account('~returns:EUR', { external: true })];
const LONG = 'x'.repeat(64);

let bench: RecoveryBench;
let crossings: MysqlCrossingStore;
beforeAll(async () => {
  bench = await RecoveryBench.start();
  crossings = new MysqlCrossingStore(bench.db.database);
});
afterAll(() => bench.db.drop());
beforeEach(() => bench.begin(['pod'], [...ACCOUNTS, ...INNER]));

/** A leg of a transfer from `world` to `zoe`. */
const leg = (name: LegName, transactionId: string, different: Partial<TransferOrder> = {}, more = {}) =>
  legOf(name, { source: 'world', destination: 'zoe', transactionId, ...different }, more);
const outs = (...ids: string[]) => ids.map((id) => leg('out', id));
const open = (toShard = 2, minAgeMs = 0) => crossings.open({ toShard, minAgeMs, after: null, limit: 100 });
const openIds = async () => (await open()).map(({ transactionId }) => transactionId);

describe('A crossing is open as soon as MySQL has its `out`', () => {
  it('from the flush', async () => {
    await bench.epoch.apply(...outs('t1', 't2'), leg('in', 't3'), leg('back', 't4'), leg('returns', 't5'));
    await bench.flush(await bench.epoch.entries());
    const [first] = await open();
    expect(first).toMatchObject({ transactionId: 't1', toShard: 2, currency: 'EUR', amount: 100 });
    expect(await openIds()).toEqual(['t1', 't2']);
  });

  it('from a direct transaction', async () => {
    await bench.db.reset(4, 'DIRECT');
    const items = [...outs('t2', 't1'), leg('in', 't3')].map((order) => ({ order, takenAt: 1 }));
    await bench.db.database.rows('INSERT INTO accounts (account_id, currency, `external`) VALUES ?', [
      ['world', 'zoe', TRANSIT].map((id) => [id, 'EUR', true]),
    ]);
    await new DirectStore({ database: bench.db.database, clock: systemClock }).apply(4, items);
    expect((await openIds()).sort()).toEqual(['t1', 't2']);
  });

  it('from the entries that pods hand over', async () => {
    await bench.epoch.apply(...outs('t1', 't2'));
    const journal = await bench.epoch.entries();
    const closing = await bench.closing();
    await bench.handOver('pod', journal, [], 2);
    await bench.recover(closing);
    expect(await openIds()).toEqual(['t1', 't2']);
  });

  it('from a journal that is read late', async () => {
    await bench.epoch.apply(...outs('t1'));
    await bench.epoch.apply(...outs('t2'));
    const journal = await bench.epoch.entries();
    const closing = await bench.closing();
    await bench.recoveryStore.postJournal(closing, journal, 2);
    expect(await openIds()).toEqual(['t1', 't2']);
  });

  it('from the remaining entries when a loss is accepted', async () => {
    for (const id of ['t1', 't2', 't3']) await bench.epoch.apply(leg('out', id));
    const journal = await bench.epoch.entries();
    const closing = await bench.closing();
    await bench.handOver('pod', except(journal, 2), [], 3);
    expect(await bench.accept(closing)).toMatchObject({ authority: { mode: 'DIRECT' } });
    // The second transfer is lost, and the third one does not directly follow the state of its accounts.
    expect(await openIds()).toEqual(['t1']);
  });

  it('but not if the `out` is refused', async () => {
    await bench.epoch.apply(leg('out', 't1', {}, { leg: { refusal: { refusal: 'account_closed' } } }));
    await bench.flush(await bench.epoch.entries());
    expect(await openIds()).toEqual([]);
  });
});

describe('The row of a leg', () => {
  it('is the outcome in the journal, with ids of up to 80 characters', async () => {
    const limits = { ...NO_LIMITS, dailyDebitMax: 1000, usage: NO_USAGE };
    await bench.begin(['pod'], [...INNER, account('world', { limits }), account('zoe')]);
    const legs = [
      leg('out', LONG),
      leg('in', LONG),
      leg('back', LONG, {}, { leg: { counted: { at: ACCEPTED_AT } } }),
      leg('returns', LONG),
      leg('out', 'refused', {}, { leg: { refusal: { refusal: 'account_closed' } } }),
    ];
    await bench.epoch.apply(...legs);
    await bench.flush(await bench.epoch.entries());
    const ids = legs.map(({ transactionId }) => transactionId);
    const { outcomes } = await new LedgerReader(bench.db.database).findOutcomes(ids);
    const { refusal: _, ...stored } = (legs[4] as (typeof legs)[number]).leg;
    expect(ids.map((id) => outcomes.get(id)?.order)).toEqual([...legs.slice(0, 4), { ...legs[4], leg: stored }]);
    expect(ids).toContain(legIdOf(LONG, 'returns', 0));
  });

  it('shows the transfer and the accounts that the client named, in the history of an account', async () => {
    await bench.epoch.apply(
      leg('out', 't1'),
      leg('back', 't1'),
      leg('in', 't2', { source: 'far', destination: 'bob' }),
    );
    await bench.flush(await bench.epoch.entries());
    const books = new SqlHistory({ database: bench.db.database });
    const history = async (accountId: string) =>
      (await books.page({ accountId, position: 0, toward: 'newer', limit: 10 })).items.map((item) => {
        const { transactionId, counterparty, leg: name, amount } = item as Posting;
        return [transactionId, counterparty, name, amount];
      });
    expect(await history('world')).toEqual([
      ['t1', 'zoe', 'out', -100],
      ['t1', 'zoe', 'back', 100],
    ]);
    expect(await history('bob')).toEqual([['t2', 'far', 'in', 100]]);
  });
});

describe('The legs of a shard', () => {
  it('are read page by page along the postings of its inner accounts, without reading anything else', async () => {
    const pages = new SqlCrossingPages(bench.db.database);
    expect(await pages.innerAccounts()).toEqual([]);
    await bench.journal(['inside', 'world', 'ada', 500]);
    await bench.epoch.apply(
      ...outs('t1', 't2', 't3'),
      leg('in', 't4', { destination: 'bob' }),
      leg('back', 't1'),
      leg('returns', 't2'),
    );
    await bench.epoch.apply(leg('out', 'refused', {}, { leg: { refusal: { refusal: 'account_closed' } } }));
    await bench.flush(await bench.epoch.entries());
    expect(await pages.innerAccounts()).toEqual(['~returns:EUR', TRANSIT]);
    const idsOf = async (accountId: string, side: 'source' | 'destination', after = 0, limit = 10) =>
      (await pages.legsOf(accountId, side, after, limit)).map(({ id, leg, version }) => [id, leg, version]);
    expect(await idsOf(TRANSIT, 'destination')).toEqual([
      ['t1', 'out', 1],
      ['t2', 'out', 2],
      ['t3', 'out', 3],
    ]);
    expect(await idsOf(TRANSIT, 'destination', 1, 1)).toEqual([['t2', 'out', 2]]);
    expect(await idsOf(TRANSIT, 'source')).toEqual([
      ['t4~0', 'in', 4],
      ['t1~back', 'back', 5],
      ['t2~returns', 'returns', 6],
    ]);
    expect(await idsOf('~returns:EUR', 'destination')).toEqual([['t2~returns', 'returns', 1]]);
    const [plan] = await bench.db.database.rows<{ key: string }>(
      `EXPLAIN FORMAT=TRADITIONAL
       SELECT 1 FROM transfers WHERE source_account = ? AND source_version > ? ORDER BY source_version LIMIT 10`,
      [TRANSIT, 0],
    );
    expect(plan?.key).toBe('source_posting');
  });
});

describe('Open crossings', () => {
  beforeEach(async () => {
    await bench.epoch.apply(...outs('t1', 't2', 't3'), leg('out', 't4', {}, { leg: { otherShard: 5 } }));
    await bench.flush(await bench.epoch.entries());
  });

  it('are read per shard, oldest first, page by page, and only from a minimum age', async () => {
    const page = (after: Awaited<ReturnType<typeof open>>[number] | null) =>
      crossings.open({ toShard: 2, minAgeMs: 0, after, limit: 2 });
    const first = await page(null);
    const second = await page(first[1] ?? null);
    expect([...first, ...second].map(({ transactionId }) => transactionId)).toEqual(['t1', 't2', 't3']);
    expect((await open(5)).map(({ transactionId }) => transactionId)).toEqual(['t4']);
    expect(await open(2, 3_600_000)).toEqual([]);
    await bench.db.database.rows(
      "UPDATE crossings SET opened_at = opened_at - INTERVAL 2 HOUR WHERE transaction_id = 't2'",
    );
    expect(await open(2, 3_600_000)).toMatchObject([{ transactionId: 't2' }]);
    expect(await openIds()).toEqual(['t2', 't1', 't3']);
    expect((await open())[0]?.ageMs).toBeGreaterThan(3_600_000);
  });

  it('are counted per shard', async () => {
    const summary = await crossings.summary();
    expect(summary.map(({ toShard, open: count }) => [toShard, count])).toEqual([
      [2, 3],
      [5, 1],
    ]);
  });

  it('are closed once, with their result', async () => {
    const limit = { limit: 'balanceMax', value: 500, remaining: 20 } as const;
    await crossings.close([
      { transactionId: 't2', state: 'RETURNED', because: { refusal: 'limit_exceeded', limit } },
      { transactionId: 't1', state: 'DONE', balance: 700, version: 3 },
      { transactionId: 't3', state: 'RETURNED', because: null },
      { transactionId: 'unknown', state: 'DONE', balance: 1, version: 1 },
    ]);
    await crossings.close([{ transactionId: 't1', state: 'RETURNED', because: { refusal: 'account_closed' } }]);
    expect(await openIds()).toEqual([]);
    const closed = await crossings.closed(['t1', 't2', 't3', 't4', 'unknown']);
    expect(closed.sort((a, b) => (a.transactionId < b.transactionId ? -1 : 1))).toEqual([
      { transactionId: 't1', state: 'DONE', balance: 700, version: 3 },
      { transactionId: 't2', state: 'RETURNED', because: { refusal: 'limit_exceeded', limit } },
      { transactionId: 't3', state: 'RETURNED', because: null },
    ]);
    const rows = await bench.db.database.rows<object>('SELECT 1 FROM crossings');
    expect(rows).toHaveLength(4);
  });
});

describe('A page of crossings', () => {
  const ids = Array.from({ length: 600 }, (_, index) => `page-${String(index).padStart(3, '0')}`);
  beforeEach(() =>
    bench.db.database.rows(
      'INSERT INTO crossings (transaction_id, to_shard, destination_account, currency, amount) VALUES ?',
      [ids.map((id, index) => [id, 2, `account-${index}`, 'EUR', index])],
    ),
  );
  const closingOf = (id: string, version: number): CrossingClosing =>
    version % 2 === 0
      ? { transactionId: id, state: 'DONE', balance: 10 * version, version }
      : { transactionId: id, state: 'RETURNED', because: { refusal: 'account_closed' } };

  it('is closed with a few statements, which change only the columns of the outcome', async () => {
    const rest = `SELECT transaction_id, to_shard, destination_account, currency, amount, opened_at FROM crossings
      ORDER BY transaction_id`;
    const before = await bench.db.database.rows(rest);
    // A pool with a single connection, whose statements are counted.
    await using one = new Database({ ...poolOptions(bench.db.url), connectionsMax: 1 });
    const statements = async () => {
      const [row] = await one.rows<{ Value: string }>("SHOW SESSION STATUS LIKE 'Questions'");
      return Number(row?.Value);
    };
    const began = await statements();
    await new MysqlCrossingStore(one).close(ids.map(closingOf).reverse());
    expect((await statements()) - began).toBeLessThan(10);
    const byId = (a: CrossingClosing, b: CrossingClosing) => (a.transactionId < b.transactionId ? -1 : 1);
    expect((await crossings.closed(ids)).sort(byId)).toEqual(ids.map(closingOf));
    expect(await bench.db.database.rows(rest)).toEqual(before);
    expect(await bench.db.database.rows('SELECT 1 FROM crossings WHERE closed_at IS NULL')).toEqual([]);
  });

  it('can be closed by two couriers at the same time', async () => {
    const own = ids.map((transactionId): CrossingClosing => ({ transactionId, state: 'RETURNED', because: null }));
    await Promise.all([own, own.toReversed(), own, own.toReversed()].map((page) => crossings.close(page)));
    expect(await crossings.closed(ids)).toHaveLength(ids.length);
  });
});

describe('The turn of a courier', () => {
  const take = (holder: string, toShard = 2, forMs = 60_000) => crossings.takeTurn({ toShard, holder, forMs });

  it('is held by the first courier, separately for each shard, until it ends, and can be extended', async () => {
    expect([await take('one'), await take('two'), await take('two', 5)]).toEqual([true, false, true]);
    const until = async () => {
      const [row] = await bench.db.database.rows<{ at: Date }>(
        'SELECT until_at AS at FROM crossing_turns WHERE to_shard = 2',
      );
      return row?.at.getTime() ?? 0;
    };
    const before = await until();
    expect(await take('one', 2, 120_000)).toBe(true);
    expect(await until()).toBeGreaterThan(before);
    expect(await take('two')).toBe(false);
  });

  it('passes to another courier once it has ended', async () => {
    await take('one');
    await bench.db.database.rows('UPDATE crossing_turns SET until_at = NOW(3) - INTERVAL 1 SECOND');
    expect([await take('two'), await take('one')]).toEqual([true, false]);
  });
});

it('An id of 80 characters can be in doubt, wait for a journal, and be dropped', async () => {
  const out = leg('in', 'y'.repeat(64));
  const id = 'z'.repeat(80);
  const accounts = [TRANSIT, 'zoe'.padEnd(64, 'e')];
  await bench.journal(['t1', 'world', 'ada', 500], ['t2', 'bob', 'cy', 7]);
  const journal = await bench.epoch.entries();
  const closing = await bench.closing();
  const doubts = [id, out.transactionId].map((one) => ({ kind: 'transfers' as const, id: one, accounts }));
  await bench.handOver('pod', except(journal, 2), doubts, 2);
  await bench.recover(closing);
  expect((await bench.unsettledIds()).map((row) => (row as { id: string }).id)).toContain(id);
  const now = await bench.authority.read();
  await bench.accept(now, BY);
  const dropped = await bench.db.database.rows<{ id: string }>('SELECT entry_id AS id FROM dropped_entries');
  expect(dropped.map((row) => row.id)).toContain(id);
});
