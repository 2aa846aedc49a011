import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../scripts/stack/ports.mjs';
import { CacheError } from '../ledger/cache/port.ts';
import type { RedisScripts } from '../ledger/cache/scripts.ts';
import { LedgerReader } from '../store/ledger-reader.ts';
import { batchOf } from '../sync/batch.ts';
import { migratedDatabase, type TestDatabase } from '../testing/database.ts';
import { type EpochUnderTest, order } from '../testing/ledger.ts';
import { OwnRedis } from '../testing/redis.ts';
import { until } from '../testing/until.ts';
import { KeeperBench, stepTo } from './testing/keeper-bench.ts';

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

/** Acknowledged transfers: the ids that Redis has answered for. */
async function post(from: number, to: number): Promise<string[]> {
  const ids = Array.from({ length: to - from + 1 }, (_, n) => `t${from + n}`);
  for (const id of ids) await epoch.apply(order(id));
  return ids;
}
async function restarted(): Promise<void> {
  await server.startAgain();
  await bench.ready();
}
async function inMysql(ids: string[]): Promise<string[]> {
  const { outcomes } = await new LedgerReader(db.database).findOutcomes(ids);
  return ids.filter((id) => outcomes.has(id));
}
async function closing(): Promise<void> {
  const now = await bench.authority.read();
  const { cacheEpoch, redisNode, replid, marker } = now;
  await bench.authority.move(
    now,
    { mode: 'CLOSING', cacheEpoch, redisNode, replid, marker },
    { keeper: 'k', reason: 'r' },
  );
}

async function flushAll(): Promise<void> {
  await bench.flushStore.commit(batchOf(await epoch.entries(), epoch.pod.epoch, 0), epoch.pod.epoch);
}

describe('A Redis that was killed and started again with its disk', () => {
  it('is settled: all that was acknowledged is in MySQL, and a new epoch serves', async () => {
    const ids = await post(1, 120);
    const before = await bench.authority.read();
    await server.kill();
    const keeper = bench.keeper();
    await expect(keeper.step()).rejects.toThrow();
    await restarted();
    const after = await stepTo(keeper, 'CACHE');
    expect(after.epoch).toBe(before.epoch + 3);
    expect(after).toMatchObject({ redisNode: before.redisNode });
    expect(after.marker).not.toBe(before.marker);
    expect(await inMysql(ids)).toEqual(ids);
    const { accounts } = await new LedgerReader(db.database).loadAccounts(['ada', 'world']);
    expect(accounts.get('ada')).toMatchObject({ balance: 12_000, version: 120 });
    expect(await bench.flushStore.cursor()).toMatchObject({ epoch: after.epoch, seq: 0 });
    const next = await bench.begin(keeper);
    await bench.scripts.install(next.pod, [...accounts.values()], 0, 10);
    expect(await next.apply(order('new'))).toMatchObject({ records: [{ otherBalance: 12_100, otherVersion: 121 }] });
  });

  it('is settled from the cursor on: what was flushed before is not written again', async () => {
    await post(1, 5);
    await flushAll();
    const ids = await post(6, 10);
    await server.kill();
    await restarted();
    await stepTo(bench.keeper(), 'CACHE');
    expect(await inMysql(ids)).toEqual(ids);
    expect(await db.database.rows('SELECT COUNT(*) AS n FROM transfers')).toEqual([{ n: 10 }]);
  });

  it('goes through CLOSING and REBUILDING, and the log says why', async () => {
    await post(1, 3);
    await server.kill();
    await restarted();
    await stepTo(bench.keeper(), 'CACHE');
    const log = await db.database.rows<{ mode: string; reason: string }>(
      'SELECT mode, reason FROM authority_log ORDER BY epoch',
    );
    expect(log.slice(2)).toEqual([
      { mode: 'CLOSING', reason: expect.stringMatching(/^Redis answers as master [0-9a-f]{40}$/) },
      { mode: 'REBUILDING', reason: `epoch ${epoch.pod.epoch} settled at 3` },
      { mode: 'CACHE', reason: 'activated' },
    ]);
  });

  it('is settled once by two keepers at the same time', async () => {
    const ids = await post(1, 60);
    await server.kill();
    await restarted();
    const ends = await Promise.all([stepTo(bench.keeper('a'), 'CACHE'), stepTo(bench.keeper('b'), 'CACHE')]);
    expect(ends[0]).toEqual(ends[1]);
    expect(await inMysql(ids)).toEqual(ids);
    expect(await db.database.rows('SELECT COUNT(*) AS n FROM authority_log')).toEqual([{ n: 5 }]);
  });
});

describe('The fence', () => {
  it('goes up before the journal is read: nothing is acknowledged that is not settled', async () => {
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
    await closing();
    await stepTo(bench.keeper(), 'CACHE');
    await writing;
    expect(refusal).toBeInstanceOf(CacheError);
    expect(refusal).toMatchObject({ kind: 'refused', reason: 'fenced' });
    expect(await inMysql(acknowledged)).toEqual(acknowledged);
  });

  it('that is further up belongs to somebody else: the authority stays CLOSING', async () => {
    await closing();
    await bench.redis.set(`${bench.prefix}:{0}:fence`, '99');
    await expectStaysClosing('the fence of this Redis is at 99');
  });
});

