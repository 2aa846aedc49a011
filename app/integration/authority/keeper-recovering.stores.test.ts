import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../../devstack/system/ports.mjs';
import { Problem } from '../../domain/problem.ts';
import { CacheError } from '../../journal/cache-port.ts';
import { CursorConflictError } from '../../journal/cursor.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import { type EpochUnderTest, order } from '../../journal/testing/epoch-under-test.ts';
import { until } from '../../kernel/testing/until.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import type { RedisScripts } from '../../redis/redis-scripts.ts';
import { OwnRedis } from '../../redis/testing/own-redis.ts';
import { KeeperBench, staysIn, stepTo } from '../testing/keeper-bench.ts';

let db: TestDatabase;
let server: OwnRedis;
let bench: KeeperBench;
let epoch: EpochUnderTest<RedisScripts>;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.reset(0, 'DIRECT');
  server = await OwnRedis.start();
  bench = new KeeperBench(db.database, server.url);
  epoch = await bench.begin();
  await bench.open(epoch);
});
afterEach(async () => {
  bench.close();
  await server.stop();
});

/** Acknowledged transfers: the ids for which Redis has replied. */
async function post(from: number, to: number): Promise<string[]> {
  const ids = Array.from({ length: to - from + 1 }, (_, n) => `t${from + n}`);
  for (const id of ids) await epoch.apply(order(id));
  return ids;
}
async function restarted(): Promise<void> {
  await server.startAgain();
  await bench.ready();
}
async function flushAll(): Promise<void> {
  await bench.flushStore.commit(batchOf(await epoch.entries(), epoch.pod.epoch, 0), epoch.pod.epoch);
}

describe('A Redis that was killed and restarted with its disk', () => {
  it('is recovered: everything acknowledged is in MySQL, and a new epoch serves', async () => {
    const ids = await post(1, 120);
    const before = await bench.authority.read();
    await server.kill();
    const keeper = bench.keeper();
    await staysIn(keeper, 'CACHE');
    await restarted();
    const after = await stepTo(keeper, 'CACHE');
    expect(after.epoch).toBe(before.epoch + 3);
    expect(after).toMatchObject({ redisNode: before.redisNode });
    expect(after.marker).not.toBe(before.marker);
    expect(await bench.inMysql(ids)).toEqual(ids);
    const { accounts } = await new LedgerReader(db.database).loadAccounts(['ada', 'world']);
    expect(accounts.get('ada')).toMatchObject({ balance: 12_000, version: 120 });
    expect(await bench.flushStore.cursor()).toMatchObject({ epoch: after.epoch, seq: 0 });
    const next = await bench.begin(keeper);
    await bench.scripts.install(next.pod, [...accounts.values()], 0, 10);
    expect(await next.apply(order('new'))).toMatchObject({ records: [{ otherBalance: 12_100, otherVersion: 121 }] });
  });

  it('is recovered from the cursor on: what was flushed before is not written again', async () => {
    await post(1, 5);
    await flushAll();
    const ids = await post(6, 10);
    await server.kill();
    await restarted();
    await stepTo(bench.keeper(), 'CACHE');
    expect(await bench.inMysql(ids)).toEqual(ids);
    expect(await db.database.rows('SELECT COUNT(*) AS n FROM transfers')).toEqual([{ n: 10 }]);
  });

  it('goes through CLOSING and REBUILDING, and the log shows why', async () => {
    await post(1, 3);
    await server.kill();
    await restarted();
    await stepTo(bench.keeper(), 'CACHE');
    expect((await bench.moves()).slice(2)).toMatchObject([
      // The explanation follows, if it was found in time.
      {
        mode: 'CLOSING',
        reason: expect.stringMatching(/^Redis is not the server of the epoch: other_server( \(.+\))?$/),
      },
      { mode: 'REBUILDING', reason: `epoch ${epoch.pod.epoch} recovered from its journal at 3` },
      { mode: 'CACHE', reason: 'activated' },
    ]);
  });

  it('is recovered once by two concurrent keepers', async () => {
    const ids = await post(1, 60);
    await server.kill();
    await restarted();
    const ends = await Promise.all([stepTo(bench.keeper('a'), 'CACHE'), stepTo(bench.keeper('b'), 'CACHE')]);
    expect({ ...ends[0], ageMs: 0 }).toEqual({ ...ends[1], ageMs: 0 });
    expect(await bench.inMysql(ids)).toEqual(ids);
    expect(await db.database.rows('SELECT COUNT(*) AS n FROM authority_log')).toEqual([{ n: 5 }]);
  });
});

