import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../../devstack/system/ports.mjs';
import { type EpochUnderTest, order } from '../../journal/testing/epoch-under-test.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import type { RedisScripts } from '../../redis/redis-scripts.ts';
import { OwnRedis } from '../../redis/testing/own-redis.ts';
import { staysIn, stepTo } from '../testing/keeper-bench.ts';
import { RestartableBench } from '../testing/restartable-bench.ts';

const UNPROVEN = "nothing proves that this is the epoch's Redis, and not every pod has handed over";

let db: TestDatabase;
let bench: RestartableBench;
let epoch: EpochUnderTest<RedisScripts>;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  bench = await RestartableBench.start(db);
  epoch = await bench.serve();
});
afterEach(() => bench.stop());

async function post(...ids: string[]): Promise<void> {
  for (const id of ids) await epoch.apply(order(id));
}

/** The ledger stays closed, whatever this Redis is: every step reports that, and each reason is logged once. */
async function expectStaysClosing(complaint: string): Promise<void> {
  const keeper = bench.keeper();
  await stepTo(keeper, 'CLOSING');
  expect(await staysIn(keeper, 'CLOSING')).toMatchObject({ cacheEpoch: epoch.pod.epoch });
  expect(bench.complaints()).toEqual([complaint, 'closed until these pods hand over what they know: pod']);
}

describe('The ledger stays closed, and the keeper reports why, while not all pods have handed over and', () => {
  it('another node responds at the address', async () => {
    await post('t1', 't2', 't3');
    await bench.server.kill();
    const other = await OwnRedis.start(bench.server.port);
    await bench.ready();
    await expectStaysClosing(UNPROVEN);
    await other.stop();
  });

  it('the node has lost its disk', async () => {
    await post('t1', 't2', 't3');
    await bench.server.kill();
    rmSync(join(bench.server.dir, bench.server.node), { recursive: true });
    await bench.restart();
    await expectStaysClosing('this Redis does not have the marker of the epoch');
  });

  it('the node returned with an older disk, which is behind MySQL', async () => {
    const backup = `${bench.server.dir}-older`;
    await post('t1', 't2');
    cpSync(bench.server.dir, backup, { recursive: true });
    await post('t3', 't4', 't5');
    await bench.flush(epoch);
    await bench.server.kill();
    cpSync(backup, bench.server.dir, { recursive: true });
    rmSync(backup, { recursive: true });
    await bench.restart();
    await expectStaysClosing('this Redis is behind MySQL, or behind what its pods have seen');
  });

  it('the marker differs', async () => {
    await bench.server.kill();
    await bench.restart();
    await bench.redis.hset(`${bench.prefix}:{0}:${epoch.pod.epoch}:ledger`, 'marker', 'other');
    await expectStaysClosing('this Redis does not have the marker of the epoch');
  });

  it('the node is behind what a pod has seen', async () => {
    await post('t1', 't2', 't3');
    await bench.authority.heartbeat({
      processId: 'process',
      redisSeen: true,
      registration: { podId: epoch.pod.podId, observed: 4 },
    });
    await bench.server.kill();
    await bench.restart();
    await expectStaysClosing('this Redis is behind MySQL, or behind what its pods have seen');
  });

  it('the node returned with settings under which it may have lost data', async () => {
    await post('t1', 't2', 't3');
    await bench.server.kill();
    await bench.restart();
    await bench.redis.config('SET', 'appendonly', 'no');
    await expectStaysClosing(UNPROVEN);
  });

  it('the node may have been a replica in the meantime', async () => {
    await bench.server.kill();
    await bench.restart();
    await bench.redis.call('ACL', 'SETUSER', 'default', '+psync');
    await expectStaysClosing(UNPROVEN);
  });

  it('the node could have had replicas from the beginning, so its name proves nothing', async () => {
    await bench.redis.call('ACL', 'SETUSER', 'default', '+psync');
    await bench.closing();
    epoch = await bench.begin();
    expect((await bench.authority.read()).redisNode).toBe('');
    await bench.server.kill();
    await bench.restart();
    await expectStaysClosing(UNPROVEN);
    // After the hand-over, MySQL has everything that the pods received, so this Redis can be used if it has all of
    // that.
    await bench.handOver(epoch.pod, {});
    expect(await bench.keeper().step()).toMatchObject({ mode: 'REBUILDING' });
  });

  it('it responds as a replica', async () => {
    await bench.closing();
    await bench.redis.call('ACL', 'SETUSER', 'default', '+@all');
    await bench.redis.replicaof('127.0.0.1', await freePort());
    await expectStaysClosing('this Redis is a replica');
  });

  it('its fence is higher: it belongs to another ledger', async () => {
    await bench.closing();
    await bench.redis.set(`${bench.prefix}:{0}:fence`, '99');
    await expectStaysClosing('the fence of this Redis is at 99');
  });
});
