import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Authority } from '../../domain/authority.ts';
import { until } from '../../kernel/testing/until.ts';
import {
  InterruptedDatabase,
  migratedDatabase,
  poolOptions,
  type TestDatabase,
  waitsForALock,
} from '../testing/test-database.ts';
import { AuthorityStore } from './authority-store.ts';
import { RecoveryStore } from './recovery-store.ts';

const by = { keeper: 'keeper-1', reason: 'a test' };
const nothing = {
  format: 1 as const,
  cacheEpoch: null,
  cacheFormat: null,
  redisNode: null,
  replid: null,
  marker: null,
  highestKnownSeq: null,
  stops: 0,
};
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

const heard = (podId: string, observed: number) =>
  store.heartbeat({ processId: 'p', redisSeen: true, registration: { podId, observed } });

async function moved(mode: 'CLOSING' | 'DIRECT' | 'REBUILDING', from?: Authority): Promise<Authority> {
  const now = await store.move(from ?? (await store.read()), mode, by);
  if (!now) throw new Error('the authority has moved');
  return now;
}
async function inCache(): Promise<Authority> {
  const rebuilding = await moved('REBUILDING');
  const cacheEpoch = rebuilding.epoch + 1;
  const cache = await new RecoveryStore(db.database).activate(rebuilding, { ...server, cacheEpoch }, by);
  if (!cache) throw new Error('the authority has moved');
  return cache;
}
const existing = { ...server, format: 1, cacheEpoch: 2, cacheFormat: 1, highestKnownSeq: null, stops: 0 };
const row = async () => {
  const { ageMs: _ageMs, ...rest } = await store.read();
  return rest;
};

describe('AuthorityStore.move', () => {
  it('adds 1 to the epoch with every transition, and logs who moved the authority and why', async () => {
    expect(await inCache()).toEqual({ epoch: 2, mode: 'CACHE', ...existing, ageMs: 0 });
    expect(await row()).toEqual({ epoch: 2, mode: 'CACHE', ...existing });
    expect(await db.database.rows('SELECT epoch, mode, changed_by, reason FROM authority_log')).toEqual([
      { epoch: 1, mode: 'REBUILDING', changed_by: 'keeper-1', reason: 'a test' },
      { epoch: 2, mode: 'CACHE', changed_by: 'keeper-1', reason: 'a test' },
    ]);
  });

  it('keeps the cache epoch in a move to CLOSING, and clears it in moves to other modes', async () => {
    await inCache();
    expect(await moved('CLOSING')).toEqual({ epoch: 3, mode: 'CLOSING', ...existing, ageMs: 0 });
    await db.database.rows('UPDATE authority SET cache_epoch = NULL');
    expect(await moved('DIRECT')).toEqual({ epoch: 4, mode: 'DIRECT', ...nothing, ageMs: 0 });
    expect(await row()).toEqual({ epoch: 4, mode: 'DIRECT', ...nothing });
    expect(await moved('REBUILDING')).toEqual({ epoch: 5, mode: 'REBUILDING', ...nothing, ageMs: 0 });
    expect(await moved('DIRECT')).toEqual({ epoch: 6, mode: 'DIRECT', ...nothing, ageMs: 0 });
  });

  it.each([
    ['DIRECT', 'REBUILDING'],
    ['DIRECT', 'CLOSING'],
    ['DIRECT', 'DIRECT'],
    ['CLOSING', 'DIRECT'],
    ['CLOSING', 'REBUILDING'],
    ['CLOSING', 'CLOSING'],
    ['CACHE', 'DIRECT'],
    ['CACHE', 'REBUILDING'],
  ] as const)(
    'never drops an unrecovered epoch: with one in the row, a move from %s to %s is rejected',
    async (from, to) => {
      await db.database.rows(
        "UPDATE authority SET mode = ?, epoch = 7, cache_epoch = 5, marker = 'm', replid = 'r', redis_node = '', bound = 9",
        [from],
      );
      const before = await row();
      await expect(store.move(await store.read(), to, by)).rejects.toThrow('epoch 5 has to be recovered');
      // The caller's copy of the row makes no difference.
      await expect(store.move({ ...(await store.read()), ...nothing }, to, by)).rejects.toThrow('has to be recovered');
      expect(await row()).toEqual(before);
      expect(await db.database.rows('SELECT 1 FROM authority_log')).toEqual([]);
    },
  );

  it('is a compare-and-set: a caller with an old epoch moves nothing and logs nothing', async () => {
    const before = await store.read();
    await inCache();
    const now = await row();
    expect(await store.move(before, 'CLOSING', by)).toBeNull();
    expect(await row()).toEqual(now);
    expect(await db.database.rows('SELECT 1 FROM authority_log')).toHaveLength(2);
  });

  it('lets exactly one of many concurrent moves through', async () => {
    const before = await store.read();
    const moves = await Promise.all(Array.from({ length: 6 }, () => store.move(before, 'REBUILDING', by)));
    expect(moves.filter((one) => one !== null)).toEqual([{ epoch: 1, mode: 'REBUILDING', ...nothing, ageMs: 0 }]);
    expect((await store.read()).epoch).toBe(1);
  });

  it('moves nothing if the log cannot be written', async () => {
    const before = await row();
    await db.database.rows("INSERT INTO authority_log (epoch, mode, changed_by, reason) VALUES (1, '', '', '')");
    await expect(moved('REBUILDING')).rejects.toThrow('Duplicate');
    expect(await row()).toEqual(before);
  });

  it('truncates a reason that is longer than its column', async () => {
    await store.move(await store.read(), 'REBUILDING', { keeper: 'k', reason: 'x'.repeat(300) });
    expect(await db.database.rows('SELECT CHAR_LENGTH(reason) AS n FROM authority_log')).toEqual([{ n: 255 }]);
  });

  it('tells how old the latest move is, and how often the ledger was closed within a period', async () => {
    await inCache();
    await moved('CLOSING');
    await db.database.rows('UPDATE authority SET changed_at = NOW(3) - INTERVAL 90 SECOND');
    expect((await store.read()).ageMs).toBeGreaterThanOrEqual(90_000);
    expect((await store.read()).ageMs).toBeLessThan(150_000);
    expect(await store.closingsWithin(60_000)).toBe(1);
    await db.database.rows("UPDATE authority_log SET changed_at = NOW(3) - INTERVAL 90 SECOND WHERE mode = 'CLOSING'");
    expect(await store.closingsWithin(60_000)).toBe(0);
    expect(await store.closingsWithin(120_000)).toBe(1);
  });
});

