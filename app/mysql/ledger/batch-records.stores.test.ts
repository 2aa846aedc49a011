import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { BatchFull, type BatchItem, type BatchState } from '../../ledger/ports/batch-records.ts';
import { InterruptedDatabase, migratedDatabase, poolOptions, type TestDatabase } from '../testing/test-database.ts';
import { SqlBatchRecords } from './batch-records.ts';
import { BatchRetention } from './batch-retention.ts';

const BATCH = { postedBy: 'ada', batchId: 'b' };

let db: TestDatabase;
let interrupted: InterruptedDatabase;
let records: SqlBatchRecords;
/** A busy machine may take longer than a client would wait. */
const patient = { clock: systemClock, recordMsMax: 600_000 };
beforeAll(async () => {
  db = await migratedDatabase();
  interrupted = new InterruptedDatabase(poolOptions(db.url));
});
afterAll(async () => {
  await interrupted[Symbol.asyncDispose]();
  await db.drop();
});
beforeEach(async () => {
  await db.reset();
  interrupted.before = async () => {};
  records = new SqlBatchRecords({ ...patient, database: db.database });
});

const PROBLEM = { code: 'account_not_found', detail: `no "account" 'ä\\😀` } as const;
function item(transactionId: string, state: BatchState): BatchItem {
  if (state === 'POSTED') return { transactionId, state };
  return { transactionId, state, problem: PROBLEM, ...(state !== 'REJECTED' && { sourceAccount: 'a' }) };
}
const page = (state: BatchState | null = null, afterTransactionId = '', limit = 1000) =>
  records.items(BATCH, { state, afterTransactionId, limit });
const idsOf = (items: readonly BatchItem[]) => items.map(({ transactionId }) => transactionId);
const counts = async () => (await records.summary(BATCH))?.counts;
const NONE = { POSTED: 0, REJECTED: 0, FAILED: 0, UNDECIDED: 0 };

