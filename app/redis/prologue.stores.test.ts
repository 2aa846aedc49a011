import { rmSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startRedis } from '../../devstack/stores/redis.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { newUuidV7 } from '../domain/ids.ts';
import { ofTestLedger } from '../domain/testing/ledger-id.ts';
import { accountOf, orderOf } from '../domain/testing/orders.ts';
import { CacheError, type Caller, type KeeperCaller } from '../journal/cache-port.ts';
import { encodeOrder } from '../journal/codec.ts';
import { RedisScripts } from './redis-scripts.ts';
import { shardPrefix } from './shard-prefix.ts';

/** A separate Redis, because this test flushes it and removes its scripts. */
let server: Awaited<ReturnType<typeof startRedis>>;
const dir = temporaryFolder();
let redis: Redis;
let scripts: RedisScripts;
let caller: Caller;
let keeper: KeeperCaller;

beforeAll(async () => {
  server = await startRedis({ dir, relaxed: true });
  redis = new Redis(server.port);
  const replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
  caller = { epoch: 7, format: 1, replid, podId: 'pod' };
  keeper = { fenceEpoch: 7, epoch: 7, format: 1, replid };
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  await redis.flushall();
  scripts = new RedisScripts(redis, shardPrefix('p'), ofTestLedger);
  await scripts.activate({ epoch: 7, format: 1 }, caller.replid, 'marker', 0);
  await scripts.register(caller, 'marker');
  await scripts.install(caller, [accountOf('world'), accountOf('a')], 0, 10);
});

const item = () => {
  const order = orderOf();
  return { order, payload: encodeOrder(order, 1), lookupCursor: -1 };
};
const command = () => ({
  accountId: 'a',
  changeId: newUuidV7(Date.now()),
  expectedSettingsVersion: null,
  status: 1,
  overdraftLimit: null,
  payload: '{}',
});
/** Every script that a pod runs once it is registered. */
const podScripts: [string, (as: Caller) => Promise<unknown>][] = [
  ['apply', (as) => scripts.apply(as, [item()])],
  ['read', (as) => scripts.read(as, ['a'])],
  ['read of the head', (as) => scripts.read(as, [])],
  ['install', (as) => scripts.install(as, [accountOf('b')], 0, 10)],
  ['find', (as) => scripts.find(as, ['nothing'])],
  ['change', (as) => scripts.change(as, command())],
];
const keeperScripts: [string, (as: KeeperCaller) => Promise<unknown>][] = [
  ['journal', (as) => scripts.journal(as, 0, 10)],
  ['publish', (as) => scripts.publish(as, 0, 0)],
  ['forget', (as) => scripts.forget(as, [0], true)],
  ['retire', (as) => scripts.retire(as, 'pod')],
];

/** Everything in Redis, byte by byte. */
async function everything(): Promise<Map<string, string>> {
  const keys = (await redis.keys('*')).sort();
  const dumps = await Promise.all(keys.map(async (key) => (await redis.dumpBuffer(key)).toString('base64')));
  return new Map(keys.map((key, index) => [key, dumps[index] ?? '']));
}
/** Expects that the call is rejected for this reason, and that nothing changes. */
async function expectRefused(call: () => Promise<unknown>, reason: string): Promise<void> {
  const before = await everything();
  const error = await call().catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(CacheError);
  expect(error).toMatchObject({ kind: 'refused', reason });
  expect(await everything()).toEqual(before);
}

describe.each(podScripts)('a pod’s %s is rejected, and changes nothing,', (_, run) => {
  it('on a server with another replid', () =>
    expectRefused(() => run({ ...caller, replid: 'f'.repeat(40) }), 'other_server'));
  it('if the fence is at a later epoch', async () => {
    await scripts.fence(8, caller.replid);
    await expectRefused(() => run(caller), 'fenced');
  });
  it('if the fence is at an earlier epoch', () => expectRefused(() => run({ ...caller, epoch: 8 }), 'fenced'));
  it('if the pod is not registered', () => expectRefused(() => run({ ...caller, podId: 'stranger' }), 'unregistered'));
  it('if the pod was retired, even if it tries to register again', async () => {
    await scripts.retire(keeper, 'pod');
    await expectRefused(() => run(caller), 'retired');
    await expectRefused(() => scripts.register(caller, 'marker'), 'retired');
  });
  it('if all keys are lost, including the fence', async () => {
    await redis.flushall();
    await expectRefused(() => run(caller), 'fenced');
  });
  it("if the ledger's keys are lost but the fence exists", async () => {
    await redis.del('p:{0}:7:ledger');
    await expectRefused(() => run(caller), 'lost');
  });
});

