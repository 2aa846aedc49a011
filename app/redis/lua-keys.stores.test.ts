import { rmSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRedis } from '../../devstack/stores/redis.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { newUuidV7, placeOf } from '../domain/ids.ts';
import { ofTestLedger } from '../domain/testing/ledger-id.ts';
import { accountOf, orderOf } from '../domain/testing/orders.ts';
import { encodeOrder } from '../journal/codec.ts';
import { RedisScripts } from './redis-scripts.ts';
import { shardPrefix } from './shard-prefix.ts';

let server: Awaited<ReturnType<typeof startRedis>>;
const dir = temporaryFolder();
let redis: Redis;

beforeAll(async () => {
  server = await startRedis({ dir, relaxed: true });
  redis = new Redis(server.port);
  // The monitor connects last, because ioredis would mistake the echo of another connection's INFO
  // for the reply to its MONITOR command.
  await redis.ping();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

it('scripts touch only the keys that the call declared, whatever their arguments', async () => {
  const seen: { args: string[]; fromLua: boolean }[] = [];
  const monitor = await redis.monitor();
  monitor.on('monitor', (_time: string, args: string[], source: string) =>
    seen.push({ args, fromLua: source === 'lua' }),
  );
  await everyPath();
  await redis.echo('the end');
  await expect.poll(() => seen.some(({ args }) => args[1] === 'the end')).toBe(true);
  monitor.disconnect();

  let keys: string[] = [];
  const touched = new Set<string>();
  for (const { args, fromLua } of seen) {
    const [command = '', first = ''] = args;
    if (/^evalsha$/i.test(command)) keys = args.slice(3, 3 + Number(args[2]));
    if (!fromLua || /^(info|time)$/i.test(command)) continue;
    expect(keys, args.slice(0, 3).join(' ')).toContain(first);
    touched.add(first.replace(/\d{5,}$/, 'N'));
  }
  const prefix = 'p:{0}:';
  const expected = [
    'fence',
    'owner',
    '3:ledger',
    '3:accounts',
    '3:journal',
    '3:ids:other:0',
    '3:ids:other:1',
    '3:ids:N',
  ];
  expect([...touched].sort()).toEqual(expected.map((key) => `${prefix}${key}`).sort());
});

async function everyPath(): Promise<void> {
  const replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
  const scripts = new RedisScripts(redis, shardPrefix('p'), ofTestLedger);
  const pod = { epoch: 3, format: 1 as const, replid, podId: 'pod' };
  const keeper = { fenceEpoch: 3, epoch: 3, format: 1 as const, replid };
  const now = Date.now();
  await scripts.activate({ epoch: 3, format: 1 }, replid, 'marker', now - 50_000);
  await scripts.register(pod, 'marker');
  await scripts.install(pod, [accountOf('world'), accountOf('a'), accountOf('b'), accountOf('c')], 0, 10);
  const orders = [
    orderOf(),
    orderOf({ transactionId: newUuidV7(now - 20_000) }),
    orderOf({ transactionId: newUuidV7(now - 90_000) }),
    orderOf({ transactionId: 'other' }),
    orderOf({ source: 'a', amount: 1e9 }),
    orderOf({ destination: 'missing' }),
  ];
  const items = orders.map((order) => ({ order, payload: encodeOrder(order, 1), lookupCursor: 0 }));
  const unlooked = items.map((item) => ({ ...item, lookupCursor: -1 }));
  await scripts.apply(pod, unlooked);
  await scripts.apply(pod, items);
  await scripts.apply(pod, [...items, ...items]);
  const ids = orders.map(({ transactionId }) => transactionId);
  await scripts.find(pod, [...ids, 'unknown', newUuidV7(now)]);
  await scripts.read(pod, ['a', 'missing']);
  for (const accountId of ['a', 'missing']) {
    const changeId = newUuidV7(now);
    const command = { accountId, changeId, expectedSettingsVersion: 1, status: 1, overdraftLimit: 5, payload: '{}' };
    await scripts.change(pod, command);
    await scripts.change(pod, command);
  }
  const { head } = await scripts.journal(keeper, 0, 100);
  await scripts.publish(keeper, head.seq, head.seq);
  await scripts.install(pod, [accountOf('d'), accountOf('e')], head.seq, 2);
  const first = placeOf(newUuidV7(now - 50_000)).bucket ?? 0;
  for (let turn = 0; turn < 3; turn++) await scripts.forget(keeper, [first, first + 1, first + 2], true);
  await scripts.apply(
    pod,
    items.map((item) => ({ ...item, lookupCursor: head.seq })),
  );
  await scripts.find(pod, ids);
  await scripts.retire(keeper, 'pod');
  await scripts.fence(4, replid);
  await scripts.ownership(replid);
  await redis.del('p:{0}:owner');
  await scripts.claim({ epoch: 3, format: 1 }, replid, 'marker');
  await scripts.takeOver(replid, await scripts.ownership(replid));
  await scripts.sweep({ fenceEpoch: 4, replid }, ['p:{0}:3:journal']);
}
