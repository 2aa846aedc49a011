import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Authority } from '../../domain/authority.ts';
import { CursorConflictError } from '../../journal/cursor.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import type { JournalEntry } from '../../journal/journal-entry.ts';
import { until } from '../../kernel/testing/until.ts';
import { FlushStore } from '../ledger/flush-store.ts';
import { InterruptedDatabase, poolOptions } from '../testing/test-database.ts';
import { AuthorityStore } from './authority-store.ts';
import { RecoveryStore } from './recovery-store.ts';
import { attempt, BY, except, RecoveryBench, SERVER } from './testing/recovery-bench.ts';

/** More statements than any recovery needs; groups need more per page than transfers. */
const STATEMENTS_MAX = 400;
/** Every entry and every in-doubt attempt is a separate page. */
const LIMITS = { outcomesMax: 1, bytesMax: 1 };

let bench: RecoveryBench;
let interrupted: InterruptedDatabase;
beforeAll(async () => {
  bench = await RecoveryBench.start(LIMITS);
  interrupted = new InterruptedDatabase(poolOptions(bench.db.url));
});
afterAll(async () => {
  await interrupted[Symbol.asyncDispose]();
  await bench.db.drop();
});
beforeEach(async () => {
  interrupted.before = async () => {};
  await bench.begin(['pod', 'other']);
});

/** Hands over the data of two pods about four entries, of which the second is missing. */
async function handedOver(): Promise<{ closing: Authority; journal: JournalEntry[] }> {
  const journal = await bench.journal(
    ['t1', 'world', 'ada', 500],
    ['t2', 'bob', 'cy', 7],
    ['t3', 'cy', 'bob', 2],
    ['t4', 'world', 'ada', 50],
  );
  const closing = await bench.closing();
  await bench.handOver('pod', except(journal, 2), [attempt('t2', 'bob', 'cy')], 4);
  await bench.handOver('other', except(journal, 2, 3));
  return { closing, journal };
}

type Step = (recoveryStore: RecoveryStore) => Promise<unknown>;
/** Each kind of recovery, with a function that prepares it. */
const steps: [string, () => Promise<Step>][] = [
  [
    'recoverFromHandOvers',
    async () => {
      const { closing } = await handedOver();
      return (recoveryStore) => bench.recover(closing, recoveryStore);
    },
  ],
  [
    'finishFromJournal',
    async () => {
      const { closing, journal } = await handedOver();
      await bench.flush(journal, closing.epoch);
      return (recoveryStore) => recoveryStore.finishFromJournal(closing, 'REBUILDING', 4, BY);
    },
  ],
  [
    'unfreezeFromJournal',
    async () => {
      const { closing, journal } = await handedOver();
      await bench.recover(closing);
      const direct = await bench.authority.read();
      return (recoveryStore) => bench.late(direct, journal, 4, { recoveryStore, pageEntries: 1 });
    },
  ],
  [
    'acceptLoss, closed',
    async () => {
      const { closing } = await handedOver();
      return (recoveryStore) => bench.accept(closing, BY, recoveryStore);
    },
  ],
  [
    'acceptLoss, frozen',
    async () => {
      const { closing } = await handedOver();
      await bench.recover(closing);
      const direct = await bench.authority.read();
      return (recoveryStore) => bench.accept(direct, BY, recoveryStore);
    },
  ],
  [
    'activate',
    async () => {
      const { closing, journal } = await handedOver();
      await bench.flush(journal, closing.epoch);
      const rebuilding = await bench.recoveryStore.finishFromJournal(closing, 'REBUILDING', 4, BY);
      if (!rebuilding) throw new Error('the authority has moved');
      return (recoveryStore) => recoveryStore.activate(rebuilding, { ...SERVER, cacheEpoch: 4 }, BY);
    },
  ],
];

