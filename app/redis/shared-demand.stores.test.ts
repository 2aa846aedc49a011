import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type ShardPrefix, shardPrefix } from './shard-prefix.ts';
import { SharedDemand } from './shared-demand.ts';
import { randomPrefix } from './testing/own-redis.ts';

let redis: Redis;
let keyPrefix: ShardPrefix;
let admitted: boolean;
beforeAll(() => {
  redis = new Redis(inject('redisPort'));
});
afterAll(() => redis.disconnect());
beforeEach(() => {
  keyPrefix = shardPrefix(randomPrefix());
  admitted = true;
});

const HOUR_MS = 3_600_000;
const pod = (podId: string, staleMs = HOUR_MS) =>
  new SharedDemand({ redis, keyPrefix, podId, isAdmitted: () => admitted, staleMs });
const exchange = async (demand: SharedDemand, rates: Record<string, number>) =>
  Object.fromEntries(await demand.exchange(new Map(Object.entries(rates))));

describe('The request rates of the pods', () => {
  it('are added up for each user; the latest report of a pod replaces its earlier ones', async () => {
    const [a, b] = [pod('a'), pod('b')];
    expect(await exchange(a, { ada: 80.5, bob: 3 })).toEqual({ ada: 80.5, bob: 3 });
    expect(await exchange(b, { ada: 40 })).toEqual({ ada: 120.5 });
    expect(await exchange(a, { ada: 10, bob: 4 })).toEqual({ ada: 50, bob: 4 });
  });

  it('are ignored when they are old', async () => {
    await exchange(pod('ended'), { ada: 80 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await exchange(pod('b', 1), { ada: 40 })).toEqual({ ada: 40 });
  });

  it('are ignored if the clock of Redis was set back after they were written', async () => {
    await exchange(pod('a'), { ada: 80 });
    const [key = ''] = await redis.keys(`${keyPrefix}:*`);
    await redis.hset(key, 'ended', `70@${Date.now() + 2 * HOUR_MS}`);
    expect(await exchange(pod('a'), { ada: 40 })).toEqual({ ada: 40 });
  });

  it('of pods that have ended are deleted, even if the user sends requests without a pause', async () => {
    await exchange(pod('a'), { ada: 80 });
    const [key = ''] = await redis.keys(`${keyPrefix}:*`);
    await redis.hset(key, 'ended', `70@${Date.now() - 2 * HOUR_MS}`);
    await exchange(pod('a'), { ada: 40 });
    expect(await redis.hkeys(key)).toEqual(['a']);
  });

  it('are not written by a pod that loses its registration after requesting the time', async () => {
    const answers = [true, false];
    const losing = new SharedDemand({ redis, keyPrefix, podId: 'a', isAdmitted: () => answers.shift() ?? false });
    await expect(exchange(losing, { ada: 80 })).rejects.toThrow('not registered');
    expect(await redis.keys(`${keyPrefix}:*`)).toEqual([]);
  });

  it('expire', async () => {
    await exchange(pod('a'), { ada: 80 });
    const [key = ''] = await redis.keys(`${keyPrefix}:*`);
    expect(await redis.pttl(key)).toBeGreaterThan(0);
  });

  it('are not exchanged by a pod that is not registered in this Redis', async () => {
    admitted = false;
    await expect(exchange(pod('a'), { ada: 80 })).rejects.toThrow('not registered');
    expect(await redis.keys(`${keyPrefix}:*`)).toEqual([]);
  });

  it('may belong to users with any name', async () => {
    const rates = { 'jwt:auth0|507f {x} * \u00e4': 7, 'key:a:b': 8 };
    expect(await exchange(pod('a'), rates)).toEqual(rates);
  });
});
