import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Keeper } from '../../authority/keeper/keeper.ts';
import { accountOf } from '../../domain/testing/orders.ts';
import { type EpochUnderTest, order } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { FormatStore } from '../../mysql/authority/format-store.ts';
import { RecoveryStore } from '../../mysql/authority/recovery-store.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import type { RedisScripts } from '../../redis/redis-scripts.ts';
import { moveFormat } from '../../roles/format-move.ts';
import type { AppLogger } from '../../telemetry/logger.ts';
import { BY, type KeeperBench, stepTo } from '../testing/keeper-bench.ts';
import { RestartableBench } from '../testing/restartable-bench.ts';

const REASON = 'a test of the move to format 2';

let db: TestDatabase;
let bench: RestartableBench;
let formats: FormatStore;
/** An epoch in format 1, with three transfers that are not in MySQL yet. */
let epoch: EpochUnderTest<RedisScripts>;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  bench = await RestartableBench.start(db);
  formats = new FormatStore(db.database);
  epoch = await bench.serve();
  await epoch.apply(order('one', { amount: 500 }));
  await epoch.apply(order('two', { source: 'ada', destination: 'bob', amount: 7 }));
  await epoch.apply(order('three', { amount: 50 }));
  await bench.authority.keeperHeartbeat('keeper');
});
afterEach(() => bench.stop());

const keysInRedis = async () => {
  const shard = `${bench.prefix}:{0}:`;
  return (await bench.redis.keys(`${shard}*`)).map((key) => key.slice(shard.length)).sort();
};
async function command(dryRun = false) {
  const { authority, redis, scripts, log } = bench;
  const logger = { log } as unknown as AppLogger;
  const { epoch: seen } = await authority.read();
  return moveFormat(
    { authority, formats, redis, scripts, clock: systemClock, logger },
    { epoch: seen, reason: REASON, dryRun },
    'ann',
  );
}
/** Steps a keeper until the promise is settled. */
async function beside<T>(keeper: Keeper, promise: Promise<T>): Promise<T> {
  let settled = false;
  const done = promise.finally(() => {
    settled = true;
  });
  while (!settled) await Promise.race([keeper.step().catch(() => null), done.catch(() => null)]);
  return done;
}

describe("The operator's command", () => {
  it('moves a ledger with an unflushed journal to format 2, and loses nothing', async () => {
    const moved = await beside(bench.keeper(), command());
    expect(moved).toMatchObject({ from: 1, to: 2, epoch: 5, mode: 'CACHE', obstacles: [], done: true });
    expect(await bench.inMysql(['one', 'two', 'three'])).toEqual(['one', 'two', 'three']);
    expect(await bench.authority.read()).toMatchObject({ epoch: 5, format: 2, cacheEpoch: 5, cacheFormat: 2 });
    expect((await bench.moves()).slice(2)).toMatchObject([
      { mode: 'CLOSING_2', reason: `to rule format 2: ${REASON}` },
      { mode: 'REBUILDING_2' },
      { mode: 'CACHE_2' },
    ]);
    expect(await keysInRedis()).toEqual(['f2:5:ledger', 'fence', 'owner']);
    // Calls for the old epoch are refused, whether they come from its pod or from a late keeper.
    await expect(epoch.apply(order('four'))).rejects.toMatchObject({ kind: 'refused', reason: 'fenced' });
    await expect(bench.scripts.activate(epoch.pod, epoch.pod.replid, 'late', 0)).rejects.toMatchObject({
      reason: 'fenced',
    });
    const next = await bench.begin();
    await next.cache.install(next.pod, [accountOf('ada', { balance: 543, version: 3 })], 0, 10);
    expect((await next.cache.read(next.pod, ['ada'])).accounts[0]).toMatchObject({ balance: 543, version: 3 });
    expect(await command()).toMatchObject({ from: 2, to: 2, epoch: 5, done: true });
  });

  it('reports in a dry run what prevents the move, and that it cannot be undone, and changes nothing', async () => {
    const before = await bench.authority.read();
    expect(await command(true)).toMatchObject({ from: 1, to: 2, epoch: before.epoch, dryRun: true, obstacles: [] });
    await db.database.rows("INSERT INTO processes (process_id, redis_seen) VALUES ('p-old', 1)");
    const dry = await command(true);
    expect(dry.warning).toMatch(/^This cannot be undone/);
    expect(dry.obstacles).toEqual([
      expect.stringMatching(/^api p-old of an older release was last heard from \d+ s ago/),
    ]);
    await expect(command()).rejects.toMatchObject({
      code: 'authority_moved',
      message: expect.stringContaining('nothing was changed: api p-old'),
    });
    expect({ ...(await bench.authority.read()), ageMs: 0 }).toEqual({ ...before, ageMs: 0 });
  });

  it('is refused without a keeper, without Redis, and if the epoch is not the one that the operator has seen', async () => {
    await db.database.rows('DELETE FROM keepers');
    expect((await command(true)).obstacles).toEqual([expect.stringContaining('no keeper is running')]);
    await bench.authority.keeperHeartbeat('keeper');
    const seen = bench.authority.read;
    bench.authority.read = async () => ({ ...(await seen.call(bench.authority)), epoch: 1 });
    await expect(command()).rejects.toMatchObject({ code: 'authority_moved' });
    bench.authority.read = seen;
    await bench.server.kill();
    expect((await command(true)).obstacles).toEqual([expect.stringContaining('Redis does not respond')]);
    await expect(command()).rejects.toMatchObject({ code: 'authority_moved' });
    expect(await bench.authority.read()).toMatchObject({ mode: 'CACHE', format: 1 });
  });

  it('responds before the keepers are done if they take a long time', async () => {
    expect(await command()).toMatchObject({ epoch: 3, mode: 'CLOSING', done: false });
    expect(await stepTo(bench.keeper(), 'CACHE')).toMatchObject({ epoch: 5, format: 2 });
    expect(await bench.inMysql(['one', 'two', 'three'])).toEqual(['one', 'two', 'three']);
  });
});