/** Three steps, and nothing has moved; one complaint says why. */
async function expectStaysClosing(complaint: string): Promise<void> {
  const keeper = bench.keeper();
  await stepTo(keeper, 'CLOSING');
  for (let n = 0; n < 3; n++)
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING', cacheEpoch: epoch.pod.epoch });
  expect(bench.complaints()).toEqual([complaint]);
}

describe('The authority stays CLOSING, with a complaint, when', () => {
  it('another node answers at the address', async () => {
    await post(1, 3);
    await server.kill();
    const other = await OwnRedis.start(server.port);
    await bench.ready();
    await expectStaysClosing('this Redis is another node, or has replicas now');
    await other.stop();
  });

  it('the node has lost its disk', async () => {
    await post(1, 3);
    await server.kill();
    rmSync(join(server.dir, server.node), { recursive: true });
    await restarted();
    await expectStaysClosing('this Redis does not carry the marker of the epoch');
  });

  it('the node came back with an older disk, that knows less than MySQL', async () => {
    const backup = `${server.dir}-older`;
    await post(1, 2);
    cpSync(server.dir, backup, { recursive: true });
    await post(3, 5);
    await flushAll();
    await server.kill();
    cpSync(backup, server.dir, { recursive: true });
    rmSync(backup, { recursive: true });
    await restarted();
    await expectStaysClosing('this Redis knows less than MySQL, or than its pods have seen');
  });

  it('the marker is another one', async () => {
    await server.kill();
    await restarted();
    await bench.redis.hset(`${bench.prefix}:{0}:${epoch.pod.epoch}:ledger`, 'marker', 'other');
    await expectStaysClosing('this Redis does not carry the marker of the epoch');
  });

  it('the node knows less than a pod has seen', async () => {
    await post(1, 3);
    await bench.authority.heartbeat(epoch.pod.podId, true, 4);
    await server.kill();
    await restarted();
    await expectStaysClosing('this Redis knows less than MySQL, or than its pods have seen');
  });

  it('the node may have been fed by a replica since', async () => {
    await server.kill();
    await restarted();
    await bench.redis.call('ACL', 'SETUSER', 'default', '+psync');
    await expectStaysClosing('this Redis is another node, or has replicas now');
  });

  it('the node could have had replicas from the beginning: its name proved nothing then', async () => {
    await bench.redis.call('ACL', 'SETUSER', 'default', '+psync');
    await closing();
    epoch = await bench.begin();
    expect((await bench.authority.read()).redisNode).toBe('');
    await server.kill();
    await restarted();
    await expectStaysClosing(
      'nothing proves that this Redis is the one of the epoch: it had no name, or could have replicas',
    );
  });

  it('it answers as a replica', async () => {
    await closing();
    await bench.redis.call('ACL', 'SETUSER', 'default', '+@all');
    await bench.redis.replicaof('127.0.0.1', await freePort());
    await expectStaysClosing('this Redis is a replica');
  });
});

describe('Settling', () => {
  it('waits while MySQL refuses the journal, and ends when it takes it', async () => {
    await post(1, 3);
    await closing();
    await db.database.rows("UPDATE accounts SET version = 7 WHERE account_id = 'ada'");
    const keeper = bench.keeper();
    await expect(keeper.step()).rejects.toThrow('not where the journal says');
    expect(await bench.authority.read()).toMatchObject({ mode: 'CLOSING' });
    await db.database.rows("UPDATE accounts SET version = 0 WHERE account_id = 'ada'");
    await stepTo(keeper, 'CACHE');
    expect(await inMysql(['t1', 't2', 't3'])).toHaveLength(3);
  });

  it('moves nothing when the cursor is not at the end of the journal after all', async () => {
    await post(1, 3);
    await closing();
    const keeper = bench.keeper('k', {
      read: () => bench.authority.read(),
      observedIn: (seen) => bench.authority.observedIn(seen),
      move: async (from, to, by, also) => {
        await db.database.rows('UPDATE flush_cursor SET seq = 2');
        return bench.authority.move(from, to, by, also);
      },
    });
    await expect(keeper.step()).rejects.toThrow(`the cursor is at ${epoch.pod.epoch}/2, not ${epoch.pod.epoch}/3`);
    expect(await bench.authority.read()).toMatchObject({ mode: 'CLOSING' });
  });

  it('is put off when the journal cannot be read: that proves nothing', async () => {
    await post(1, 3);
    await closing();
    vi.spyOn(bench.scripts, 'journal').mockRejectedValueOnce(new CacheError('in_doubt', 'timed out'));
    const keeper = bench.keeper();
    await expect(keeper.step()).rejects.toThrow('timed out');
    expect(await bench.authority.read()).toMatchObject({ mode: 'CLOSING' });
    expect(bench.complaints()).toEqual([]);
    await stepTo(keeper, 'CACHE');
  });

  it('has nothing to do where no epoch waits', async () => {
    const now = await bench.authority.read();
    const nobody = { cacheEpoch: null, redisNode: null, replid: null, marker: null };
    await bench.authority.move(now, { mode: 'CLOSING', ...nobody }, { keeper: 'k', reason: 'r' });
    expect(await bench.keeper().step()).toMatchObject({ mode: 'REBUILDING' });
  });
});
