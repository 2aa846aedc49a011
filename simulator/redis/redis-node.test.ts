import { expect, it } from 'vitest';
import { accountOf, orderOf } from '../../app/domain/testing/orders.ts';
import type { Caller } from '../../app/journal/cache-port.ts';
import { encodeOrder } from '../../app/journal/codec.ts';
import { CacheModel } from '../../app/journal/testing/cache-model.ts';
import { Link } from '../core/link.ts';
import { Random } from '../core/random.ts';
import { Scheduler } from '../core/scheduler.ts';
import { SimProcess } from '../core/sim-process.ts';
import { uuidV7 } from '../world/uuid.ts';
import { RedisClient } from './redis-client.ts';
import { RedisNode } from './redis-node.ts';
import { RedisService } from './redis-service.ts';

const M = 0;

/** One server with an epoch in it, and one client. */
async function stage(seed: number) {
  const scheduler = new Scheduler();
  const random = new Random(seed);
  const service = new RedisService();
  const newNode = () =>
    new RedisNode('node', {
      scheduler,
      random: random.fork(),
      newModel: (replid) => new CacheModel(replid),
      replicationForbidden: true,
      unsyncedMax: 0,
    });
  const node = newNode();
  service.pointTo(node);
  const process = new SimProcess('pod', scheduler, random.fork(), { rate: 1, offsetMs: 0 });
  const link = new Link(scheduler, random.fork(), 0.3);
  const closes: number[] = [];
  const timeouts = { connectTimeoutMs: 400, commandTimeoutMs: 500 };
  const onClose = () => void closes.push(scheduler.nowMs);
  const client = new RedisClient({ process, scheduler, service, link, ...timeouts, ledgerId: 'ledger', onClose });
  const until = async <T>(promise: Promise<T>): Promise<T> => {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    await scheduler.run(scheduler.nowMs + 10_000, () => settled);
    return promise;
  };
  await scheduler.run(20);
  await until(client.activate({ epoch: 1, format: 1 }, node.replid, 'marker', M));
  const caller: Caller = { epoch: 1, format: 1 as const, replid: node.replid, podId: 'pod.1' };
  await until(client.register(caller, 'marker'));
  await until(client.install(caller, [accountOf('world'), accountOf('a')], 0, 10));
  const apply = () => {
    const order = orderOf({ transactionId: uuidV7(process.now(), random) });
    return client.apply(caller, [{ order, payload: encodeOrder(order, 1), lookupCursor: -1 }]);
  };
  const seqOf = async (on: RedisNode) => {
    const keeper = { fenceEpoch: 1, epoch: 1, format: 1 as const, replid: on.replid };
    return (await on.model.journal(keeper, Number.MAX_SAFE_INTEGER - 1, 1)).head.seq;
  };
  return { scheduler, service, node, newNode, link, client, caller, apply, until, seqOf, closes };
}

it('answered writes survive a crash, others may be lost, and the restarted server has another replid', async () => {
  let lost = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { scheduler, node, apply, seqOf } = await stage(seed);
    let answered = 0;
    for (let number = 0; number < 20; number++) {
      apply().then(
        () => {
          answered += 1;
        },
        () => {},
      );
    }
    const { replid } = node;
    await scheduler.run(scheduler.nowMs + new Random(seed).between(0, 4));
    const done = await seqOf(node);
    node.crash();
    node.start();
    const survived = await seqOf(node);
    expect(node.replid).not.toBe(replid);
    expect(survived).toBeGreaterThanOrEqual(answered);
    expect(survived).toBeLessThanOrEqual(done);
    if (survived < done) lost += 1;
  }
  expect(lost).toBeGreaterThan(0);
});

it('a server that was frozen executes what was sent to it meanwhile, even on connections that were given up', async () => {
  const { scheduler, node, client, apply, until, seqOf, closes } = await stage(3);
  node.freeze();
  const attempt = apply();
  await expect(until(attempt)).rejects.toMatchObject({ kind: 'in_doubt', reason: 'Command timed out' });
  await scheduler.run(scheduler.nowMs + 2_000);
  expect(closes).toHaveLength(1);
  expect(client.ready).toBe(false);
  expect(await seqOf(node)).toBe(0);
  node.thaw();
  await scheduler.run(scheduler.nowMs + 2_000);
  expect(await seqOf(node)).toBe(1);
  expect(client.ready).toBe(true);
});

it('a promoted replica has what it had received, under another replid', async () => {
  const { node, newNode, apply, until, seqOf, caller } = await stage(4);
  for (let number = 0; number < 3; number++) await until(apply());
  const replica = newNode();
  replica.resyncFrom(node, node.logLength - 1);
  replica.promote();
  expect(await seqOf(replica)).toBe(2);
  await expect(replica.model.read(caller, [])).rejects.toMatchObject({ reason: 'other_server' });
  node.demote();
  await expect(node.model.read(caller, [])).rejects.toMatchObject({ reason: 'demoted' });
});

it('a lost reply leaves an executed command in doubt; a broken connection fails all its commands at once', async () => {
  const { scheduler, node, link, client, apply, until, seqOf } = await stage(5);
  link.back.cutFor(50, true);
  await expect(until(apply())).rejects.toMatchObject({ kind: 'in_doubt' });
  expect(await seqOf(node)).toBe(1);
  const attempt = apply();
  client.cut();
  await expect(attempt).rejects.toMatchObject({ kind: 'in_doubt', reason: 'Connection is closed.' });
  await expect(apply()).rejects.toMatchObject({ kind: 'not_sent' });
  await scheduler.run(scheduler.nowMs + 100);
  expect(await seqOf(node)).toBe(2);
});