describe('A record of a batch', () => {
  it('contains every item with its outcome', async () => {
    const errors = [{ pointer: '/amount', detail: 'must be a string' }];
    const items: BatchItem[] = [
      item('posted', 'POSTED'),
      item('rejected', 'REJECTED'),
      { transactionId: 'failed', state: 'FAILED', problem: { ...PROBLEM, errors } },
      item('undecided', 'UNDECIDED'),
    ];
    const before = Date.now() - 1;
    await records.record(BATCH, items);
    const recorded = await page();
    expect(recorded).toMatchObject([...items].sort((a, b) => (a.transactionId < b.transactionId ? -1 : 1)));
    for (const { recordedAt } of recorded) expect(recordedAt).toBeGreaterThan(before - 1_000);
    expect(await records.summary(BATCH)).toMatchObject({ counts: { POSTED: 1, REJECTED: 1, FAILED: 1, UNDECIDED: 1 } });
  });

  it('counts an item once, however often it is recorded', async () => {
    for (let time = 0; time < 3; time++) await records.record(BATCH, [item('t', 'POSTED'), item('u', 'FAILED')]);
    expect(await counts()).toEqual({ ...NONE, POSTED: 1, FAILED: 1 });
  });

  const STATES: BatchState[] = ['POSTED', 'REJECTED', 'FAILED', 'UNDECIDED'];
  it.each(STATES.flatMap((before) => STATES.map((after): [BatchState, BatchState] => [before, after])))(
    'with an item that is %s, and is then recorded as %s, never loses an outcome',
    async (before, after) => {
      await records.record(BATCH, [item('t', before)]);
      await records.record(BATCH, [item('t', after)]);
      const isOutcome = (state: BatchState) => state === 'POSTED' || state === 'REJECTED';
      const wanted = isOutcome(before) && !isOutcome(after) ? before : after;
      expect(await page()).toMatchObject([item('t', wanted)]);
      expect((await page())[0]).toEqual({ ...item('t', wanted), recordedAt: expect.any(Number) });
      expect(await counts()).toEqual({ ...NONE, [wanted]: 1 });
    },
  );

  it('belongs to its user; ids and users are compared byte by byte', async () => {
    await records.record(BATCH, [item('t', 'POSTED'), item('T', 'FAILED')]);
    for (const other of [
      { ...BATCH, postedBy: 'Ada' },
      { ...BATCH, postedBy: 'ada ' },
      { ...BATCH, batchId: 'B' },
    ]) {
      expect(await records.summary(other)).toBeNull();
      expect(await records.items(other, { state: null, afterTransactionId: '', limit: 10 })).toEqual([]);
    }
    expect(await counts()).toEqual({ ...NONE, POSTED: 1, FAILED: 1 });
  });

  it('is read in pages, optionally only the items in one state', async () => {
    const items = Array.from({ length: 1000 }, (_, i) =>
      item(`t${String(i).padStart(4, '0')}`, i % 10 === 0 ? 'FAILED' : 'POSTED'),
    );
    await records.record(BATCH, items);
    expect(idsOf(await page(null, 't0500', 3))).toEqual(['t0501', 't0502', 't0503']);
    expect(idsOf(await page('FAILED', 't0500', 3))).toEqual(['t0510', 't0520', 't0530']);
    expect(await page('FAILED')).toHaveLength(100);
    expect(await page('UNDECIDED')).toEqual([]);
  });

  it('is exact when many calls record the same items at the same time', async () => {
    const some = (offset: number, state: BatchState) =>
      Array.from({ length: 200 }, (_, i) => item(`t${(i + offset) % 300}`, state));
    await Promise.all(
      Array.from({ length: 12 }, (_, i) => records.record(BATCH, some(i * 50, i % 3 === 0 ? 'POSTED' : 'FAILED'))),
    );
    const recorded = await page();
    expect(recorded).toHaveLength(300);
    const posted = recorded.filter(({ state }) => state === 'POSTED').length;
    expect(await counts()).toEqual({ ...NONE, POSTED: posted, FAILED: 300 - posted });
    // Items that were recorded as posted at least once are posted: 0 to 199, and, through the other offsets, all
    // others.
    expect(posted).toBe(300);
  });

  it('contains all items of a request or none, whichever statement fails', async () => {
    const failing = new SqlBatchRecords({ ...patient, database: interrupted });
    let statements = 0;
    interrupted.before = async (statement) => {
      statements = Math.max(statements, statement + 1);
    };
    await failing.record({ ...BATCH, batchId: 'probe' }, [item('t', 'POSTED')]);
    expect(statements).toBe(5);
    for (let failed = 0; failed < statements; failed++) {
      interrupted.before = async (statement) => {
        if (statement === failed) throw new Error('died');
      };
      await expect(failing.record(BATCH, [item('t', 'POSTED'), item('u', 'FAILED')])).rejects.toThrow('died');
      expect(await records.summary(BATCH)).toBeNull();
      expect(await page()).toEqual([]);
    }
  });

  it('remains unchanged if it would get too many items', async () => {
    const small = new SqlBatchRecords({ ...patient, database: db.database, itemsMax: 3 });
    await small.record(BATCH, [item('1', 'POSTED'), item('2', 'FAILED')]);
    await expect(small.record(BATCH, [item('3', 'POSTED'), item('4', 'POSTED')])).rejects.toThrow(BatchFull);
    expect(await counts()).toEqual({ ...NONE, POSTED: 1, FAILED: 1 });
    // The items that it already contains can still change.
    await small.record(BATCH, [item('2', 'POSTED'), item('3', 'POSTED')]);
    expect(await counts()).toEqual({ ...NONE, POSTED: 3 });
  });
});

describe('Recording', () => {
  it('is abandoned after a short time, and only a few writes are ever in progress', async () => {
    const paused = interrupted.pauseBefore(0);
    // Sleeping takes no time on this clock, so a write that has to wait times out at once.
    const hurried = new SqlBatchRecords({ database: interrupted, clock: new TestClock() });
    const writes = Array.from({ length: 4 }, (_, i) => hurried.record(BATCH, [item(`t${i}`, 'POSTED')]));
    for (const write of writes) await expect(write).rejects.toMatchObject({ code: 'database_unavailable' });
    await paused.reached;
    const fifth = hurried.record(BATCH, [item('t4', 'POSTED')]);
    await expect(fifth).rejects.toMatchObject({ code: 'database_unavailable' });
    paused.open();
    // Writes that were abandoned in progress may still be recorded; the one that never began is not.
    await until('they are recorded', async () => (await counts())?.POSTED === 4);
    expect(idsOf(await page())).not.toContain('t4');
  });
});