/** Fails as if the process had died at that moment. */
async function dies(): Promise<never> {
  throw new Error('died');
}
/** Lets the step take effect, and then fails as if the process had died before it got the result. */
const diesAfter =
  <A extends unknown[]>(step: (...args: A) => Promise<unknown>) =>
  async (...args: A): Promise<never> => {
    await step(...args);
    return dies();
  };

describe('A keeper that dies in the middle of the move', () => {
  const steps = (): Record<string, Parameters<KeeperBench['keeper']>[1]> => {
    const store = new RecoveryStore(db.database);
    return {
      'before the journal is recovered': { authority: { cursor: dies } },
      'before the recovery is recorded': { recoveryStore: { finishFromJournal: dies } },
      'after the recovery is recorded': {
        recoveryStore: { finishFromJournal: diesAfter(store.finishFromJournal.bind(store)) },
      },
      'after Redis has begun the epoch': { recoveryStore: { activate: dies } },
      'after MySQL has recorded it': { recoveryStore: { activate: diesAfter(store.activate.bind(store)) } },
    };
  };
  it.each([
    'before the journal is recovered',
    'before the recovery is recorded',
    'after the recovery is recorded',
    'after Redis has begun the epoch',
    'after MySQL has recorded it',
  ])('%s: another one completes the move to format 2', async (moment) => {
    expect(await formats.raise(await bench.authority.read(), BY)).toMatchObject({ mode: 'CLOSING', format: 2 });
    const mortal = bench.keeper('mortal', steps()[moment]);
    for (let step = 0; step < 4; step++) await mortal.step().catch(() => null);
    const cache = await stepTo(bench.keeper('other'), 'CACHE');
    expect(cache).toMatchObject({ epoch: 5, format: 2, cacheFormat: 2 });
    expect(await bench.inMysql(['one', 'two', 'three'])).toEqual(['one', 'two', 'three']);
    expect(await keysInRedis()).toEqual(['f2:5:ledger', 'fence', 'owner']);
    expect((await bench.moves()).slice(2).map(({ mode }) => mode)).toEqual(['CLOSING_2', 'REBUILDING_2', 'CACHE_2']);
  });
});

describe('A Redis that is lost during the move', () => {
  it('is replaced by what the pods hand over; accounts in doubt wait for its journal, in its own format', async () => {
    const entries = await epoch.entries();
    await formats.raise(await bench.authority.read(), BY);
    await bench.server.kill();
    const missing = entries.filter(({ firstSeq }) => firstSeq !== 2);
    const inDoubt = [{ kind: 'transfers' as const, id: 'two', accounts: ['ada', 'bob'] }];
    await bench.handOver(epoch.pod, { entries: missing, inDoubt, observed: 3 });
    const keeper = bench.keeper();
    const direct = await stepTo(keeper, 'DIRECT');
    expect(direct).toMatchObject({ format: 2, cacheEpoch: 2, cacheFormat: 1, highestKnownSeq: 3 });
    expect(await bench.account('ada')).toMatchObject({ frozen: true });
    expect(await formats.raise(direct, BY)).toBeNull();
    await bench.restart();
    expect(await stepTo(keeper, 'CACHE')).toMatchObject({ format: 2, cacheFormat: 2 });
    expect(await bench.inMysql(['one', 'two', 'three'])).toEqual(['one', 'two', 'three']);
    expect(await bench.account('ada')).toMatchObject({ balance: 543, version: 3, frozen: false });
  });
});

describe('The keys of ended epochs', () => {
  it('are deleted in either format', async () => {
    await formats.raise(await bench.authority.read(), BY);
    const keeper = bench.keeper();
    await stepTo(keeper, 'CACHE');
    await bench.closing();
    expect(await stepTo(keeper, 'CACHE')).toMatchObject({ epoch: 8 });
    expect(await keysInRedis()).toEqual(['f2:8:ledger', 'fence', 'owner']);
  });
});
