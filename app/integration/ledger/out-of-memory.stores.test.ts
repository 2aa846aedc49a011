import { rmSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { startRedis } from '../../../devstack/stores/redis.mjs';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { ID_BUCKET_MS, newUuidV7, placeOf } from '../../domain/ids.ts';
import { accountOf, codeOf, orderOf, summaryOf } from '../../domain/testing/orders.ts';
import { type Pod, RealLedger } from '../testing/real-ledger.ts';

let server: Awaited<ReturnType<typeof startRedis>>;
const dir = temporaryFolder();
let admin: Redis;
let stage: RealLedger;
let pod: Pod;

beforeAll(async () => {
  server = await startRedis({ dir, relaxed: true });
  admin = new Redis(server.port);
  stage = await RealLedger.open({ redisPort: server.port, mysqlUrl: inject('mysqlUrl') });
  await stage.begin({ lookupHorizon: Date.now() - 120_000 });
  await stage.open(accountOf('world'), accountOf('a'), accountOf('b'));
  pod = await stage.pod();
});
afterAll(async () => {
  admin.disconnect();
  await stage[Symbol.asyncDispose]();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});
const fill = () => admin.config('SET', 'maxmemory', '1');
const empty = () => admin.config('SET', 'maxmemory', '0');
afterEach(empty);

async function everything(): Promise<string[]> {
  const keys = (await admin.keys('*')).sort();
  return Promise.all(keys.map(async (key) => `${key} ${(await admin.dumpBuffer(key)).toString('base64')}`));
}

describe('A Redis out of memory', () => {
  it('rejects transfers with a clear, retryable problem, and nothing is half written; later they succeed', async () => {
    const early = orderOf({ amount: 3 });
    await pod.apply([early]);
    const before = await everything();
    await fill();
    const one = orderOf({ amount: 5 });
    const [answer, missing] = await pod.apply([one, orderOf({ destination: 'b' })]);
    expect(answer).toMatchObject({
      code: 'overloaded',
      status: 503,
      retryable: true,
      message: expect.stringContaining('OOM'),
    });
    expect(summaryOf(missing)).toBe('overloaded');
    expect(await everything()).toEqual(before);
    await empty();
    expect((await pod.apply([one])).map(summaryOf)).toEqual(['POSTED']);
    expect(await pod.ledger.read(['a'])).toMatchObject([{ balance: 8, version: 2 }]);
  });

  it('accepts waiting transfers if memory becomes available before their retries are used up', async () => {
    await fill();
    const waiting = pod.apply([orderOf()]);
    await expect.poll(() => pod.events.counts.retried).toBeGreaterThan(1);
    await empty();
    expect((await waiting).map(summaryOf)).toEqual(['POSTED']);
  });

  it('rejects account changes, and does not make them', async () => {
    await fill();
    const change = {
      changeId: newUuidV7(Date.now()),
      accountId: 'a',
      status: 'FROZEN' as const,
      user: 'u',
      correlationId: 'c',
    };
    expect(await codeOf(pod.ledger.changeAccount(change))).toBe('overloaded');
    expect(await pod.ledger.read(['a'])).toMatchObject([{ status: 'ACTIVE', settingsVersion: 1 }]);
  });

  it('still serves reads, and finds outcomes', async () => {
    const one = orderOf();
    await pod.apply([one]);
    await fill();
    expect(await pod.ledger.outcome(one.transactionId)).toMatchObject({ status: 'POSTED' });
    expect(await pod.ledger.read(['a'])).toMatchObject([{ source: 'cache', stale: false }]);
  });

  it('can still be flushed, trimmed and cleared of old ids, so that it has room again', async () => {
    const old = orderOf({ transactionId: newUuidV7(Date.now() - 60_000), amount: 9 });
    await pod.apply([old]);
    await fill();
    const last = await stage.flush();
    expect((await stage.scripts.publish(stage.keeper, last, last)).cursor).toBe(last);
    const { bucket } = placeOf(old.transactionId);
    const first = Math.floor((Date.now() - 120_000) / ID_BUCKET_MS) - 1;
    const buckets = Array.from({ length: (bucket ?? 0) - first + 1 }, (_, index) => first + index);
    const head = await stage.scripts.forget(stage.keeper, buckets, true);
    expect(head.evictedUpTo).toBeGreaterThan(0);
    expect(await stage.redis.exists(`${stage.prefix}:{0}:${stage.epoch}:ids:${bucket}`)).toBe(0);
  });

  it('still allows retiring a pod and raising a fence', async () => {
    const other = await stage.pod();
    await fill();
    await stage.scripts.retire(stage.keeper, other.caller.podId);
    await expect(stage.scripts.read(other.caller, [])).rejects.toMatchObject({ reason: 'retired' });
    expect(await stage.scripts.fence(stage.epoch, stage.replid)).toBe(stage.epoch);
  });
});
