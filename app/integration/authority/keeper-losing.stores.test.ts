import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Keeper } from '../../authority/keeper/keeper.ts';
import { CacheError } from '../../journal/cache-port.ts';
import { type EpochUnderTest, order } from '../../journal/testing/epoch-under-test.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import type { RedisScripts } from '../../redis/redis-scripts.ts';
import { OwnRedis } from '../../redis/testing/own-redis.ts';
import { KeeperBench, staysIn, stepTo } from '../testing/keeper-bench.ts';

let db: TestDatabase;
let server: OwnRedis;
let bench: KeeperBench;
let keeper: Keeper;
let epoch: EpochUnderTest<RedisScripts>;
beforeAll(async () => {
  [db, server] = await Promise.all([migratedDatabase(), OwnRedis.start()]);
});
afterAll(() => Promise.all([db.drop(), server.stop()]));
beforeEach(async () => {
  await db.reset(0, 'DIRECT');
  bench = new KeeperBench(db.database, server.url);
  keeper = bench.keeper();
  epoch = await bench.serve(keeper);
});
afterEach(() => {
  vi.restoreAllMocks();
  bench.close();
});

const why = async () => (await bench.moves()).at(-1)?.reason;

describe('A Redis that a keeper cannot reach', () => {
  const disconnect = async () => {
    bench.redis.disconnect();
    await until('it is gone', () => bench.redis.status === 'end');
  };
  beforeEach(disconnect);

  it('is lost after the configured time, and not before', async () => {
    await staysIn(keeper, 'CACHE');
    bench.clock.push(50_000);
    await staysIn(keeper, 'CACHE');
    bench.clock.push(11_000);
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING', cacheEpoch: epoch.pod.epoch });
    expect(await why()).toBe('Redis cannot be reached');
  });

  it('is not lost while half of the live pods reach it', async () => {
    await bench.report('one', true);
    await bench.report('two', false, 4_000);
    await keeper.step();
    bench.clock.push(600_000);
    expect(await staysIn(keeper, 'CACHE')).toMatchObject({ epoch: epoch.pod.epoch });
    await bench.report('three', false, 4_000);
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING' });
  });

  it('is lost if the pods that reached it are silent', async () => {
    await bench.report('one', true);
    await keeper.step();
    bench.clock.push(61_000);
    await staysIn(keeper, 'CACHE');
    await db.database.rows('UPDATE processes SET heartbeat_at = NOW(3) - INTERVAL 6 SECOND');
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING' });
  });

  it('counts as lost from the moment when it stopped replying', async () => {
    vi.spyOn(bench.scripts, 'journal').mockImplementation(async () => {
      bench.clock.push(61_000);
      throw new CacheError('in_doubt', 'Command timed out');
    });
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING' });
  });

  it('is lost only after being unavailable without interruption', async () => {
    await keeper.step();
    bench.clock.push(50_000);
    await bench.redis.connect();
    await bench.ready();
    await keeper.step();
    await disconnect();
    await keeper.step();
    bench.clock.push(50_000);
    expect(await staysIn(keeper, 'CACHE')).toMatchObject({ epoch: epoch.pod.epoch });
  });
});

describe('A Redis that a keeper reaches', () => {
  it('is lost if most pods have been unable to reach it for a long time', async () => {
    for (const processId of ['one', 'two']) await bench.report(processId, false, 6_000);
    await bench.report('three', true, 6_000);
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING', cacheEpoch: epoch.pod.epoch });
    expect(await why()).toBe('most pods cannot reach Redis');
  });

  it('is not lost if only half of the pods cannot reach it, or only briefly, or if the pods are silent', async () => {
    await bench.report('one', false, 6_000);
    await bench.report('two', true, 6_000);
    await staysIn(keeper, 'CACHE');
    await bench.report('two', false, 3_000);
    await staysIn(keeper, 'CACHE');
    await db.database.rows('UPDATE processes SET heartbeat_at = NOW(3) - INTERVAL 6 SECOND');
    await bench.report('three', true);
    expect(await staysIn(keeper, 'CACHE')).toMatchObject({ epoch: epoch.pod.epoch });
  });
});

describe('A Redis that is no longer the server of the epoch', () => {
  it.each([
    [
      'a different history',
      () => db.database.rows('UPDATE authority SET replid = ?', ['b'.repeat(40)]),
      'other_server',
    ],
    ['a different marker', () => db.database.rows("UPDATE authority SET marker = 'm'"), 'a different marker'],
    ['a fence that has been raised', () => bench.redis.set(`${bench.prefix}:{0}:fence`, '99'), 'fenced'],
    ['nothing of the epoch left', () => bench.redis.del(`${bench.prefix}:{0}:${epoch.pod.epoch}:ledger`), 'lost'],
    ['nothing left at all', () => bench.redis.flushall(), 'fenced'],
  ])('ends the epoch immediately: %s', async (_, happens, reason) => {
    await bench.report('one', false);
    await happens();
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING', cacheEpoch: epoch.pod.epoch });
    // Only the reason other_server ends with a description of what happened to the server.
    const explained = reason === 'other_server' ? / \(.*\)$/ : /$^/;
    expect((await why())?.replace(explained, '')).toBe(`Redis is not the server of the epoch: ${reason}`);
  });

  it('is abandoned later if most pods still reach Redis: this keeper may have been misrouted', async () => {
    await bench.report('one', true);
    await bench.redis.flushall();
    await staysIn(keeper, 'CACHE');
    bench.clock.push(60_000);
    await bench.report('one', true);
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING', cacheEpoch: epoch.pod.epoch });
  });
});

describe('A Redis that was emptied during an epoch', () => {
  it('is never trusted: the ledger stays closed until its pods have handed over, and opens with everything that they have', async () => {
    const { entries } = await epoch.apply(order('t1'), order('t2'));
    await bench.redis.flushall();
    await stepTo(keeper, 'CLOSING');
    await staysIn(keeper, 'CLOSING');
    expect(bench.complaints()).toEqual([
      'this Redis does not have the marker of the epoch',
      'closed until these pods hand over what they know: pod',
    ]);
    await bench.handOver(epoch.pod, { entries, observed: 2 });
    expect(await keeper.step()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null });
    expect(await bench.account('ada')).toEqual({ balance: 200, version: 2, frozen: false });
    const { epoch: next } = await stepTo(keeper, 'CACHE');
    expect(next).toBe(epoch.pod.epoch + 4);
  });
});
