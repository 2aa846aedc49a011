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
  epoch = await bench.begin(keeper);
  await bench.open(epoch);
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

  it('is lost after the time that it was given, and not before', async () => {
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

  it('is lost when the pods that reached it are silent', async () => {
    await bench.report('one', true);
    await keeper.step();
    bench.clock.push(61_000);
    await staysIn(keeper, 'CACHE');
    await db.database.rows('UPDATE processes SET heartbeat_at = NOW(3) - INTERVAL 6 SECOND');
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING' });
  });

  it('is lost from the moment that it hangs: the time in which nothing was answered counts', async () => {
    vi.spyOn(bench.scripts, 'journal').mockImplementation(async () => {
      bench.clock.push(61_000);
      throw new CacheError('in_doubt', 'Command timed out');
    });
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING' });
  });

  it('has to be away without a break', async () => {
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
  it('is lost when most pods have lost it for long', async () => {
    for (const processId of ['one', 'two']) await bench.report(processId, false, 6_000);
    await bench.report('three', true, 6_000);
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING', cacheEpoch: epoch.pod.epoch });
    expect(await why()).toBe('most pods cannot reach Redis');
  });

  it('is not lost when only half of them have, or not for long, or when they are silent', async () => {
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

describe('A Redis that is not the server of the epoch any more', () => {
  it.each([
    ['another history', () => db.database.rows('UPDATE authority SET replid = ?', ['b'.repeat(40)]), 'other_server'],
    ['another marker', () => db.database.rows("UPDATE authority SET marker = 'm'"), 'another marker'],
    ['a fence that has been raised', () => bench.redis.set(`${bench.prefix}:{0}:fence`, '99'), 'fenced'],
    ['nothing of the epoch left', () => bench.redis.del(`${bench.prefix}:{0}:${epoch.pod.epoch}:ledger`), 'lost'],
    ['nothing left at all', () => bench.redis.flushall(), 'fenced'],
  ])('ends the epoch at once: %s', async (_, happens, reason) => {
    await bench.report('one', false);
    await happens();
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING', cacheEpoch: epoch.pod.epoch });
    // What has happened to its master_replid is explained only where that is the reason.
    const explained = reason === 'other_server' ? / \(.*\)$/ : /$^/;
    expect((await why())?.replace(explained, '')).toBe(`Redis is not the server of the epoch: ${reason}`);
  });

  it('is let go later while most pods still work in it: one keeper may have been led elsewhere', async () => {
    await bench.report('one', true);
    await bench.redis.flushall();
    await staysIn(keeper, 'CACHE');
    bench.clock.push(60_000);
    await bench.report('one', true);
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING', cacheEpoch: epoch.pod.epoch });
  });
});

describe('A Redis that was emptied under a running epoch', () => {
  it('is never believed: the ledger stays closed until its pods have drained, and opens with all that they know', async () => {
    const { entries } = await epoch.apply(order('t1'), order('t2'));
    await bench.redis.flushall();
    await stepTo(keeper, 'CLOSING');
    await staysIn(keeper, 'CLOSING');
    expect(bench.complaints()).toEqual([
      'this Redis does not carry the marker of the epoch',
      'closed until these pods hand over what they know: pod',
    ]);
    await bench.drain(epoch.pod, { entries, observed: 2 });
    expect(await keeper.step()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null });
    expect(await bench.account('ada')).toEqual({ balance: 200, version: 2, frozen: false });
    const { epoch: next } = await stepTo(keeper, 'CACHE');
    expect(next).toBe(epoch.pod.epoch + 4);
  });
});