describe('A registration', () => {
  it('is accepted only in mode CACHE, and only in its epoch', async () => {
    expect(await store.register('early', 0)).toBe(false);
    const { epoch } = await inCache();
    expect(await store.register('pod', epoch)).toBe(true);
    expect(await store.register('late', epoch - 1)).toBe(false);
    expect(await store.register('hasty', epoch + 1)).toBe(false);
    expect((await store.pods()).map(({ podId }) => podId)).toEqual(['pod']);
  });

  it('cannot commit after the authority has left the epoch: the move waits for the registration, and then sees it', async () => {
    const cache = await inCache();
    const { reached, open } = slow.pauseBefore(1);
    const registered = new AuthorityStore(slow).register('pod', cache.epoch);
    await reached;
    const moving = moved('CLOSING', cache).then(async () => (await store.pods()).map(({ podId }) => podId));
    await until('the move waits for the row', () => waitsForALock(db.database));
    open();
    expect(await registered).toBe(true);
    expect(await moving).toEqual(['pod']);
  });

  it('that arrives during a move waits for the move, and is rejected', async () => {
    const cache = await inCache();
    const { reached, open } = slow.pauseBefore(1);
    const moving = new AuthorityStore(slow).move(cache, 'CLOSING', by);
    await reached;
    const registered = store.register('pod', cache.epoch);
    await until('the registration waits for the row', () => waitsForALock(db.database));
    open();
    expect(await moving).toMatchObject({ epoch: 3 });
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

  it('keeps nothing from another epoch, and its pod no longer counts as handed over', async () => {
    const { epoch } = await inCache();
    await db.database.rows(
      "INSERT INTO pods (pod_id, epoch, observed_seq, retired_seq, drained_at) VALUES ('old', 1, 9, 7, NOW(3)), ('pod', ?, 9, 7, NOW(3))",
      [epoch],
    );
    for (const podId of ['old', 'pod']) await store.register(podId, epoch);
    const pods = new Map((await store.pods()).map((pod) => [pod.podId, pod]));
    expect(pods.get('old')).toMatchObject({ epoch, observed: 0, retiredSeq: null, handedOver: false });
    expect(pods.get('pod')).toMatchObject({ epoch, observed: 9, retiredSeq: 7, handedOver: false });
  });
});

describe('Pods', () => {
  it('are live while they send heartbeats', async () => {
    const { epoch } = await inCache();
    await store.register('pod', epoch);
    await db.database.rows('UPDATE pods SET heartbeat_at = DATE_SUB(NOW(3), INTERVAL 90 SECOND)');
    const [silent] = await store.pods();
    expect(silent).toMatchObject({ podId: 'pod', epoch, handedOver: false, observed: 0, retiredSeq: null });
    expect(silent?.silentMs).toBeGreaterThanOrEqual(90_000);
    await heard('pod', 3);
    const [pod] = await store.pods();
    expect(pod).toMatchObject({ observed: 3 });
    expect(pod?.silentMs).toBeLessThan(60_000);
  });

  it('are marked as retired, and removed by their ids', async () => {
    const { epoch } = await inCache();
    for (const podId of ['a', 'b']) await store.register(podId, epoch);
    await store.markRetired('a', 17);
    expect((await store.pods()).find(({ podId }) => podId === 'a')?.retiredSeq).toBe(17);
    await store.removePod('a');
    expect((await store.pods()).map(({ podId }) => podId)).toEqual(['b']);
  });

  it('report the highest seq that they have seen; it never decreases, and is used only in their epoch', async () => {
    const { epoch } = await inCache();
    expect(await store.observedIn(epoch)).toBe(0);
    for (const podId of ['a', 'b']) await store.register(podId, epoch);
    for (const seen of [7, 12, 3]) await heard('a', seen);
    await heard('b', 5);
    expect(await store.observedIn(epoch)).toBe(12);
    expect(await store.observedIn(epoch + 1)).toBe(0);
    await db.database.rows(
      `INSERT INTO drained_entries (epoch, first_seq, last_seq, kind, payload, records)
       VALUES (?, 20, 21, 'transfers', '[]', ''), (9, 40, 41, 'transfers', '[]', '')`,
      [epoch],
    );
    expect(await store.observedIn(epoch)).toBe(21);
  });
});

describe('Processes', () => {
  const heartbeat = (redisSeen: boolean) => store.heartbeat({ processId: 'p', redisSeen, registration: null });
  const only = async () => {
    const [process, ...others] = await store.livePods();
    if (!process || others.length > 0) throw new Error('one is expected');
    return process;
  };

  it('report whether they reach Redis, and since when', async () => {
    await heartbeat(true);
    await db.database.rows('UPDATE processes SET redis_since = NOW(3) - INTERVAL 90 SECOND');
    await heartbeat(true);
    expect(await only()).toMatchObject({ processId: 'p', redisSeen: true });
    expect((await only()).redisSinceMs).toBeGreaterThanOrEqual(90_000);
    await heartbeat(false);
    expect((await only()).redisSeen).toBe(false);
    expect((await only()).redisSinceMs).toBeLessThan(60_000);
    await db.database.rows('UPDATE processes SET redis_since = NOW(3) - INTERVAL 90 SECOND');
    await heartbeat(false);
    expect((await only()).redisSinceMs).toBeGreaterThanOrEqual(90_000);
  });

  it('count as live without a registration, and are removed when they leave, or after an hour of silence', async () => {
    await heartbeat(true);
    expect(await store.pods()).toEqual([]);
    await db.database.rows('UPDATE processes SET heartbeat_at = NOW(3) - INTERVAL 90 SECOND');
    await store.keeperHeartbeat('k');
    expect((await only()).silentMs).toBeGreaterThanOrEqual(90_000);
    await db.database.rows('UPDATE processes SET heartbeat_at = NOW(3) - INTERVAL 2 HOUR');
    await store.keeperHeartbeat('k');
    expect(await store.livePods()).toEqual([]);
    await heartbeat(false);
    await store.removeProcess('p');
    expect(await store.livePods()).toEqual([]);
  });
});

describe('Keepers', () => {
  it('are live while they send heartbeats, and removed when they leave or after an hour of silence', async () => {
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
  it('is reported as not migrated', async () => {
    await db.database.rows('DELETE FROM authority');
    await expect(store.read()).rejects.toThrow('the schema is not migrated');
    await db.database.rows(
      "INSERT INTO authority (ledger_id, shard, epoch, mode) SELECT ledger_id, 0, 0, 'DIRECT' FROM ledger_identity",
    );
  });
});
