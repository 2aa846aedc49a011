import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { CacheError } from '../journal/cache-port.ts';
import { identifyServer } from './connection.ts';
import { RedisScripts } from './redis-scripts.ts';
import { shardPrefix } from './shard-prefix.ts';
import { randomPrefix } from './testing/own-redis.ts';

let redis: Redis;
let replid: string;
let prefix: string;
let ours: RedisScripts;
let theirs: RedisScripts;

beforeAll(async () => {
  redis = new Redis(inject('redisPort'));
  replid = (await identifyServer(redis)).replid;
});
afterAll(() => redis.disconnect());
beforeEach(() => {
  prefix = randomPrefix();
  ours = new RedisScripts(redis, shardPrefix(prefix), async () => 'ours');
  theirs = new RedisScripts(redis, shardPrefix(prefix), async () => 'theirs');
});

const key = (name: string) => `${prefix}:{0}:${name}`;
const keeper = () => ({ fenceEpoch: 7, epoch: 7, format: 1 as const, replid });
const pod = () => ({ epoch: 7, format: 1 as const, replid, podId: 'pod' });

/** All keys with this prefix, byte by byte. */
async function everything(): Promise<Record<string, string>> {
  const keys = (await redis.keys(`${prefix}:*`)).sort();
  const dumps = await Promise.all(keys.map(async (one) => (await redis.dumpBuffer(one)).toString('base64')));
  return Object.fromEntries(keys.map((one, index) => [one, dumps[index] ?? '']));
}

/** The state left by a release without owners. */
async function withoutOwner(): Promise<void> {
  await ours.activate({ epoch: 7, format: 1 }, replid, 'marker', 0);
  await redis.del(key('owner'));
}

const everyKeeperScript: [string, (scripts: RedisScripts) => Promise<unknown>][] = [
  ['fence', (scripts) => scripts.fence(8, replid)],
  ['fence of the same epoch', (scripts) => scripts.fence(7, replid)],
  ['activate', (scripts) => scripts.activate({ epoch: 8, format: 1 }, replid, 'another', 0)],
  ['activate of the same epoch', (scripts) => scripts.activate({ epoch: 7, format: 1 }, replid, 'another', 0)],
  ['journal', (scripts) => scripts.journal(keeper(), 0, 10)],
  ['publish', (scripts) => scripts.publish(keeper(), 0, 0)],
  ['forget', (scripts) => scripts.forget(keeper(), [0], true)],
  ['retire', (scripts) => scripts.retire(keeper(), 'pod')],
  ['sweep', (scripts) => scripts.sweep(keeper(), [key('7:ledger')])],
  ['register', (scripts) => scripts.register(pod(), 'marker')],
];

describe.each(everyKeeperScript)('%s', (name, run) => {
  const refusedAs = async (reason: string) => {
    const before = await everything();
    const error = await run(theirs).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CacheError);
    expect(error).toMatchObject({ kind: 'refused', reason });
    expect(await everything()).toEqual(before);
  };

  it('is rejected on the Redis of another ledger, even if the epochs are equal, and changes nothing', async () => {
    await ours.activate({ epoch: 7, format: 1 }, replid, 'marker', 0);
    await refusedAs('foreign');
  });
  // A registration may claim keys without an owner, as left by an older release: the pod's marker proves that they
  // belong to its ledger.
  if (name === 'register') return;
  it('is rejected if no ledger has claimed the keys, and changes nothing', async () => {
    await withoutOwner();
    await refusedAs('unclaimed');
  });
});

describe('A Redis', () => {
  it('that has never held a ledger belongs to the first ledger that begins there', async () => {
    expect(await ours.ownership(replid)).toEqual({ state: 'free', owner: null, fence: null });
    await ours.fence(6, replid);
    expect(await ours.ownership(replid)).toEqual({ state: 'own', owner: 'ours', fence: 6 });
    expect(await theirs.ownership(replid)).toEqual({ state: 'foreign', owner: 'ours', fence: 6 });
    await ours.activate({ epoch: 7, format: 1 }, replid, 'marker', 0);
    expect(await redis.get(key('owner'))).toBe('ours');
  });
  it('of an older release is claimed once, by a caller that has the marker of its epoch', async () => {
    await withoutOwner();
    expect(await ours.ownership(replid)).toEqual({ state: 'unclaimed', owner: null, fence: 7 });
    expect(await theirs.claim({ epoch: 7, format: 1 }, replid, 'guessed')).toBe(false);
    expect(await theirs.claim({ epoch: 6, format: 1 }, replid, 'marker')).toBe(false);
    expect(await ours.claim({ epoch: 7, format: 1 }, replid, 'marker')).toBe(true);
    expect(await ours.claim({ epoch: 7, format: 1 }, replid, 'marker')).toBe(true);
    expect(await theirs.claim({ epoch: 7, format: 1 }, replid, 'marker')).toBe(false);
    expect(await redis.get(key('owner'))).toBe('ours');
  });
  it('of an older release is claimed by the first pod that registers with the marker of its epoch', async () => {
    await withoutOwner();
    await expect(ours.register(pod(), 'guessed')).rejects.toMatchObject({ reason: 'lost' });
    expect(await redis.get(key('owner'))).toBeNull();
    await ours.register(pod(), 'marker');
    expect(await redis.get(key('owner'))).toBe('ours');
  });
  it('is claimed only on the server of the epoch', async () => {
    await withoutOwner();
    await expect(ours.claim({ epoch: 7, format: 1 }, 'f'.repeat(40), 'marker')).rejects.toMatchObject({
      reason: 'other_server',
    });
    expect(await redis.get(key('owner'))).toBeNull();
  });
  it('is taken over only if it has not changed since it was observed', async () => {
    await ours.activate({ epoch: 7, format: 1 }, replid, 'marker', 0);
    const seen = await theirs.ownership(replid);
    await ours.fence(8, replid);
    expect(await theirs.takeOver(replid, seen)).toBe(false);
    expect(await theirs.takeOver(replid, { ...seen, owner: null, fence: 8 })).toBe(false);
    expect(await redis.get(key('owner'))).toBe('ours');
    expect(await theirs.takeOver(replid, await theirs.ownership(replid))).toBe(true);
    expect(await redis.get(key('owner'))).toBe('theirs');
    await expect(ours.journal({ ...keeper(), fenceEpoch: 8 }, 0, 1)).rejects.toMatchObject({ reason: 'foreign' });
  });
});