describe('The fence', () => {
  it('is raised before the journal is read: nothing is acknowledged that is not recovered', async () => {
    const acknowledged: string[] = [];
    let refusal: unknown = null;
    const writing = (async () => {
      for (let n = 0; refusal === null; n++) {
        const id = `w${n}`;
        await epoch.apply(order(id)).then(
          () => acknowledged.push(id),
          (error: unknown) => {
            refusal = error;
          },
        );
      }
    })();
    await until('the writer is under way', () => acknowledged.length > 20);
    await bench.closing();
    await stepTo(bench.keeper(), 'CACHE');
    await writing;
    expect(refusal).toBeInstanceOf(CacheError);
    expect(refusal).toMatchObject({ kind: 'refused', reason: 'fenced' });
    expect(await bench.inMysql(acknowledged)).toEqual(acknowledged);
  });

  it('that is higher belongs to another ledger: the authority stays CLOSING', async () => {
    await bench.closing();
    await bench.redis.set(`${bench.prefix}:{0}:fence`, '99');
    await expectStaysClosing('the fence of this Redis is at 99');
  });
});

/** It is closed, whatever this Redis is: every step reports so, and each reason is logged once. */
async function expectStaysClosing(complaint: string): Promise<void> {
  const keeper = bench.keeper();
  await stepTo(keeper, 'CLOSING');
  expect(await staysIn(keeper, 'CLOSING')).toMatchObject({ cacheEpoch: epoch.pod.epoch });
  expect(bench.complaints()).toEqual([complaint, 'closed until these pods hand over what they know: pod']);
}

describe('The ledger stays closed, with a complaint, while not all pods have handed over and', () => {
  it('another node responds at the address', async () => {
    await post(1, 3);
    await server.kill();
    const other = await OwnRedis.start(server.port);
    await bench.ready();
    await expectStaysClosing("nothing proves that this is the epoch's Redis, and not every pod has handed over");
    await other.stop();
  });

  it('the node has lost its disk', async () => {
    await post(1, 3);
    await server.kill();
    rmSync(join(server.dir, server.node), { recursive: true });
    await restarted();
    await expectStaysClosing('this Redis does not have the marker of the epoch');
  });

  it('the node returned with an older disk that has less than MySQL', async () => {
    const backup = `${server.dir}-older`;
    await post(1, 2);
    cpSync(server.dir, backup, { recursive: true });
    await post(3, 5);
    await flushAll();
    await server.kill();
    cpSync(backup, server.dir, { recursive: true });
    rmSync(backup, { recursive: true });
    await restarted();
    await expectStaysClosing('this Redis has less than MySQL, or less than its pods have seen');
  });

  it('the marker differs', async () => {
    await server.kill();
    await restarted();
    await bench.redis.hset(`${bench.prefix}:{0}:${epoch.pod.epoch}:ledger`, 'marker', 'other');
    await expectStaysClosing('this Redis does not have the marker of the epoch');
  });

  it('the node has less than a pod has seen', async () => {
    await post(1, 3);
    await bench.authority.heartbeat({
      processId: 'process',
      redisSeen: true,
      registration: { podId: epoch.pod.podId, observed: 4 },
    });
    await server.kill();
    await restarted();
    await expectStaysClosing('this Redis has less than MySQL, or less than its pods have seen');
  });

  it('the node returned with settings under which it may have lost data', async () => {
    await post(1, 3);
    await server.kill();
    await restarted();
    await bench.redis.config('SET', 'appendonly', 'no');
    await expectStaysClosing("nothing proves that this is the epoch's Redis, and not every pod has handed over");
  });

  it('the node may have been a replica in the meantime', async () => {
    await server.kill();
    await restarted();
    await bench.redis.call('ACL', 'SETUSER', 'default', '+psync');
    await expectStaysClosing("nothing proves that this is the epoch's Redis, and not every pod has handed over");
  });

  it('the node could have had replicas from the beginning: its name proved nothing then', async () => {
    await bench.redis.call('ACL', 'SETUSER', 'default', '+psync');
    await bench.closing();
    epoch = await bench.begin();
    expect((await bench.authority.read()).redisNode).toBe('');
    await server.kill();
    await restarted();
    await expectStaysClosing("nothing proves that this is the epoch's Redis, and not every pod has handed over");
    // Everything that any pod received is then in MySQL: this Redis may be used for the recovery if it has as much.
    await bench.handOver(epoch.pod, {});
    expect(await bench.keeper().step()).toMatchObject({ mode: 'REBUILDING' });
  });

  it('it responds as a replica', async () => {
    await bench.closing();
    await bench.redis.call('ACL', 'SETUSER', 'default', '+@all');
    await bench.redis.replicaof('127.0.0.1', await freePort());
    await expectStaysClosing('this Redis is a replica');
  });
});

