import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lostOutOrder } from '../../domain/crossing.ts';
import { newUuidV7, uuidV7Time } from '../../domain/ids.ts';
import { legOf } from '../../domain/testing/legs.ts';
import { accountOf, orderOf } from '../../domain/testing/orders.ts';
import { systemClock } from '../../kernel/clock.ts';
import { migratedDatabase, openIn, type TestDatabase } from '../testing/test-database.ts';
import { DirectStore } from './direct-store.ts';
import { SqlRestoredShard } from './restored-shard.ts';
import { SqlSurvivingShard } from './surviving-shard.ts';

const EPOCH = 7;
const TRANSIT = '~transit:EUR:0';
let db: TestDatabase;
let surviving: SqlSurvivingShard;
let restored: SqlRestoredShard;
beforeAll(async () => {
  db = await migratedDatabase();
  surviving = new SqlSurvivingShard(db.database);
  restored = new SqlRestoredShard({ database: db.database, clock: systemClock, epoch: EPOCH });
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.reset(EPOCH, 'DIRECT', 2);
  await openIn(db.database, [
    accountOf(TRANSIT, { external: true }),
    accountOf('a', { external: true }),
    accountOf('b', { external: true }),
  ]);
});

const decide = (...orders: ReturnType<typeof legOf>[]) =>
  new DirectStore({ database: db.database, clock: systemClock }).apply(
    EPOCH,
    orders.map((order) => ({ order, takenAt: systemClock.now() })),
  );
/** A leg `out` toward shard 2, or toward another shard. */
const out = (transactionId: string, otherShard = 2) => legOf('out', { transactionId }, { leg: { otherShard } });
const into = (transactionId: string, otherShard = 0) => legOf('in', { transactionId }, { leg: { otherShard } });
const stateOf = () => db.database.rows('SELECT transaction_id AS `id`, state, closed_at FROM crossings ORDER BY `id`');

describe('The rows of crossings toward a shard', () => {
  it('are read in pages, with the details of their states', async () => {
    await decide(out('t1'), out('t2', 1), out('t3'), out('t4'));
    await restored.close([
      { transactionId: 't1', state: 'DONE', balance: 5, version: 6 },
      {
        ...{ transactionId: 't3', state: 'RETURNED' },
        because: { refusal: 'limit_exceeded', limit: { limit: 'balanceMax', value: 9, remaining: 4 } },
      },
    ]);
    const common = { destination: 'b', currency: 'EUR', because: null };
    const first = await surviving.crossingsToward(2, '', 2);
    expect(first).toEqual([
      { transactionId: 't1', state: 'DONE', ...common },
      {
        ...{ transactionId: 't3', state: 'RETURNED', ...common },
        because: { refusal: 'limit_exceeded', limit: { limit: 'balanceMax', value: 9, remaining: 4 } },
      },
    ]);
    expect(await surviving.crossingsToward(2, 't3', 2)).toEqual([{ transactionId: 't4', state: 'OPEN', ...common }]);
    expect(await surviving.crossingsToward(2, 't4', 2)).toEqual([]);
  });

  it('can be reopened as if they had never been closed', async () => {
    await decide(out('t1'), out('t2'), out('t3'));
    const open = await db.database.rows('SELECT * FROM crossings ORDER BY transaction_id');
    await restored.close([
      { transactionId: 't1', state: 'DONE', balance: 5, version: 6 },
      { transactionId: 't2', state: 'RETURNED', because: { refusal: 'account_closed' } },
      { transactionId: 't3', state: 'DONE', balance: 5, version: 6 },
    ]);
    await surviving.reopen(['t2', 't1', 'unknown']);
    const times = { opened_at: expect.any(Date) };
    expect(await db.database.rows("SELECT * FROM crossings WHERE state = 'OPEN' ORDER BY transaction_id")).toEqual(
      open.slice(0, 2).map((row) => ({ ...(row as object), ...times })),
    );
    expect(await stateOf()).toMatchObject([{ state: 'OPEN' }, { state: 'OPEN' }, { id: 't3', state: 'DONE' }]);
  });
});

