import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { CacheError } from '../../journal/cache-port.ts';
import { CursorConflictError } from '../../journal/cursor.ts';
import { type EpochUnderTest, order } from '../../journal/testing/epoch-under-test.ts';
import { until } from '../../kernel/testing/until.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import type { RedisScripts } from '../../redis/redis-scripts.ts';
import { staysIn, stepTo } from '../testing/keeper-bench.ts';
import { RestartableBench } from '../testing/restartable-bench.ts';

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

/** Acknowledged transfers: the ids for which Redis has replied. */
async function post(from: number, to: number): Promise<string[]> {
  const ids = Array.from({ length: to - from + 1 }, (_, n) => `t${from + n}`);
  for (const id of ids) await epoch.apply(order(id));
  return ids;
}

describe('A Redis that was killed and restarted with its disk', () => {
  it('is recovered: everything acknowledged is in MySQL, and a new epoch serves', async () => {
    const ids = await post(1, 120);
    const before = await bench.authority.read();
    await bench.server.kill();
    const keeper = bench.keeper();
    await staysIn(keeper, 'CACHE');
    await bench.restart();
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
    await bench.flush(epoch);
    const ids = await post(6, 10);
    await bench.server.kill();
    await bench.restart();
    await stepTo(bench.keeper(), 'CACHE');
    expect(await bench.inMysql(ids)).toEqual(ids);
    expect(await db.database.rows('SELECT COUNT(*) AS n FROM transfers')).toEqual([{ n: 10 }]);
  });

  it('goes through CLOSING and REBUILDING, and the log shows why', async () => {
    await post(1, 3);
    await bench.server.kill();
    await bench.restart();
    await stepTo(bench.keeper(), 'CACHE');
    expect((await bench.moves()).slice(2)).toMatchObject([
      // The reason ends with an explanation, if it was found in time.
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
    await bench.server.kill();
    await bench.restart();
    const ends = await Promise.all([stepTo(bench.keeper('a'), 'CACHE'), stepTo(bench.keeper('b'), 'CACHE')]);
    expect({ ...ends[0], ageMs: 0 }).toEqual({ ...ends[1], ageMs: 0 });
    expect(await bench.inMysql(ids)).toEqual(ids);
    expect(await db.database.rows('SELECT COUNT(*) AS n FROM authority_log')).toEqual([{ n: 5 }]);
  });
});

describe('The fence', () => {
  it('is raised before the journal is read: everything that was acknowledged is recovered', async () => {
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
});

describe('Recovery', () => {
  it('waits while MySQL rejects the journal, and completes when MySQL accepts it', async () => {
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

describe('A ledger that was recovered from its journal', () => {
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

  it('opens directly on MySQL if its pods do not find Redis', async () => {
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
