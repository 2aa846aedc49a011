import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import { InterruptedDatabase, migratedDatabase, poolOptions, type TestDatabase } from '../testing/database.ts';
import { until } from '../testing/until.ts';
import { type Authority, AuthorityStore } from './authority-store.ts';

const by = { keeper: 'keeper-1', reason: 'a test' };
const nobody = { cacheEpoch: null, redisNode: null, replid: null, marker: null };
const server = { redisNode: 'node-1', replid: 'a'.repeat(40), marker: 'm' };

let db: TestDatabase;
let store: AuthorityStore;
let slow: InterruptedDatabase;
beforeAll(async () => {
  db = await migratedDatabase();
  store = new AuthorityStore(db.database);
  slow = new InterruptedDatabase(poolOptions(db.url));
});
afterAll(async () => {
  await slow[Symbol.asyncDispose]();
  await db.drop();
});
beforeEach(() => db.reset(0, 'DIRECT'));

/** Runs something up to before its given statement, and goes on when told to. */
function pausedBefore(statement: number) {
  let arrive = () => {};
  let open = () => {};
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  slow.before = async (at) => {
    if (at !== statement) return;
    arrive();
    await opened;
  };
  return { reached, open };
}

async function inCache(): Promise<Authority> {
  const rebuilding = await store.move(await store.read(), { mode: 'REBUILDING', ...nobody }, by);
  if (!rebuilding) throw new Error('nobody else moves');
  const cache = await store.move(rebuilding, { mode: 'CACHE', cacheEpoch: 2, ...server }, by);
  if (!cache) throw new Error('nobody else moves');
  return cache;
}

describe('AuthorityStore.move', () => {
  it('adds 1 to the epoch with every transition, and logs who moved it and why', async () => {
    expect(await inCache()).toEqual({ epoch: 2, mode: 'CACHE', cacheEpoch: 2, ...server });
    expect(await store.read()).toEqual({ epoch: 2, mode: 'CACHE', cacheEpoch: 2, ...server });
    expect(await db.database.rows('SELECT epoch, mode, changed_by, reason FROM authority_log')).toEqual([
      { epoch: 1, mode: 'REBUILDING', changed_by: 'keeper-1', reason: 'a test' },
      { epoch: 2, mode: 'CACHE', changed_by: 'keeper-1', reason: 'a test' },
    ]);
  });

  it('is a compare-and-set: from an epoch that has passed, nothing moves and nothing is logged', async () => {
    const before = await store.read();
    const now = await inCache();
    const also = async () => {
      throw new Error('must not run');
    };
    expect(await store.move(before, { mode: 'CLOSING', ...nobody }, by, also)).toBeNull();
    expect(await store.read()).toEqual(now);
    expect(await db.database.rows('SELECT 1 FROM authority_log')).toHaveLength(2);
  });

  it('lets exactly one of many at once through', async () => {
    const before = await store.read();
    const moves = await Promise.all(
      Array.from({ length: 6 }, () => store.move(before, { mode: 'REBUILDING', ...nobody }, by)),
    );
    expect(moves.filter((moved) => moved !== null)).toEqual([{ epoch: 1, mode: 'REBUILDING', ...nobody }]);
    expect((await store.read()).epoch).toBe(1);
  });

  it('moves nothing when what belongs to it fails', async () => {
    const before = await store.read();
    const also = async () => {
      throw new Error('the cursor is elsewhere');
    };
    await expect(store.move(before, { mode: 'REBUILDING', ...nobody }, by, also)).rejects.toThrow('elsewhere');
    expect(await store.read()).toEqual(before);
    expect(await db.database.rows('SELECT 1 FROM authority_log')).toEqual([]);
  });

  it('cuts a reason that is longer than its column', async () => {
    await store.move(await store.read(), { mode: 'REBUILDING', ...nobody }, { keeper: 'k', reason: 'x'.repeat(300) });
    expect(await db.database.rows('SELECT CHAR_LENGTH(reason) AS n FROM authority_log')).toEqual([{ n: 255 }]);
  });
});