describe('Expired records', () => {
  const idle = (hours: number, batchId = BATCH.batchId) =>
    db.database.rows('UPDATE transfer_batches SET last_recorded_at = NOW(3) - INTERVAL ? HOUR WHERE batch_id = ?', [
      hours,
      batchId,
    ]);
  const left = async () => {
    const [batches] = await db.database.rows<{ n: number }>('SELECT COUNT(*) AS n FROM transfer_batches');
    const [items] = await db.database.rows<{ n: number }>('SELECT COUNT(*) AS n FROM batch_items');
    return { batches: Number(batches?.n), items: Number(items?.n) };
  };
  const rounds = async (limits: { keptDays: number; itemsMax: number }, times: number) => {
    const retention = new BatchRetention(db.database, limits);
    for (let time = 0; time < times; time++) await retention.round();
  };
  const many = (count: number) => Array.from({ length: count }, (_, i) => item(`t${i}`, 'POSTED'));

  it('disappear as a whole, but their items are deleted a few at a time', async () => {
    for (let part = 0; part < 3; part++) await records.record(BATCH, many(3_000).slice(part * 1000, (part + 1) * 1000));
    await records.record({ ...BATCH, batchId: 'young' }, [item('t', 'POSTED')]);
    await idle(2 * 24 + 1);
    await idle(2 * 24 - 1, 'young');
    await rounds({ keptDays: 2, itemsMax: 1e9 }, 1);
    expect(await records.summary(BATCH)).toBeNull();
    expect(await page()).toEqual([]);
    expect(await left()).toEqual({ batches: 2, items: 3_001 });
    // The id is free for another batch, which has only its own items.
    await records.record(BATCH, [item('t1', 'FAILED')]);
    await rounds({ keptDays: 2, itemsMax: 1e9 }, 1);
    expect(await left()).toEqual({ batches: 3, items: 1_002 });
    await rounds({ keptDays: 2, itemsMax: 1e9 }, 5);
    expect(await left()).toEqual({ batches: 2, items: 2 });
    expect(await page()).toMatchObject([{ transactionId: 't1', state: 'FAILED' }]);
  });

  it('are removed faster than a busy user can make batches of one transfer each', async () => {
    for (let i = 0; i < 300; i++) await records.record({ ...BATCH, batchId: `b${i}` }, [item('t', 'POSTED')]);
    await db.database.rows('UPDATE transfer_batches SET last_recorded_at = NOW(3) - INTERVAL 99 HOUR');
    await rounds({ keptDays: 2, itemsMax: 1e9 }, 4);
    expect(await left()).toEqual({ batches: 0, items: 0 });
  });

  it('leave no more items than there is room for, and remove no more than necessary', async () => {
    for (const [i, size] of [4, 3, 2, 1].entries()) {
      await records.record({ ...BATCH, batchId: `b${i}` }, many(size));
      await idle(90 - i, `b${i}`);
    }
    await rounds({ keptDays: 90, itemsMax: 5 }, 4);
    expect(await left()).toEqual({ batches: 2, items: 3 });
    expect(await records.summary({ ...BATCH, batchId: 'b2' })).not.toBeNull();
  });

  it('are removed within about a minute, even if there was still room when the items were last counted', async () => {
    const retention = new BatchRetention(db.database, { keptDays: 90, itemsMax: 5 });
    await retention.round();
    await records.record(BATCH, many(10));
    await idle(50);
    // A round every two seconds, and one more that removes the expired records.
    for (let round = 0; round <= 30; round++) await retention.round();
    expect(await left()).toEqual({ batches: 0, items: 0 });
  });

  it('include those idle for longest if there are too many items, but none from the last day', async () => {
    for (const [batchId, hours] of [
      ['old', 50],
      ['older', 60],
      ['fresh', 23],
    ] as const) {
      await records.record({ ...BATCH, batchId }, many(10));
      await idle(hours, batchId);
    }
    await rounds({ keptDays: 90, itemsMax: 25 }, 4);
    expect(await records.summary({ ...BATCH, batchId: 'older' })).toBeNull();
    expect(await left()).toEqual({ batches: 2, items: 20 });
    await rounds({ keptDays: 90, itemsMax: 5 }, 8);
    expect(await left()).toEqual({ batches: 1, items: 10 });
    expect(await records.summary({ ...BATCH, batchId: 'fresh' })).not.toBeNull();
  });
});
