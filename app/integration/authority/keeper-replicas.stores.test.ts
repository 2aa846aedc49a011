import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JournalEntry } from '../../journal/journal-entry.ts';
import { type EpochUnderTest, order } from '../../journal/testing/epoch-under-test.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import type { RedisScripts } from '../../redis/redis-scripts.ts';
import { ReplicableRedis } from '../../redis/testing/replicable-redis.ts';
import { KeeperBench, staysIn, stepTo } from '../testing/keeper-bench.ts';

let db: TestDatabase;
let master: ReplicableRedis;
let replica: ReplicableRedis;
/** Keepers that reach the master, and keepers that reach the replica once it has been promoted. */
let bench: KeeperBench;
let promoted: KeeperBench;
let epoch: EpochUnderTest<RedisScripts>;
let entries: JournalEntry[];
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.reset(0, 'DIRECT');
  [master, replica] = await Promise.all([ReplicableRedis.start(), ReplicableRedis.start()]);
  bench = new KeeperBench(db.database, master.url);
  promoted = new KeeperBench(db.database, replica.url, bench.prefix);
  await Promise.all([bench.ready(), promoted.ready()]);
  await bench.redis.config('SET', 'repl-diskless-sync-delay', 0);
  await promoted.redis.replicaof('127.0.0.1', master.port);
  epoch = await bench.serve();
  entries = [];
});
afterEach(async () => {
  bench.close();
  promoted.close();
  await Promise.all([master.stop(), replica.stop()]);
});

async function post(...ids: string[]): Promise<void> {
  for (const id of ids) entries.push(...(await epoch.apply(order(id))).entries);
}
/** Promotes the replica, which has everything that the master has; from then on, it has no link to the master. */
async function promote(): Promise<void> {
  const info = async (redis: KeeperBench['redis'], field: string) =>
    new RegExp(`^${field}:(\\d+)`, 'm').exec(await redis.info('replication'))?.[1];
  await until('the replica has it', async () => {
    const [sent, taken] = [
      await info(bench.redis, 'master_repl_offset'),
      await info(promoted.redis, 'slave_repl_offset'),
    ];
    return sent !== undefined && sent === taken;
  });
  await promoted.redis.replicaof('NO', 'ONE');
}
async function failover(): Promise<ReturnType<KeeperBench['keeper']>> {
  await master.kill();
  const keeper = promoted.keeper();
  await stepTo(keeper, 'CLOSING');
  return keeper;
}

const UNPROVEN = "nothing proves that this is the epoch's Redis, and not every pod has handed over";

describe('A replica that was promoted', () => {
  it("ends the epoch, although it has the epoch's fence and marker: its history differs", async () => {
    await post('t1');
    await promote();
    expect((await bench.authority.read()).redisNode).toBe('');
    await failover();
    expect((await bench.moves()).at(-1)?.reason).toMatch(/^Redis is not the server of the epoch: other_server/);
  });

  it('is not trusted while a pod has not handed over, whatever data it has', async () => {
    await post('t1', 't2');
    await promote();
    await staysIn(await failover(), 'CLOSING');
    expect(promoted.complaints()).toEqual([UNPROVEN, 'closed until these pods hand over what they know: pod']);
    expect(await bench.inMysql(['t1', 't2'])).toEqual([]);
  });

  it('is trusted once all pods have handed over, if it has everything that they have', async () => {
    await post('t1', 't2');
    await promote();
    const keeper = await failover();
    // This pod has seen t2 without receiving its entry: only the journal has it.
    await promoted.handOver(epoch.pod, { entries: entries.slice(0, 1), observed: 2 });
    expect(await keeper.step()).toMatchObject({ mode: 'REBUILDING' });
    expect((await promoted.moves()).at(-1)?.reason).toBe(`epoch ${epoch.pod.epoch} recovered from its journal at 2`);
    expect(await promoted.inMysql(['t1', 't2'])).toHaveLength(2);
    await stepTo(keeper, 'CACHE');
  });

  it('is not trusted if it is behind what a pod has seen: the ledger is recovered from the pods', async () => {
    await post('t1', 't2');
    await promote();
    await post('t3', 't4');
    const keeper = await failover();
    await promoted.handOver(epoch.pod, { entries, observed: 4 });
    expect(await keeper.step()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null });
    expect(promoted.complaints()).toEqual(['this Redis is behind MySQL, or behind what its pods have seen']);
    expect(await promoted.inMysql(['t1', 't2', 't3', 't4'])).toHaveLength(4);
  });

  it('is not trusted if it is behind what another pod has, even if no pod has reported that', async () => {
    await post('t1');
    await promote();
    await post('t2');
    const keeper = await failover();
    await promoted.handOver(epoch.pod, { entries });
    expect(await keeper.step()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null });
    expect(await promoted.inMysql(['t1', 't2'])).toHaveLength(2);
  });

  it('does not recover what waits for the journal if it is behind what a pod has seen', async () => {
    await post('t1');
    await promote();
    await post('t2', 't3');
    const keeper = await failover();
    const inDoubt = [{ kind: 'transfers' as const, id: 't2', accounts: ['world', 'ada'] }];
    const [one, , three] = entries;
    if (!one || !three) throw new Error('no entry');
    await promoted.handOver(epoch.pod, { entries: [one, three], inDoubt, observed: 3 });
    expect(await keeper.step()).toMatchObject({ mode: 'DIRECT', cacheEpoch: epoch.pod.epoch, highestKnownSeq: 3 });
    await staysIn(keeper, 'DIRECT');
    expect(await promoted.account('ada')).toMatchObject({ balance: 100, frozen: true });
  });
});
