import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeOrders,
  decodeRecord,
  encodeOrder,
  encodeRecord,
  RECORD_BYTES,
  RecordStatus,
  type ResultRecord,
} from './codec.ts';
import { BATCH_TRACES_MAX, batchOf, IntegrityError } from './flush-batch.ts';
import type { JournalEntry } from './journal-entry.ts';
import { ACCEPTED_AT, account, modelEpoch, order } from './testing/epoch-under-test.ts';

const ACCOUNTS = [account('world'), account('ada'), account('bob')];
const CHANGE_ID = '01890000-0000-7000-8000-000000000001';

/** Three entries: one with two transfers, one with an account change, one with a transfer and a refusal. */
async function anyJournal(): Promise<JournalEntry[]> {
  const epoch = await modelEpoch(ACCOUNTS);
  await epoch.apply(order('t1', { amount: 500 }), order('t2', { source: 'ada', destination: 'bob', amount: 120 }));
  await epoch.change(CHANGE_ID, 'ada', { status: 'FROZEN', overdraftLimit: 7 });
  await epoch.apply(order('t3', { destination: 'bob', amount: 5 }), order('t4', { source: 'ada', destination: 'bob' }));
  return epoch.entries();
}

/** The journal with one record of one entry replaced. */
function tampered(journal: JournalEntry[], at: number, record: number, change: Partial<ResultRecord>): JournalEntry[] {
  return journal.map((entry, index) => {
    if (index !== at) return entry;
    const records = Buffer.from(entry.records);
    encodeRecord({ ...decodeRecord(records, record * RECORD_BYTES), ...change }).copy(records, record * RECORD_BYTES);
    return { ...entry, records };
  });
}

