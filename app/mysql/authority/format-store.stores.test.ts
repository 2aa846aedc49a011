import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Authority } from '../../domain/authority.ts';
import { modeOf, setAuthority } from '../rows/authority-row.ts';
import { migratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { AuthorityStore } from './authority-store.ts';
import { FormatStore } from './format-store.ts';
import { RecoveryStore } from './recovery-store.ts';

const BY = { keeper: 'ann', reason: 'a test' };
const SERVER = { redisNode: 'node-1', replid: 'a'.repeat(40), marker: 'm' };

let db: TestDatabase;
let store: AuthorityStore;
let formats: FormatStore;
let recoveryStore: RecoveryStore;
beforeAll(async () => {
  db = await migratedDatabase();
  store = new AuthorityStore(db.database);
  formats = new FormatStore(db.database);
  recoveryStore = new RecoveryStore(db.database);
});
afterAll(() => db.drop());
beforeEach(() => db.reset(0, 'DIRECT'));

function moved(authority: Authority | null): Authority {
  if (!authority) throw new Error('the authority has not moved');
  return authority;
}
async function inCache(): Promise<Authority> {
  const rebuilding = moved(await store.move(await store.read(), 'REBUILDING', BY));
  return moved(await recoveryStore.activate(rebuilding, { ...SERVER, cacheEpoch: rebuilding.epoch + 1 }, BY));
}
const stored = () =>
  db.database.rows('SELECT epoch, mode, cache_epoch, cache_format, replid, marker FROM authority WHERE shard = 0');
const inFormat2 = async () => moved(await formats.raise(await inCache(), BY));

/** What 0.1.0 sends to MySQL. */
const OLD = {
  readMode: 'SELECT epoch, mode, cache_epoch FROM authority WHERE shard = 0',
  keeperHeartbeat: "INSERT INTO keepers (keeper_id) VALUES ('k-old') ON DUPLICATE KEY UPDATE heartbeat_at = NOW(3)",
  heartbeat: `INSERT INTO processes (process_id, redis_seen) VALUES ('p-old', 1)
    ON DUPLICATE KEY UPDATE redis_since = IF(redis_seen = VALUES(redis_seen), redis_since, NOW(3)),
      redis_seen = VALUES(redis_seen), heartbeat_at = NOW(3)`,
  move: `UPDATE authority SET epoch = ?, mode = ?, cache_epoch = ?, redis_node = ?, replid = ?, marker = ?, bound = ?,
    changed_at = NOW(3) WHERE shard = 0`,
};

describe('The move to format 2', () => {
  it('from CACHE closes the epoch; it is recovered in its own format, and its successor has format 2', async () => {
    const closing = await inFormat2();
    expect(closing).toMatchObject({ epoch: 3, mode: 'CLOSING', format: 2, cacheEpoch: 2, cacheFormat: 1, ...SERVER });
    expect(await stored()).toEqual([
      { epoch: 3, mode: 'CLOSING_2', cache_epoch: 2, cache_format: 1, replid: SERVER.replid, marker: SERVER.marker },
    ]);
    const rebuilding = moved(await recoveryStore.finishFromJournal(closing, 'REBUILDING', 0, BY));
    expect(rebuilding).toMatchObject({ epoch: 4, mode: 'REBUILDING', format: 2, cacheEpoch: null, cacheFormat: null });
    const cache = moved(await recoveryStore.activate(rebuilding, { ...SERVER, cacheEpoch: 5 }, BY));
    expect(cache).toMatchObject({ epoch: 5, mode: 'CACHE', format: 2, cacheEpoch: 5, cacheFormat: 2 });
    expect(await db.database.rows('SELECT mode, changed_by FROM authority_log WHERE epoch >= 3')).toEqual([
      { mode: 'CLOSING_2', changed_by: 'ann' },
      { mode: 'REBUILDING_2', changed_by: 'ann' },
      { mode: 'CACHE_2', changed_by: 'ann' },
    ]);
  });

  it('from DIRECT takes one step, and every later mode has format 2', async () => {
    const direct = moved(await formats.raise(await store.read(), BY));
    expect(direct).toMatchObject({ epoch: 1, mode: 'DIRECT', format: 2, cacheEpoch: null, cacheFormat: null });
    expect(moved(await store.goBeyond(direct, 41, BY))).toMatchObject({ epoch: 42, mode: 'DIRECT', format: 2 });
    expect(await inCache()).toMatchObject({ epoch: 44, mode: 'CACHE', format: 2, cacheFormat: 2 });
    const closing = moved(await store.move(await store.read(), 'CLOSING', BY));
    expect(closing).toMatchObject({ epoch: 45, mode: 'CLOSING', format: 2, cacheEpoch: 44, cacheFormat: 2 });
    expect(await store.closingsWithin(60_000)).toBe(1);
  });

  it('is a compare-and-set, and happens once', async () => {
    const before = await store.read();
    await inCache();
    expect(await formats.raise(before, BY)).toBeNull();
    const cache = await store.read();
    const moves = await Promise.all(Array.from({ length: 5 }, () => formats.raise(cache, BY)));
    expect(moves.filter((one) => one !== null)).toHaveLength(1);
    expect(await formats.raise(await store.read(), BY)).toBeNull();
    expect(await store.read()).toMatchObject({ epoch: 3, format: 2 });
  });

  it.each(['CLOSING', 'REBUILDING'] as const)('is refused while the authority is moving: %s', async (mode) => {
    await db.reset(7, mode);
    expect(await formats.raise(await store.read(), BY)).toBeNull();
    expect(await store.read()).toMatchObject({ epoch: 7, mode, format: 1 });
  });
  it('is refused while accounts wait for a journal', async () => {
    await db.database.rows('UPDATE authority SET cache_epoch = 5');
    expect(await formats.raise(await store.read(), BY)).toBeNull();
    expect(await store.read()).toMatchObject({ mode: 'DIRECT', format: 1, cacheEpoch: 5, cacheFormat: 1 });
  });

  it.each([
    ['pod', OLD.heartbeat, 'processes', { processId: 'p-old', role: 'api' }],
    ['keeper', OLD.keeperHeartbeat, 'keepers', { processId: 'k-old', role: 'keeper' }],
  ])('is refused until a %s of 0.1.0 has been silent for a minute', async (_what, heartbeat, table, listed) => {
    await store.keeperHeartbeat('k-new');
    await store.heartbeat({ processId: 'p-new', redisSeen: true, registration: null });
    await db.database.rows(heartbeat);
    expect(await formats.olderProcesses()).toMatchObject([listed]);
    expect(await formats.raise(await store.read(), BY)).toBeNull();
    await db.database.rows(`UPDATE ${table} SET heartbeat_at = NOW(3) - INTERVAL 59 SECOND`);
    expect(await formats.raise(await store.read(), BY)).toBeNull();
    await db.database.rows(`UPDATE ${table} SET heartbeat_at = NOW(3) - INTERVAL 61 SECOND`);
    expect(await formats.olderProcesses()).toEqual([]);
    expect(await formats.raise(await store.read(), BY)).toMatchObject({ format: 2 });
  });

  it('cannot be undone', async () => {
    await inFormat2();
    const before = await stored();
    const now = await store.read();
    const back = db.database.transaction((session) => setAuthority(session, now, { ...now, format: 1 }, BY));
    await expect(back).rejects.toThrow('the authority cannot move from format 2 back to 1');
    expect(await stored()).toEqual(before);
  });
});

describe('Release 0.1.0 beside format 2', () => {
  it.each(['CACHE', 'CLOSING', 'DIRECT', 'REBUILDING'] as const)('does not know the mode %s', async (mode) => {
    await db.reset(7, mode, 2);
    const [row] = await db.database.rows<{ mode: string }>(OLD.readMode);
    expect(['CACHE', 'CLOSING', 'DIRECT', 'REBUILDING']).not.toContain(row?.mode);
    expect(await store.read()).toMatchObject({ mode, format: 2 });
  });

  it('writes rows in format 1 that this release understands', async () => {
    const cache = await inCache();
    await db.database.rows(OLD.move, [cache.epoch + 1, 'CLOSING', 2, 'n', 'r', 'm', null]);
    expect(await store.read()).toMatchObject({ mode: 'CLOSING', format: 1, cacheEpoch: 2, cacheFormat: 1 });
    await db.database.rows(OLD.move, [cache.epoch + 2, 'REBUILDING', null, null, null, null, null]);
    expect(await store.read()).toMatchObject({ mode: 'REBUILDING', format: 1, cacheEpoch: null, cacheFormat: null });
    await db.database.rows(OLD.move, [cache.epoch + 3, 'CACHE', 5, 'n', 'r', 'm', null]);
    expect(await store.read()).toMatchObject({ mode: 'CACHE', format: 1, cacheEpoch: 5, cacheFormat: 1 });
  });
});

describe('A mode of a later release', () => {
  it('is not mistaken for a mode of this release', () => {
    expect(() => modeOf('CACHE_3' as never)).toThrow('which this release does not know');
  });
});