describe.each(steps)('%s', (_name, prepare) => {
  it('leads to the same result, whichever of its statements the connection dies before', async () => {
    const whole = await prepare();
    expect(await whole(bench.recoveryStore)).not.toBeNull();
    const expected = await bench.everything();
    let died = true;
    for (let at = 0; died; at++) {
      expect(at).toBeLessThan(STATEMENTS_MAX);
      interrupted.before = async () => {};
      await bench.begin(['pod', 'other']);
      const step = await prepare();
      const { epoch, mode } = await bench.authority.read();
      let statement = 0;
      interrupted.before = async (_now, connectionId) => {
        if (statement++ !== at) return;
        const killer = await createConnection(bench.db.url);
        await killer.query(`KILL ${connectionId}`);
        await killer.end();
      };
      const result = await step(new RecoveryStore(interrupted, LIMITS)).catch((error: unknown) => error);
      died = result instanceof Error;
      if (died) {
        expect(result).toMatchObject({ code: 'database_unavailable' });
        // An unfinished recovery does not open the ledger.
        expect(await bench.authority.read()).toMatchObject({ epoch, mode });
        expect(await step(bench.recoveryStore)).not.toBeNull();
      } else {
        expect(at).toBeGreaterThan(4);
        expect(result).not.toBeNull();
      }
      expect(await bench.everything()).toEqual(expected);
      // The reply to a commit was lost: the step is repeated, and finds that it has already been done.
      expect(await step(bench.recoveryStore)).toBeNull();
      expect(await bench.everything()).toEqual(expected);
    }
  }, 900_000);

  it('is done by one of two concurrent keepers, and the other finds that the authority has moved', async () => {
    const step = await prepare();
    const { epoch } = await bench.authority.read();
    const ends = await Promise.all(Array.from({ length: 4 }, () => step(bench.recoveryStore)));
    expect(ends.filter((end) => end === null)).toHaveLength(3);
    expect((await bench.authority.read()).epoch).toBe(epoch + 1);
  });
});

describe('Operations in flight', () => {
  const runs = async (statement: string) => {
    const rows = await bench.db.database.rows(
      'SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE ?',
      [statement],
    );
    return rows.length > 0;
  };
  const waits = () => runs('SELECT epoch%FROM authority WHERE ledger_id%FOR UPDATE');

  it('CLOSING waits for a flush in progress, and the recovery begins where that flush ended', async () => {
    const journal = await bench.journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada']);
    const { reached, open } = interrupted.pauseBefore(2);
    const flushing = new FlushStore(interrupted).commit(batchOf(except(journal, 2), 1, 0), 1);
    await reached;
    const closing = bench.closing();
    await until('CLOSING waits for the flush', waits);
    open();
    await flushing;
    const now = await closing;
    for (const podId of ['pod', 'other']) await bench.handOver(podId, journal, [], 2);
    expect(await bench.recover(now)).toMatchObject({ authority: { mode: 'DIRECT', cacheEpoch: null } });
    expect(await bench.transfers()).toEqual(['t1', 't2']);
  });

  it('a flush after CLOSING gets a cursor conflict, and so does a flush of the closing keeper after the recovery', async () => {
    const journal = await bench.journal(['t1', 'world', 'ada']);
    const batch = batchOf(journal, 1, 0);
    const closing = await bench.closing();
    await expect(bench.flushes.commit(batch, 1)).rejects.toThrow(CursorConflictError);
    for (const podId of ['pod', 'other']) await bench.handOver(podId, journal, [], 1);
    const { reached, open } = interrupted.pauseBefore(4);
    const recovering = bench.recover(closing, new RecoveryStore(interrupted));
    await reached;
    const flushing = bench.flushes.commit(batch, closing.epoch).catch((error: unknown) => error);
    open();
    expect(await recovering).toMatchObject({ authority: { mode: 'DIRECT' } });
    expect(await flushing).toBeInstanceOf(CursorConflictError);
    expect(await bench.transfers()).toEqual(['t1']);
  });

  it('if an earlier flush of the closing keeper moves the cursor, the recovery waits for it and continues from there', async () => {
    const journal = await bench.journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada']);
    const closing = await bench.closing();
    for (const podId of ['pod', 'other']) await bench.handOver(podId, journal, [], 2);
    const { reached, open } = interrupted.pauseBefore(3);
    const flushing = new FlushStore(interrupted).commit(batchOf(except(journal, 2), 1, 0), closing.epoch);
    await reached;
    const recovering = bench.recover(closing);
    await until('the recovery waits for the flush', () => runs('UPDATE flush_cursor SET seq%'));
    open();
    await flushing;
    expect(await recovering).toMatchObject({ authority: { mode: 'DIRECT', cacheEpoch: null } });
    expect(await bench.transfers()).toEqual(['t1', 't2']);
  });

  it('the recovery waits for a registration that commits before CLOSING', async () => {
    const { reached, open } = interrupted.pauseBefore(1);
    const registering = new AuthorityStore(interrupted).register('late', 1);
    await reached;
    const closing = bench.closing();
    await until('CLOSING waits for the registration', waits);
    for (const podId of ['pod', 'other']) await bench.handOver(podId, []);
    open();
    expect(await registering).toBe(true);
    expect(await bench.recover(await closing)).toEqual({ notHandedOver: ['late'] });
  });
});