it('legs from another shard are read in pages, whether posted or refused', async () => {
  await db.database.rows("UPDATE accounts SET status = 'FROZEN' WHERE account_id = 'b'");
  await decide(into('t1'), into('t2', 5));
  await db.database.rows("UPDATE accounts SET status = 'ACTIVE' WHERE account_id = 'b'");
  await decide(into('t3'), out('t4'));
  const page = await surviving.arrivalsFrom(0, '', 1);
  expect(page).toMatchObject([{ status: 'REJECTED', order: into('t1') }]);
  expect(await surviving.arrivalsFrom(0, 't1~0', 9)).toMatchObject([
    { status: 'POSTED', order: { transactionId: 't3~0' } },
  ]);
});

describe('The restored shard', () => {
  it('opens accounts, and leaves existing ones unchanged', async () => {
    const account = { ...{ currency: 'EUR', external: false, overdraftLimit: 0 }, name: null, limits: null };
    await restored.open([{ accountId: 'new', ...account }]);
    await restored.open([
      { accountId: 'new', ...account },
      { accountId: 'a', ...account },
    ]);
    expect([...(await restored.accounts(['new', 'a', 'none'])).values()]).toMatchObject(
      [
        { accountId: 'new', external: false, balance: 0 },
        { accountId: 'a', external: true },
      ].sort((one, two) => (one.accountId < two.accountId ? -1 : 1)),
    );
    expect(await restored.accounts([])).toEqual(new Map());
  });

  it('lets the account of losses pay only once, and raises the largest time of an id', async () => {
    const id = newUuidV7(systemClock.now());
    await restored.open([
      { ...{ accountId: '~loss:EUR', currency: 'EUR', external: true, overdraftLimit: 0 }, name: null, limits: null },
    ]);
    const order = orderOf({ transactionId: id, source: 'gone', destination: 'far', amount: 70 });
    const legs = [lostOutOrder(order, { transit: TRANSIT, toShard: 1, refusal: null })];
    for (const replayed of [false, true])
      expect(await restored.apply(legs)).toMatchObject([{ status: 'POSTED', replayed, source: { balance: -70 } }]);
    await restored.close([{ transactionId: id, state: 'DONE', balance: 1, version: 2 }]);
    expect(await stateOf()).toMatchObject([{ id, state: 'DONE' }]);
    const [{ id_time_max } = { id_time_max: 0 }] = await db.database.rows<{ id_time_max: number }>(
      'SELECT id_time_max FROM flush_cursor',
    );
    expect(id_time_max).toBeGreaterThanOrEqual(uuidV7Time(id) ?? Number.POSITIVE_INFINITY);
  });

  it('writes refusals once, moves nothing with them, and raises the largest time of an id', async () => {
    const id = newUuidV7(systemClock.now());
    await decide(into('known'));
    const limit = { limit: 'balanceMax', value: 9, remaining: 4 } as const;
    const refusals = [
      { order: into(id), because: { refusal: 'limit_exceeded' as const, limit } },
      { order: into('known'), because: { refusal: 'account_frozen' as const } },
    ];
    const before = await db.database.rows('SELECT * FROM accounts ORDER BY account_id');
    for (let times = 0; times < 2; times++) await restored.writeRefusals(refusals);
    const outcomes = await restored.outcomes([`${id}~0`, 'known~0']);
    expect(outcomes.get(`${id}~0`)).toMatchObject({
      status: 'REJECTED',
      refusal: 'limit_exceeded',
      limit,
      order: into(id),
    });
    expect(outcomes.get('known~0')?.status).toBe('POSTED');
    expect(await db.database.rows('SELECT * FROM accounts ORDER BY account_id')).toEqual(before);
    const [{ id_time_max } = { id_time_max: 0 }] = await db.database.rows<{ id_time_max: number }>(
      'SELECT id_time_max FROM flush_cursor',
    );
    expect(id_time_max).toBeGreaterThanOrEqual(uuidV7Time(id) ?? Number.POSITIVE_INFINITY);
  });

  it('writes nothing once its authority has moved', async () => {
    await db.database.rows('UPDATE authority SET epoch = epoch + 1');
    await expect(
      restored.writeRefusals([{ order: into('t1'), because: { refusal: 'account_frozen' } }]),
    ).rejects.toThrow('the authority is at');
    await expect(restored.apply([into('t1')])).rejects.toThrow('the authority is at');
    expect(await db.database.rows('SELECT 1 FROM transfers')).toEqual([]);
  });
});
