import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { ID_BUCKET_MS, newUuidV7 } from '../../domain/ids.ts';
import { ofTestLedger } from '../../domain/testing/ledger-id.ts';
import { account, type EpochUnderTest, itemOf, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { identifyServer } from '../../redis/connection.ts';
import { sweepEpochsBefore } from '../../redis/epoch-sweep.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';
import { shardPrefix } from '../../redis/shard-prefix.ts';
import { randomPrefix } from '../../redis/testing/own-redis.ts';
import { IdJanitor } from '../../sync/id-janitor.ts';

const WINDOW_MS = 12 * ID_BUCKET_MS;

describe('IdJanitor', () => {
  let clock: TestClock;
  let epoch: EpochUnderTest;
  let janitor: IdJanitor;
  /** The largest id time in MySQL. */
  let idTimeMax: number;
  beforeEach(async () => {
    clock = new TestClock();
    clock.wallMs = Math.ceil(clock.wallMs / ID_BUCKET_MS) * ID_BUCKET_MS;
    epoch = await modelEpoch([account('world'), account('ada')]);
    epoch.cache.now = () => clock.wallMs;
    // The model's lookup horizon is 0: raise it to the value that an activation would set.
    await epoch.cache.activate({ epoch: 2, format: 1 }, epoch.pod.replid, 'marker', clock.wallMs - 60_000);
    epoch = Object.assign(epoch, {
      pod: { ...epoch.pod, epoch: 2 },
      keeper: { ...epoch.keeper, epoch: 2, fenceEpoch: 2 },
    });
    await epoch.cache.register(epoch.pod, 'marker');
    await epoch.cache.install(epoch.pod, [account('world'), account('ada')], 0, 10);
    idTimeMax = Number.MAX_SAFE_INTEGER;
    janitor = new IdJanitor({ cache: epoch.cache, clock, windowMs: WINDOW_MS });
  });

  /** Makes a transfer whose id is a UUIDv7 of the current time. @returns the id */
  async function post(): Promise<string> {
    const id = newUuidV7(clock.wallMs);
    await epoch.cache.apply(epoch.pod, [{ ...itemOf(order(id)), lookupCursor: -1 }]);
    return id;
  }
  const publishAll = async () => epoch.cache.publish(epoch.keeper, await epoch.headSeq(), 0);
  const known = async (id: string) => (await epoch.cache.find(epoch.pod, [id])).seqs[0] !== null;
  const lookupHorizon = async () => (await epoch.cache.read(epoch.pod, [])).head.lookupHorizon;

  it('keeps ids for the window, and removes whole buckets after it', async () => {
    const id = await post();
    await publishAll();
    clock.advance(WINDOW_MS);
    await janitor.round(epoch.keeper, idTimeMax);
    expect(await known(id)).toBe(true);
    clock.advance(ID_BUCKET_MS);
    await janitor.round(epoch.keeper, idTimeMax);
    expect(await known(id)).toBe(false);
    expect(await lookupHorizon()).toBe(clock.wallMs - WINDOW_MS - 1);
  });

  it('removes nothing that is not in MySQL, however old', async () => {
    const id = await post();
    clock.advance(3 * WINDOW_MS);
    await janitor.round(epoch.keeper, idTimeMax);
    expect(await known(id)).toBe(true);
    await publishAll();
    await janitor.round(epoch.keeper, idTimeMax);
    expect(await known(id)).toBe(false);
  });

  it('forgets buckets in order of time, a limited number in each round', async () => {
    const forget = vi.spyOn(epoch.cache, 'forget');
    clock.advance(300 * ID_BUCKET_MS);
    await janitor.round(epoch.keeper, idTimeMax);
    const buckets = forget.mock.calls[0]?.[1] ?? [];
    expect(buckets).toHaveLength(100);
    expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
    const first = await lookupHorizon();
    await janitor.round(epoch.keeper, idTimeMax);
    expect(await lookupHorizon()).toBe(first + 100 * ID_BUCKET_MS);
  });

  it('removes no ids if a clock jumps ahead of the ids in MySQL: the lookup horizon never decreases', async () => {
    const forget = vi.spyOn(epoch.cache, 'forget');
    idTimeMax = clock.wallMs;
    clock.wallMs += 365 * 24 * 3_600_000;
    await janitor.round(epoch.keeper, idTimeMax);
    expect(forget).not.toHaveBeenCalled();
  });

  it("uses the ledger's time, whatever the keeper's clock shows", async () => {
    const id = await post();
    await publishAll();
    const ledgerMs = clock.wallMs;
    epoch.cache.now = () => ledgerMs;
    clock.wallMs += 365 * 24 * 3_600_000;
    await janitor.round(epoch.keeper, idTimeMax);
    expect(await known(id)).toBe(true);
    epoch.cache.now = () => ledgerMs + WINDOW_MS + ID_BUCKET_MS;
    clock.wallMs = 0;
    await janitor.round(epoch.keeper, idTimeMax);
    expect(await known(id)).toBe(false);
  });

  it('rotates the generations of other ids every half window, and not before', async () => {
    const forget = vi.spyOn(epoch.cache, 'forget');
    await epoch.apply(order('other'));
    await publishAll();
    await janitor.round(epoch.keeper, idTimeMax);
    expect(forget).not.toHaveBeenCalled();
    clock.monotonicMs += WINDOW_MS / 2;
    await janitor.round(epoch.keeper, idTimeMax);
    await janitor.round(epoch.keeper, idTimeMax);
    expect(forget.mock.calls.map(([, , turn]) => turn)).toEqual([true]);
    expect(await known('other')).toBe(true);
    clock.monotonicMs += WINDOW_MS / 2;
    await janitor.round(epoch.keeper, idTimeMax);
    expect(await known('other')).toBe(false);
  });
});

describe('sweepEpochsBefore', () => {
  let redis: Redis;
  beforeAll(() => {
    redis = new Redis(inject('redisPort'));
  });
  afterAll(() => redis.disconnect());

  it('deletes all keys of earlier epochs of this ledger, in any format, and nothing else', async () => {
    const prefix = randomPrefix();
    const old = Array.from(
      { length: 3000 },
      (_, n) => `${prefix}:{0}:${n % 3 === 0 ? 'f2:' : ''}${n % 2 === 0 ? 3 : 10}:ids:${n}`,
    );
    const kept = [
      `${prefix}:{0}:fence`,
      `${prefix}:{0}:11:ledger`,
      `${prefix}:{0}:100:ledger`,
      `${prefix}:{0}:f2:11:ledger`,
      `${prefix}:{0}:f2:100:ledger`,
      `${prefix}:{0}:3x:ledger`,
      `${prefix}:bull:3:x`,
      `${prefix}2:{0}:3:ledger`,
    ];
    const { replid } = await identifyServer(redis);
    const scripts = new RedisScripts(redis, shardPrefix(prefix), ofTestLedger);
    await scripts.fence(10, replid);
    await redis.mset(...[...old, ...kept].flatMap((key) => [key, '1']));
    const sweep = (of: RedisScripts) =>
      sweepEpochsBefore({ redis, scripts: of, keyPrefix: shardPrefix(prefix) }, 11, { fenceEpoch: 10, replid });
    const foreign = new RedisScripts(redis, shardPrefix(prefix), async () => 'another-ledger');
    await expect(sweep(foreign)).rejects.toMatchObject({ kind: 'refused', reason: 'foreign' });
    expect(await redis.exists(...old)).toBe(old.length);
    await redis.set(kept[0] ?? '', '10');
    await sweep(scripts);
    expect(await redis.exists(...old)).toBe(0);
    expect(await redis.exists(...kept)).toBe(kept.length);
    await redis.del(...kept, `${prefix}:{0}:owner`);
  });
});