describe.each(keeperScripts)('a keeper’s %s is rejected, and changes nothing,', (_, run) => {
  it('on a server with another replid', () =>
    expectRefused(() => run({ ...keeper, replid: 'f'.repeat(40) }), 'other_server'));
  it('if the fence is not at its epoch', () => expectRefused(() => run({ ...keeper, fenceEpoch: 6 }), 'fenced'));
  it('if the ledger is lost', async () => {
    await redis.del('p:{0}:7:ledger');
    await expectRefused(() => run(keeper), 'lost');
  });
});

describe('registration', () => {
  it('is rejected on another server, in another epoch, or if the keys are lost', async () => {
    await expectRefused(() => scripts.register({ ...caller, replid: 'f'.repeat(40) }, 'marker'), 'other_server');
    await expectRefused(() => scripts.register({ ...caller, epoch: 6 }, 'marker'), 'fenced');
    await redis.del('p:{0}:7:ledger');
    await expectRefused(() => scripts.register(caller, 'marker'), 'lost');
  });
  it('can be repeated without further effect', async () => {
    const { time: _, ...once } = await scripts.register(caller, 'marker');
    expect(await scripts.register(caller, 'marker')).toMatchObject(once);
  });
});

describe('the fence', () => {
  it('only increases, and is returned', async () => {
    expect(await scripts.fence(9, caller.replid)).toBe(9);
    expect(await scripts.fence(8, caller.replid)).toBe(9);
    await expectRefused(() => scripts.fence(10, 'f'.repeat(40)), 'other_server');
  });
  it('when raised, allows the journal of the previous epoch to be read to its end, but not written', async () => {
    await scripts.apply(caller, [item()]);
    await scripts.fence(8, caller.replid);
    const { entries, marker } = await scripts.journal({ ...keeper, fenceEpoch: 8 }, 0, 10);
    expect([entries.length, marker]).toEqual([1, 'marker']);
    await expectRefused(() => scripts.apply(caller, [item()]), 'fenced');
  });
});

describe('activation', () => {
  it('of the same epoch again returns the existing marker, and creates nothing', async () => {
    await scripts.apply(caller, [item()]);
    const before = await everything();
    expect(await scripts.activate({ epoch: 7, format: 1 }, caller.replid, 'another', 5)).toBe('marker');
    expect(await everything()).toEqual(before);
  });
  it('of an earlier epoch, or on another server, is rejected', async () => {
    await expectRefused(() => scripts.activate({ epoch: 6, format: 1 }, caller.replid, 'm', 0), 'fenced');
    await expectRefused(() => scripts.activate({ epoch: 8, format: 1 }, 'f'.repeat(40), 'm', 0), 'other_server');
  });
});

describe('publishing', () => {
  it('keeps the highest cursor, and rejects a cursor beyond the journal', async () => {
    await scripts.apply(caller, [item(), item()]);
    expect((await scripts.publish(keeper, 2, 0)).cursor).toBe(2);
    expect((await scripts.publish(keeper, 1, 0)).cursor).toBe(2);
    await expectRefused(() => scripts.publish(keeper, 3, 0), 'cursor_ahead');
  });
  it('trims only entries that are in MySQL, whatever seq is requested', async () => {
    // Stores one entry per node, because Redis trims only whole nodes.
    await redis.config('SET', 'stream-node-max-entries', '1');
    for (let call = 0; call < 3; call++) await scripts.apply(caller, [item()]);
    await scripts.publish(keeper, 1, 3);
    const { entries } = await scripts.journal(keeper, 0, 10);
    expect(entries.map(({ firstSeq }) => firstSeq)).toEqual([2, 3]);
  });
});