describe('batchOf', () => {
  it('collects outcomes, changes, the last seq, and every account before and after', async () => {
    const batch = batchOf(await anyJournal(), 1, 0);
    expect(batch).toMatchObject({ epoch: 1, afterSeq: 0, lastSeq: 5, idTimeMax: 0x018900000000 });
    expect(batch.outcomes.map(({ seq, status }) => [seq, status])).toEqual([
      [1, 'POSTED'],
      [2, 'POSTED'],
      [4, 'POSTED'],
      [5, 'REJECTED'],
    ]);
    expect(batch.changes).toMatchObject([
      { seq: 3, changeId: CHANGE_ID, accountId: 'ada', status: 'FROZEN', overdraftLimit: 7, settingsVersion: 2 },
    ]);
    expect(batch.moves).toEqual([
      {
        accountId: 'ada',
        currency: 'EUR',
        previousBalance: 0,
        previousVersion: 0,
        balance: 380,
        version: 2,
        acceptedAt: ACCEPTED_AT,
      },
      {
        accountId: 'bob',
        currency: 'EUR',
        previousBalance: 0,
        previousVersion: 0,
        balance: 125,
        version: 2,
        acceptedAt: ACCEPTED_AT,
      },
      {
        accountId: 'world',
        currency: 'EUR',
        previousBalance: 0,
        previousVersion: 0,
        balance: -505,
        version: 2,
        acceptedAt: ACCEPTED_AT,
      },
    ]);
  });

  it('is empty, and ends at the cursor, if there are no entries', () => {
    expect(batchOf([], 3, 9)).toMatchObject({ afterSeq: 9, lastSeq: 9, outcomes: [], moves: [] });
  });

  it('throws an IntegrityError if a seq is missing before, between or within the entries', async () => {
    const journal = await anyJournal();
    const [first, second, third] = journal as [JournalEntry, JournalEntry, JournalEntry];
    for (const [entries, afterSeq] of [
      [[second, third], 0],
      [[first, third], 0],
      [journal, 1],
      [[second, first], 2],
      [tampered(journal, 2, 1, { seq: 6 }), 0],
      [tampered(journal, 1, 0, { seq: 4 }), 0],
    ] as const) {
      expect(() => batchOf(entries, 1, afterSeq)).toThrow(IntegrityError);
    }
  });

  it.each<[string, Partial<ResultRecord>]>([
    ['a version is skipped', { version: 3 }],
    ['a version is repeated', { version: 1 }],
    ['the version of the other side is skipped', { otherVersion: 3 }],
    ['balances do not add up', { balance: -504 }],
    ['balances of the other side do not add up', { otherBalance: 126 }],
  ])('throws an IntegrityError if %s within the batch', async (_what, change) => {
    const journal = tampered(await anyJournal(), 2, 0, change);
    expect(() => batchOf(journal, 1, 0)).toThrow(IntegrityError);
  });

  it('collects each trace of its outcomes once, up to the limit; traces change nothing else in the batch', async () => {
    const epoch = await modelEpoch(ACCOUNTS);
    const orders = Array.from({ length: 300 }, (_, n) => order(`t${n}`));
    await epoch.apply(...orders);
    const plain = await epoch.entries();
    const tracesOf = (traceOf: (n: number) => string | null) => {
      const traced = plain.map((entry) => {
        const items = decodeOrders(entry.payload).map(({ order: one, takenAt }, index) =>
          encodeOrder(one, takenAt, traceOf(entry.firstSeq - 1 + index)),
        );
        return { ...entry, payload: `[${items.join(',')}]` };
      });
      const { traces, ...rest } = batchOf(traced, 1, 0);
      expect({ ...rest, traces: new Set() }).toEqual(batchOf(plain, 1, 0));
      return [...traces];
    };
    const trace = (n: number) => `00-${String(n + 1).padStart(32, '0')}-${'b'.repeat(16)}-01`;
    expect(tracesOf((n) => (n % 2 === 0 ? trace(n % 4) : null))).toEqual([trace(0), trace(2)]);
    expect(tracesOf(trace)).toEqual(Array.from({ length: BATCH_TRACES_MAX }, (_, n) => trace(n)));
  });

  it('throws an IntegrityError if an account changes its currency', async () => {
    const journal = await anyJournal();
    const entries = journal.map((entry, n) =>
      n === 2 ? { ...entry, payload: entry.payload.replaceAll('EUR', 'JPY') } : entry,
    );
    expect(() => batchOf(entries, 1, 0)).toThrow(IntegrityError);
  });

  it('rejects an unknown status', async () => {
    const journal = tampered(await anyJournal(), 1, 0, { otherSettingsVersion: 9 });
    expect(() => batchOf(journal, 1, 0)).toThrow(RangeError);
  });

  it('omits items without an outcome in their call', async () => {
    const epoch = await modelEpoch(ACCOUNTS);
    await epoch.apply(order('t1'));
    await epoch.apply(order('t1'), order('t2'), order('t3', { destination: 'nobody' }));
    expect(batchOf(await epoch.entries(), 1, 0).outcomes.map(({ order: { transactionId } }) => transactionId)).toEqual([
      't1',
      't2',
    ]);
  });

  it('detects any single changed number of a posting if an account occurs twice', async () => {
    const epoch = await modelEpoch(ACCOUNTS);
    for (let n = 0; n < 4; n++) await epoch.apply(order(`t${n}`, { amount: n + 1 }));
    const journal = await epoch.entries();
    const fields = ['balance', 'version', 'otherBalance', 'otherVersion', 'seq'] as const;
    fc.assert(
      fc.property(fc.nat(3), fc.constantFrom(...fields), fc.integer({ min: -3, max: 3 }), (at, field, by) => {
        fc.pre(by !== 0);
        const existing = decodeRecord(journal[at]?.records ?? Buffer.alloc(0), 0);
        expect(() => batchOf(tampered(journal, at, 0, { [field]: existing[field] + by }), 1, 0)).toThrow(
          IntegrityError,
        );
      }),
    );
  });

  it('ignores a record without an outcome, so the next batch reports its seq as missing', async () => {
    const journal = tampered(await anyJournal(), 0, 1, { status: RecordStatus.MISSING });
    expect(() => batchOf(journal, 1, 0)).toThrow('seq 3 follows 1');
  });
});
