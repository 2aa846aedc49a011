import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { ofTestLedger } from '../domain/testing/ledger-id.ts';
import { account, EpochUnderTest } from '../journal/testing/epoch-under-test.ts';
import { change, place } from '../journal/testing/hold-items.ts';
import { identifyServer } from './connection.ts';
import { RedisScripts } from './redis-scripts.ts';
import { shardPrefix } from './shard-prefix.ts';
import { randomPrefix } from './testing/own-redis.ts';

const SEVEN_DAYS_MS = 604_800_000;
const HOLDS = 700;
const PER_CALL = 350;
/** The maximum number of holds that one call of the script evicts. */
const EVICTED_MAX = 500;

let redis: Redis;
let epoch: EpochUnderTest<RedisScripts>;
beforeAll(async () => {
  redis = new Redis(inject('redisPort'));
  const { replid } = await identifyServer(redis);
  epoch = new EpochUnderTest(new RedisScripts(redis, shardPrefix(randomPrefix()), ofTestLedger), 1, replid, 2);
  await epoch.begin([account('ada', { balance: 1_000_000 })]);
});
afterAll(() => redis.disconnect());

it('A hold without an expiry time expires seven days after the ledger accepts it, by the clock of Redis', async () => {
  const { head } = await epoch.applyHolds(place('week', 1, { expiresAt: null }));
  const { holds } = await epoch.cache.readHolds(epoch.pod, ['week']);
  expect(holds).toMatchObject([{ status: 'OPEN', expiresAt: head.time + SEVEN_DAYS_MS }]);
});

it('A change sends the terms that were requested, whatever else the pod knows about the hold', async () => {
  const item = Object.assign(change('week', { amount: 2, expectedRevision: 1 }), { amount: 1, expiresAt: 1 });
  await epoch.applyHolds(item);
  const { holds } = await epoch.cache.readHolds(epoch.pod, ['week']);
  expect(holds).toMatchObject([{ amount: 2, revision: 2 }]);
});

it('One call evicts at most 500 holds, and only holds that are in MySQL already', async () => {
  for (let from = 0; from < HOLDS; from += PER_CALL)
    await epoch.applyHolds(...Array.from({ length: PER_CALL }, (_, n) => place(`h${from + n}`, 1)));
  expect(await epoch.cache.evictHolds(epoch.keeper, 0)).toMatchObject({ evicted: 0, size: HOLDS + 1 });
  await epoch.cache.publish(epoch.keeper, await epoch.headSeq(), 0);
  expect(await epoch.cache.evictHolds(epoch.keeper, 0)).toMatchObject({ evicted: EVICTED_MAX });
  expect(await epoch.cache.evictHolds(epoch.keeper, 0)).toMatchObject({ size: 0 });
  expect(await epoch.cache.evictHolds(epoch.keeper, 0)).toMatchObject({ evicted: 0, size: 0 });
});