describe('Registration', () => {
  it('is taken in the cache and in that epoch only', async () => {
    expect(await store.register('early', 0)).toBe(false);
    const { epoch } = await inCache();
    expect(await store.register('pod', epoch)).toBe(true);
    expect(await store.register('late', epoch - 1)).toBe(false);
    expect(await store.register('hasty', epoch + 1)).toBe(false);
    expect((await store.pods()).map(({ podId }) => podId)).toEqual(['pod']);
  });

  it('cannot commit after the authority has left the epoch: the move waits for it, and then sees it', async () => {
    const cache = await inCache();
    const { reached, open } = pausedBefore(1);
    const registered = new AuthorityStore(slow).register('pod', cache.epoch);
    await reached;
    let seenByMove: string[] | null = null;
    const moved = store.move(cache, { mode: 'CLOSING', cacheEpoch: 2, ...server }, by, async (session) => {
      seenByMove = (await session.rows<{ pod_id: string }>('SELECT pod_id FROM pods')).map(({ pod_id }) => pod_id);
    });
    await until('the move waits for the row', waitsForALock);
    expect(seenByMove).toBeNull();
    open();
    expect(await registered).toBe(true);
    expect(await moved).toMatchObject({ mode: 'CLOSING' });
    expect(seenByMove).toEqual(['pod']);
  });

  it('that comes while the authority moves waits for the move, and is refused', async () => {
    const cache = await inCache();
    const { reached, open } = pausedBefore(1);
    const moved = new AuthorityStore(slow).move(cache, { mode: 'CLOSING', cacheEpoch: 2, ...server }, by);
    await reached;
    const registered = store.register('pod', cache.epoch);
    await until('the registration waits for the row', waitsForALock);
    open();
    expect(await moved).toMatchObject({ epoch: 3 });
    expect(await registered).toBe(false);
    expect(await store.pods()).toEqual([]);
  });

  it('may be repeated under the same id', async () => {
    const { epoch } = await inCache();
    await store.register('pod', epoch);
    await db.database.rows("UPDATE pods SET heartbeat_at = '2020-01-01'");
    expect(await store.register('pod', epoch)).toBe(true);
    const [pod] = await store.pods();
    expect(pod?.silentMs).toBeLessThan(60_000);
  });
});

/** InnoDB renews what it tells of its transactions only when nobody has asked for 100 ms. */
const INNODB_TELLS_MS = 120;
async function waitsForALock(): Promise<boolean> {
  await systemClock.sleep(INNODB_TELLS_MS);
  const waiting = await db.database.rows("SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'");
  return waiting.length > 0;
}

describe('Pods', () => {
  it('are heard by their heartbeats, and tell whether they see Redis', async () => {
    const { epoch } = await inCache();
    await store.register('pod', epoch);
    await db.database.rows('UPDATE pods SET heartbeat_at = DATE_SUB(NOW(3), INTERVAL 90 SECOND)');
    const [silent] = await store.pods();
    expect(silent).toMatchObject({ podId: 'pod', epoch, redisSeen: true, retiredSeq: null });
    expect(silent?.silentMs).toBeGreaterThanOrEqual(90_000);
    await store.heartbeat('pod', false, 0);
    const [heard] = await store.pods();
    expect(heard).toMatchObject({ redisSeen: false });
    expect(heard?.silentMs).toBeLessThan(60_000);
  });

  it('are marked as retired, and removed by their id', async () => {
    const { epoch } = await inCache();
    for (const podId of ['a', 'b']) await store.register(podId, epoch);
    await store.markRetired('a', 17);
    expect((await store.pods()).find(({ podId }) => podId === 'a')?.retiredSeq).toBe(17);
    await store.removePod('a');
    expect((await store.pods()).map(({ podId }) => podId)).toEqual(['b']);
  });

  it('report the highest seq that they have seen; it never falls, and counts in their epoch only', async () => {
    const { epoch } = await inCache();
    expect(await store.observedIn(epoch)).toBe(0);
    for (const podId of ['a', 'b']) await store.register(podId, epoch);
    for (const seen of [7, 12, 3]) await store.heartbeat('a', true, seen);
    await store.heartbeat('b', true, 5);
    expect(await store.observedIn(epoch)).toBe(12);
    expect(await store.observedIn(epoch + 1)).toBe(0);
  });
});

describe('Keepers', () => {
  it('are heard by their heartbeats, and forgotten when they leave or have been silent for an hour', async () => {
    for (const id of ['a', 'b', 'c']) await store.keeperHeartbeat(id);
    await db.database.rows("UPDATE keepers SET heartbeat_at = NOW(3) - INTERVAL 90 SECOND WHERE keeper_id = 'a'");
    await db.database.rows("UPDATE keepers SET heartbeat_at = NOW(3) - INTERVAL 2 HOUR WHERE keeper_id = 'b'");
    await store.keeperHeartbeat('c');
    const heard = await store.keepers();
    expect(heard.map(({ keeperId }) => keeperId).sort()).toEqual(['a', 'c']);
    expect(heard.find(({ keeperId }) => keeperId === 'a')?.silentMs).toBeGreaterThanOrEqual(90_000);
    await store.removeKeeper('c');
    expect((await store.keepers()).map(({ keeperId }) => keeperId)).toEqual(['a']);
  });
});

describe('A schema without its rows', () => {
  it('is said to be not migrated', async () => {
    await db.database.rows('DELETE FROM authority');
    await expect(store.read()).rejects.toThrow('the schema is not migrated');
    await db.database.rows("INSERT INTO authority (shard, epoch, mode) VALUES (0, 0, 'DIRECT')");
  });
});
