import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { lowerLookupHorizon } from '../../authority/keeper/lookup-horizon.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { ofTestLedger } from '../../domain/testing/ledger-id.ts';
import type { Caller, KeeperCaller } from '../../journal/cache-port.ts';
import { RecordStatus } from '../../journal/codec.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import { account, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { AuthorityStore } from '../../mysql/authority/authority-store.ts';
import { FlushStore } from '../../mysql/ledger/flush-store.ts';
import { migratedDatabase, openIn, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';
import { shardPrefix } from '../../redis/shard-prefix.ts';
import { randomPrefix } from '../../redis/testing/own-redis.ts';

const { POSTED, REPLAYED, NEEDS_LOOKUP, AHEAD } = RecordStatus;
const HOUR_MS = 3_600_000;
const ACCOUNTS = [account('world'), account('ada')];

let db: TestDatabase;
let redis: Redis;
let scripts: RedisScripts;
let pod: Caller;
let keeper: KeeperCaller;
let authority: AuthorityStore;
let nowMs: number;

beforeAll(async () => {
  db = await migratedDatabase();
  redis = new Redis(inject('redisPort'));
  authority = new AuthorityStore(db.database);
});
afterAll(async () => {
  redis.disconnect();
  await db.drop();
});
beforeEach(async () => {
  await db.reset();
  await openIn(db.database, ACCOUNTS);
  const replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
  scripts = new RedisScripts(redis, shardPrefix(randomPrefix()), ofTestLedger);
  pod = { epoch: 9, format: 1, replid, podId: 'pod' };
  keeper = { fenceEpoch: 9, epoch: 9, format: 1, replid };
  nowMs = Date.now();
});

/** MySQL has these ids from a release that trusted the clocks of pods. */
async function posted(...ids: string[]): Promise<void> {
  const before = await modelEpoch(ACCOUNTS);
  before.cache.now = () => nowMs + 24 * HOUR_MS;
  await before.apply(...ids.map((id) => order(id)));
  await before.change(newUuidV7(nowMs + HOUR_MS), 'ada', { overdraftLimit: 5 });
  await new FlushStore(db.database).commit(batchOf(await before.entries(), 1, 0), 1);
}
async function begin(): Promise<void> {
  await scripts.activate({ epoch: 9, format: 1 }, pod.replid, 'marker', (await authority.cursor()).idTimeMax);
  await lowerLookupHorizon({ cache: scripts, authority, logger: keptLog() }, keeper);
  await scripts.register(pod, 'marker');
  await scripts.install(pod, ACCOUNTS, 0, 100);
}
async function tried(...ids: string[]): Promise<(number | undefined)[]> {
  const items = ids.map((id) => ({ order: order(id), payload: '[]', lookupCursor: -1 }));
  return (await scripts.apply(pod, items)).records.map(({ status }) => status);
}

describe('Ids from the future', () => {
  it('do not force lookups of other ids, and are never mistaken for new ones', async () => {
    const future = [
      newUuidV7(nowMs + HOUR_MS),
      newUuidV7(nowMs + 2 * HOUR_MS),
      newUuidV7(nowMs + HOUR_MS).toUpperCase(),
    ];
    await posted(...future, newUuidV7(nowMs));
    await begin();
    const { head } = await scripts.read(pod, []);
    expect(head.lookupHorizon).toBeLessThanOrEqual(head.time + 60_000);
    const [one = '', other = '', upper = ''] = future;
    expect(await tried(one, other, upper)).toEqual([REPLAYED, REPLAYED, NEEDS_LOOKUP]);
    expect((await scripts.find(pod, [one])).seqs).toEqual([0]);
    // New ids are decided by Redis alone as soon as the horizon is behind them.
    expect(await tried(newUuidV7(head.lookupHorizon), newUuidV7(head.lookupHorizon + HOUR_MS))).toEqual([
      NEEDS_LOOKUP,
      AHEAD,
    ]);
    await expect.poll(async () => tried(newUuidV7(head.lookupHorizon + 1))).toEqual([POSTED]);
    expect((await scripts.read(pod, [])).head.seq).toBeGreaterThan(0);
  });

  it('are also recognized if they belong to account changes', async () => {
    await posted(newUuidV7(nowMs));
    await begin();
    const ids = (await authority.idsBetween(nowMs, nowMs + HOUR_MS)) ?? [];
    expect(ids).toHaveLength(1);
    const changeId = ids[0]?.slice(1) ?? '';
    const settings = { expectedSettingsVersion: null, status: null, overdraftLimit: 7, payload: '{}' };
    const { record } = await scripts.change(pod, { accountId: 'ada', changeId, ...settings });
    expect(record).toMatchObject({ status: REPLAYED, seq: 0 });
  });

  it('do not lower the lookup horizon once the epoch has an outcome, or if there are too many of them', async () => {
    await posted(newUuidV7(nowMs + HOUR_MS));
    const { idTimeMax } = await authority.cursor();
    await scripts.activate({ epoch: 9, format: 1 }, pod.replid, 'marker', idTimeMax);
    const log = keptLog();
    await lowerLookupHorizon({ cache: scripts, authority: { idsBetween: async () => null }, logger: log }, keeper);
    await scripts.register(pod, 'marker');
    await scripts.install(pod, ACCOUNTS, 0, 100);
    expect((await scripts.read(pod, [])).head.lookupHorizon).toBe(idTimeMax);
    await scripts.apply(pod, [{ order: order('other'), payload: '[]', lookupCursor: 0 }]);
    await lowerLookupHorizon({ cache: scripts, authority, logger: log }, keeper);
    expect((await scripts.read(pod, [])).head.lookupHorizon).toBe(idTimeMax);
  });
});
