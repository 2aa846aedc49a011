import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { order } from '../../journal/testing/epoch-under-test.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { OwnRedis, randomPrefix } from '../../redis/testing/own-redis.ts';
import { takeRedisOver } from '../../roles/operator.ts';
import { renewIdentity } from '../../roles/renew-identity.ts';
import type { AppLogger } from '../../telemetry/logger.ts';
import { KeeperBench, staysIn, stepTo } from '../testing/keeper-bench.ts';

/** Two installations, each with its own MySQL, configured with the same Redis and the same key prefix. */
let db: TestDatabase;
let otherDb: TestDatabase;
let server: OwnRedis;
let bench: KeeperBench;
let other: KeeperBench;
beforeAll(async () => {
  [db, otherDb, server] = await Promise.all([migratedDatabase(), migratedDatabase(), OwnRedis.start()]);
});
afterAll(() => Promise.all([db.drop(), otherDb.drop(), server.stop()]));
beforeEach(async () => {
  await Promise.all([db.reset(0, 'DIRECT'), otherDb.reset(0, 'DIRECT')]);
  const prefix = randomPrefix();
  bench = new KeeperBench(db.database, server.url, prefix);
  other = new KeeperBench(otherDb.database, server.url, prefix);
  await Promise.all([bench, other].map((one) => one.redis.connect().catch(() => {})));
  await Promise.all([bench.ready(), other.ready()]);
});
afterEach(() => {
  bench.close();
  other.close();
});

const MYSQL = { queueMax: 10, connectTimeoutMs: 2000, queryTimeoutMs: 5000, lockWaitTimeoutS: 5 };
const key = (name: string) => `${bench.prefix}:{0}:${name}`;

/** All keys of the prefix, byte by byte. */
async function everything(): Promise<Record<string, string>> {
  const keys = (await bench.redis.keys(`${bench.prefix}:*`)).sort();
  const dumps = await Promise.all(keys.map(async (one) => (await bench.redis.dumpBuffer(one)).toString('base64')));
  return Object.fromEntries(keys.map((one, index) => [one, dumps[index] ?? '']));
}

describe('A second installation on the same Redis', () => {
  it('changes nothing there, moves nothing, and logs why; the first one continues', async () => {
    const first = bench.keeper();
    const epoch = await bench.serve(first);
    await epoch.apply(order('one', { amount: 500 }));
    const before = await everything();
    const second = other.keeper();
    await staysIn(second, 'DIRECT', 5);
    expect(await everything()).toEqual(before);
    expect(other.complaints()).toEqual([expect.stringContaining('belongs to another ledger')]);
    expect(other.owners).toContain('foreign');
    expect(await other.moves()).toEqual([]);
    await staysIn(first, 'CACHE');
    expect((await epoch.apply(order('two', { amount: 5 }))).records[0]).toMatchObject({ seq: 2 });
  });

  it('whose keeper has already moved to REBUILDING gives up without leaving a trace', async () => {
    await bench.begin();
    const before = await everything();
    await other.authority.move(await other.authority.read(), 'REBUILDING', { keeper: 'k', reason: 'r' });
    expect(await other.keeper().step()).toMatchObject({ mode: 'DIRECT' });
    expect(await everything()).toEqual(before);
    expect(await other.moves()).toMatchObject([
      { mode: 'REBUILDING' },
      { mode: 'DIRECT', reason: expect.stringContaining('foreign') },
    ]);
  });

  it('starts there once the first one and all of its keys are gone', async () => {
    await bench.begin();
    await bench.redis.flushall();
    await other.begin();
    expect(other.owners.at(-1)).toBe('free');
    expect(await bench.redis.get(key('owner'))).toMatch(/^[0-9a-f]{32}$/);
    await staysIn(other.keeper(), 'CACHE');
  });
});

describe('An operator', () => {
  const operator = () => ({
    authority: other.authority,
    redis: other.redis,
    scripts: other.scripts,
    logger: { log: other.log } as unknown as AppLogger,
  });
  const reason = 'the other ledger is gone for good';

  it('takes over the Redis of another ledger whose epochs are far ahead, and deletes its keys', async () => {
    await db.reset(40, 'DIRECT');
    const epoch = await bench.serve();
    await epoch.apply(order('one', { amount: 500 }));
    const { owner, fence } = await other.scripts.ownership(epoch.pod.replid);
    expect(fence).toBe(42);
    await expect(takeRedisOver(operator(), { owner: null, reason }, 'ann')).rejects.toMatchObject({
      code: 'authority_moved',
    });
    expect(await takeRedisOver(operator(), { owner, reason }, 'ann')).toEqual({ epoch: 43, mode: 'DIRECT' });
    const now = await stepTo(other.keeper(), 'CACHE');
    expect(now.epoch).toBe(45);
    expect((await bench.redis.keys(key('*'))).sort()).toEqual([key('45:ledger'), key('fence'), key('owner')]);
    await expect(epoch.apply(order('two', { amount: 5 }))).rejects.toMatchObject({ reason: 'fenced' });
    expect(await other.moves()).toMatchObject([{ reason: expect.stringContaining(reason) }, {}, {}]);
  });
  it('takes over nothing while the ledger is in CACHE, and nothing that it already owns', async () => {
    const epoch = await bench.begin();
    await expect(
      takeRedisOver(
        { ...operator(), authority: bench.authority, scripts: bench.scripts },
        { owner: null, reason },
        'ann',
      ),
    ).rejects.toMatchObject({ code: 'authority_moved' });
    expect((await bench.authority.read()).epoch).toBe(epoch.pod.epoch);
  });
});

