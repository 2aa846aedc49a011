import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { ofTestLedger } from '../../domain/testing/ledger-id.ts';
import { account, EpochUnderTest } from '../../journal/testing/epoch-under-test.ts';
import { capture, place } from '../../journal/testing/hold-items.ts';
import { identifyServer } from '../../redis/connection.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';
import { shardPrefix } from '../../redis/shard-prefix.ts';
import { randomPrefix } from '../../redis/testing/own-redis.ts';
import { HoldJanitor } from '../../sync/hold-janitor.ts';

const HOLDS = 1200;
const PER_CALL = 300;

let redis: Redis;
let epoch: EpochUnderTest<RedisScripts>;
beforeAll(() => {
  redis = new Redis(inject('redisPort'));
});
afterAll(() => redis.disconnect());
beforeEach(async () => {
  const { replid } = await identifyServer(redis);
  epoch = new EpochUnderTest(new RedisScripts(redis, shardPrefix(randomPrefix()), ofTestLedger), 1, replid, 2);
  await epoch.begin([account('ada', { balance: 1_000_000 }), account('bob')]);
});

const idsOf = (from: number, until: number) => Array.from({ length: until - from }, (_, n) => `h${from + n}`);
async function placeAll(): Promise<void> {
  for (let from = 0; from < HOLDS; from += PER_CALL)
    await epoch.applyHolds(...idsOf(from, from + PER_CALL).map((holdId) => place(holdId, 1)));
}
const flushed = async () => epoch.cache.publish(epoch.keeper, await epoch.headSeq(), 0);
const there = async (ids: readonly string[]) =>
  (await epoch.cache.readHolds(epoch.pod, ids)).holds.filter((hold) => hold !== null).length;
const janitor = (holdsMax: number) => new HoldJanitor({ cache: epoch.cache, holdsMax });

describe('HoldJanitor', () => {
  it('evicts holds that are in MySQL until the maximum is reached, in as many calls as necessary', async () => {
    await placeAll();
    await flushed();
    expect(await janitor(100).round(epoch.keeper)).toBe(100);
    expect(await there(idsOf(0, HOLDS))).toBe(100);
    expect(await janitor(100).round(epoch.keeper)).toBe(100);
  });

  it('evicts nothing that is not in MySQL yet, and stops until the next run', async () => {
    await placeAll();
    expect(await janitor(100).round(epoch.keeper)).toBe(HOLDS);
    expect(await there(idsOf(0, HOLDS))).toBe(HOLDS);
  });

  it('evicts holds that have ended before others', async () => {
    await placeAll();
    const ended = idsOf(0, 400);
    for (let from = 0; from < 400; from += 100)
      await epoch.applyHolds(...ended.slice(from, from + 100).map((holdId) => capture(holdId, `k-${holdId}`, null)));
    await flushed();
    expect(await janitor(HOLDS - 200).round(epoch.keeper)).toBe(HOLDS - 200);
    // Samples are random: each has twice as many holds as are evicted, and a third of them have ended.
    expect(await there(ended)).toBeLessThan(300);
  });

  it('lets a pod install an evicted hold again, but not from a snapshot before its eviction', async () => {
    await placeAll();
    await flushed();
    const cursor = await epoch.headSeq();
    await janitor(0).round(epoch.keeper);
    expect(await there(['h7'])).toBe(0);
    const stored = { holdId: 'h7', account: 'ada', destination: null, currency: 'EUR' };
    const hold = { ...stored, status: 'OPEN', amount: 1, captured: 0, expiresAt: 9e12, revision: 1 } as const;
    await expect(epoch.cache.installHolds(epoch.pod, [hold], cursor - 1)).rejects.toMatchObject({ kind: 'stale' });
    await epoch.cache.installHolds(epoch.pod, [hold], cursor);
    expect(await there(['h7'])).toBe(1);
  });

  it('does not look for holds in format 1', async () => {
    expect(await janitor(0).round({ ...epoch.keeper, format: 1 })).toBe(0);
  });
});
