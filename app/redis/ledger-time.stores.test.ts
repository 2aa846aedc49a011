import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { bucketEnd, ID_BUCKET_MS, newUuidV7 } from '../domain/ids.ts';
import { ofTestLedger } from '../domain/testing/ledger-id.ts';
import type { Caller } from '../journal/cache-port.ts';
import { outcomesOf, RecordStatus } from '../journal/codec.ts';
import { account, itemOf, order } from '../journal/testing/epoch-under-test.ts';
import { decodeEntry } from './apply-call.ts';
import { RedisScripts } from './redis-scripts.ts';
import { shardPrefix } from './shard-prefix.ts';

const HOUR_MS = 3_600_000;
let redis: Redis;
let scripts: RedisScripts;
let pod: Caller;
let number = 0;

beforeAll(async () => {
  redis = new Redis(inject('redisPort'));
});
afterAll(() => redis.disconnect());
beforeEach(async () => {
  const replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
  scripts = new RedisScripts(redis, shardPrefix(`time-${process.pid}-${++number}`), ofTestLedger);
  pod = { epoch: 1, format: 1, replid, podId: 'pod' };
  await scripts.activate({ epoch: 1, format: 1 }, replid, 'marker', 0);
  await scripts.register(pod, 'marker');
});

const clock = async (): Promise<number> => {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
};
const open = (acceptedUpTo?: number) => scripts.install(pod, [account('world'), account('ada')], 0, 100, acceptedUpTo);

describe('A UUIDv7 from the future', () => {
  it('is rejected if it is more than 60 s ahead of the ledger, and leaves nothing behind', async () => {
    await open();
    const { time } = (await scripts.read(pod, [])).head;
    const near = newUuidV7(time + 60_000);
    const far = newUuidV7(time + HOUR_MS);
    const items = [far, near].map((id) => ({ ...itemOf(order(id)), lookupCursor: -1 }));
    const { records, head, entries } = await scripts.apply(pod, items);
    expect(records.map(({ status }) => status)).toEqual([RecordStatus.AHEAD, RecordStatus.POSTED]);
    expect(head.seq).toBe(1);
    expect(entries.flatMap((entry) => outcomesOf(entry, 1)).map((outcome) => outcome.order.transactionId)).toEqual([
      near,
    ]);
    const change = { accountId: 'ada', changeId: far, payload: '{}' };
    const settings = { expectedSettingsVersion: null, status: null, overdraftLimit: 5 };
    expect((await scripts.change(pod, { ...change, ...settings })).record.status).toBe(RecordStatus.AHEAD);
    expect((await scripts.find(pod, [far])).seqs).toEqual([null]);
  });

  it("is not forgotten before the ledger's time reaches the end of its bucket", async () => {
    const keeper = { fenceEpoch: 1, epoch: 1, format: 1 as const, replid: pod.replid };
    const { time } = (await scripts.read(pod, [])).head;
    const bucket = Math.floor(time / ID_BUCKET_MS);
    const { lookupHorizon } = await scripts.forget(keeper, [bucket - 1, bucket + 6], false);
    expect(lookupHorizon).toBe(bucketEnd(bucket - 1));
  });
});

describe("The ledger's time", () => {
  it("comes from Redis's clock, in the reply and in the journal, whatever the pod's clock shows", async () => {
    await open();
    const before = await clock();
    const { head, entries } = await scripts.apply(pod, [itemOf(order('t1'), 5)]);
    expect(head.time).toBeGreaterThanOrEqual(before);
    expect(head.time).toBeLessThanOrEqual(await clock());
    const journal = await scripts.journal({ fenceEpoch: 1, epoch: 1, format: 1, replid: pod.replid }, 0, 10);
    expect(journal.entries).toEqual(entries);
    expect(outcomesOf(entries[0] as never, 1)).toMatchObject([{ acceptedAt: head.time, takenAt: 5 }]);
  });

  it('continues from the latest change of the accounts loaded from MySQL, and never decreases', async () => {
    const ahead = (await clock()) + HOUR_MS;
    expect((await open(ahead)).head.time).toBe(ahead);
    // Installing another account with an earlier time changes nothing.
    await scripts.install(pod, [account('bob')], 0, 100, 1);
    const first = await scripts.apply(pod, [itemOf(order('t1'))]);
    expect(first.head.time).toBe(ahead);
    const change = { accountId: 'ada', changeId: '018f0000-0000-7000-8000-000000000001', payload: '{}' };
    const settings = { expectedSettingsVersion: null, status: null, overdraftLimit: 5 };
    const changed = await scripts.change(pod, { ...change, ...settings });
    expect(changed.entries).toMatchObject([{ acceptedAt: ahead }]);
    expect((await scripts.read(pod, [])).head.time).toBe(ahead);
  });

  it('is stored even while the clock is ahead of it, because the clock may be set back', async () => {
    const behind = (await clock()) - HOUR_MS;
    await open(behind);
    expect(await redis.hget(`time-${process.pid}-${number}:{0}:1:ledger`, 'time')).toBe(String(behind));
    await scripts.apply(pod, [itemOf(order('t1'))]);
    expect(Number(await redis.hget(`time-${process.pid}-${number}:{0}:1:ledger`, 'time'))).toBeGreaterThan(behind);
  });

  it("is the pod's time in an entry written by an older release", async () => {
    await open();
    const { entries } = await scripts.apply(pod, [itemOf(order('t1'), 5)]);
    const { payload = '', records = Buffer.alloc(0) } = entries[0] ?? {};
    const fields = ['k', 't', 'p', payload, 'r', records].map((field) => Buffer.from(field));
    expect(outcomesOf(decodeEntry([Buffer.from('1-0'), fields]), 1)).toMatchObject([{ acceptedAt: 5, takenAt: null }]);
  });
});