async function ledgerIdIn({ database }: TestDatabase): Promise<string> {
  const [row] = await database.rows<{ ledger_id: string }>('SELECT ledger_id FROM ledger_identity');
  return row?.ledger_id ?? '';
}
async function setLedgerId({ database }: TestDatabase, ledgerId: string): Promise<void> {
  for (const table of ['ledger_identity', 'authority', 'flush_cursor'])
    await database.rows(`UPDATE ${table} SET ledger_id = ?`, [ledgerId]);
}

describe('A copy of the database', () => {
  it('gets its own identity, and leaves the Redis of the original alone', async () => {
    const epoch = await bench.serve();
    await epoch.apply(order('one', { amount: 500 }));
    const before = await everything();
    // The copy: the same authority, registrations and identity.
    const { epoch: at, replid, marker } = await bench.authority.read();
    await otherDb.database.rows(
      "UPDATE authority SET epoch = ?, mode = 'CACHE', cache_epoch = ?, replid = ?, marker = ? WHERE shard = 0",
      [at, at, replid, marker],
    );
    await otherDb.database.rows('UPDATE flush_cursor SET epoch = ?, seq = 0', [at]);
    await other.authority.register('pod', at);
    const [original, own] = [await ledgerIdIn(db), await ledgerIdIn(otherDb)];
    await setLedgerId(otherDb, original);
    const renewed = 'b'.repeat(32);
    await renewIdentity({ ...MYSQL, url: otherDb.url }, renewed);
    expect(await ledgerIdIn(otherDb)).toBe(renewed);
    // A process that starts only now, because a running one expects the identity that it has read.
    await using database = new Database({ ...MYSQL, url: otherDb.url, connectionsMax: 2 });
    const copy = new KeeperBench(database, server.url, bench.prefix);
    await copy.redis.connect().catch(() => {});
    await copy.ready();
    await staysIn(copy.keeper(), 'DIRECT', 5);
    expect(copy.complaints()).toEqual([expect.stringContaining('belongs to another ledger')]);
    expect(await everything()).toEqual(before);
    copy.close();
    await setLedgerId(otherDb, own);
  });
  it('gets no identity of its own while a process of the ledger is alive', async () => {
    await other.authority.keeperHeartbeat('alive');
    await expect(renewIdentity({ ...MYSQL, url: otherDb.url }, 'c'.repeat(32))).rejects.toThrow(
      'stop all of them first',
    );
    await other.authority.removeKeeper('alive');
  });
});

describe('A Redis of the previous release, without an owner', () => {
  /** The state left by the previous release: the same keys, but no owner. */
  const forgetOwner = () => bench.redis.del(key('owner'));

  it('is claimed by a keeper whose MySQL has the marker, without a switch-over', async () => {
    const epoch = await bench.begin();
    await forgetOwner();
    await staysIn(bench.keeper(), 'CACHE');
    expect(await bench.redis.get(key('owner'))).toMatch(/^[0-9a-f]{32}$/);
    expect(await epoch.headSeq()).toBe(0);
  });
  it('is claimed while the epoch is closing, and recovered from its journal', async () => {
    const epoch = await bench.serve();
    await epoch.apply(order('one', { amount: 500 }));
    await forgetOwner();
    await bench.closing();
    await stepTo(bench.keeper(), 'CACHE');
    expect(await bench.inMysql(['one'])).toEqual(['one']);
  });
  it('is left alone by another ledger, which does not have the marker', async () => {
    await bench.begin();
    await forgetOwner();
    const before = await everything();
    await staysIn(other.keeper(), 'DIRECT', 5);
    expect(other.complaints()).toEqual([expect.stringContaining('cannot be proven to be this ledger')]);
    expect(other.owners).toContain('unclaimed');
    expect(await everything()).toEqual(before);
    await staysIn(bench.keeper(), 'CACHE');
  });
});