describe('Recovery', () => {
  it('waits while MySQL rejects the journal, and ends when it accepts it', async () => {
    await post(1, 3);
    await bench.closing();
    await db.database.rows("UPDATE accounts SET version = 7 WHERE account_id = 'ada'");
    const keeper = bench.keeper();
    await staysIn(keeper, 'CLOSING');
    expect(bench.complaints()).toEqual([
      expect.stringMatching(
        /^the epoch cannot be recovered from its journal: .*differs from its previous state in the journal/,
      ),
      'closed until these pods hand over what they know: pod',
    ]);
    await db.database.rows("UPDATE accounts SET version = 0 WHERE account_id = 'ada'");
    await stepTo(keeper, 'CACHE');
    expect(await bench.inMysql(['t1', 't2', 't3'])).toHaveLength(3);
  });

  it('uses the handed-over entries if the journal is unusable and every pod has handed over', async () => {
    await post(1, 3);
    const entries = await epoch.entries();
    await bench.closing();
    await bench.redis.del(`${bench.prefix}:{0}:${epoch.pod.epoch}:journal`);
    const keeper = bench.keeper();
    await staysIn(keeper, 'CLOSING');
    expect(bench.complaints()[0]).toBe(
      'the epoch cannot be recovered from its journal: the journal ends before 3, at 0',
    );
    await bench.handOver(epoch.pod, { entries, observed: 3 });
    expect(await keeper.step()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null });
    expect(await bench.inMysql(['t1', 't2', 't3'])).toHaveLength(3);
  });

  it.each([
    ['MySQL is unavailable', new Problem('database_unavailable', 'away')],
    ['another keeper is recovering it', new CursorConflictError('the cursor is elsewhere')],
  ])('is postponed, and takes no other path, while %s', async (_, error) => {
    await post(1, 3);
    await bench.closing();
    await bench.handOver(epoch.pod, { entries: await epoch.entries(), observed: 3 });
    const commit = vi.spyOn(bench.flushStore, 'commit').mockRejectedValue(error);
    const keeper = bench.keeper();
    await expect(keeper.step()).rejects.toThrow(error.message);
    expect(await bench.authority.read()).toMatchObject({ mode: 'CLOSING' });
    commit.mockRestore();
    expect(await keeper.step()).toMatchObject({ mode: 'REBUILDING' });
  });

  it('moves nothing if the cursor is not at the end of the journal after all', async () => {
    await post(1, 3);
    await bench.closing();
    const keeper = bench.keeper('k', {
      recoveryStore: {
        finishFromJournal: async (from, to, end, by) => {
          await db.database.rows('UPDATE flush_cursor SET seq = 2');
          return bench.recoveryStore.finishFromJournal(from, to, end, by);
        },
      },
    });
    await staysIn(keeper, 'CLOSING', 1);
    expect(bench.complaints()[0]).toBe(
      `the epoch cannot be recovered from its journal: the cursor is at ${epoch.pod.epoch}/2, not at 3`,
    );
  });

  it('is postponed if the journal cannot be read: that proves nothing', async () => {
    await post(1, 3);
    await bench.closing();
    vi.spyOn(bench.scripts, 'journal').mockRejectedValueOnce(new CacheError('in_doubt', 'timed out'));
    const keeper = bench.keeper();
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING' });
    expect(bench.complaints()[0]).toBe('the epoch cannot be recovered from its journal: in_doubt: timed out');
    expect((await stepTo(keeper, 'CACHE')).epoch).toBe(epoch.pod.epoch + 3);
    expect(await bench.inMysql(['t1', 't2', 't3'])).toHaveLength(3);
  });

  it('has nothing to do if no epoch is waiting to be recovered', async () => {
    await bench.closing();
    await db.database.rows('UPDATE authority SET cache_epoch = NULL');
    const { epoch: before } = await bench.authority.read();
    expect(await bench.keeper().step()).toMatchObject({ epoch: before + 1, mode: 'REBUILDING' });
  });
});

describe('A ledger that its journal has recovered', () => {
  const recovered = (keeper = bench.keeper()) => keeper.step();
  beforeEach(async () => {
    await post(1, 3);
    await bench.closing();
  });

  it('waits a moment for its pods to find Redis again, and then opens on it', async () => {
    await bench.report('one', false);
    const keeper = bench.keeper();
    await staysIn(keeper, 'CLOSING');
    await bench.report('one', true);
    expect(await keeper.step()).toMatchObject({ mode: 'REBUILDING' });
    expect(await bench.inMysql(['t1', 't2', 't3'])).toHaveLength(3);
  });

  it('opens directly on MySQL if they do not find it', async () => {
    await bench.report('one', false);
    await db.database.rows('UPDATE authority SET changed_at = NOW(3) - INTERVAL 3100000 MICROSECOND');
    expect(await recovered()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null });
  });

  it('opens directly on MySQL if its Redis may not hold the next epoch', async () => {
    await bench.redis.config('SET', 'appendfsync', 'no');
    expect(await recovered()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null });
    expect(await bench.inMysql(['t1', 't2', 't3'])).toHaveLength(3);
  });

  it('opens directly on MySQL if Redis was lost several times recently', async () => {
    for (const epochBefore of [-1, -2]) {
      await db.database.rows(
        "INSERT INTO authority_log (epoch, mode, changed_by, reason) VALUES (?, 'CLOSING', '', '')",
        [epochBefore],
      );
    }
    expect(await recovered()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null });
  });
});
