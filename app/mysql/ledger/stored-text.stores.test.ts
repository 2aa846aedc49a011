import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TransferOrder } from '../../domain/types.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import { ACCEPTED_AT, account, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { integer, moment, momentOrNull, text, textOrNull } from '../connection/sql.ts';
import { outcomeOfRow, type TransferRow } from '../rows/transfer-row.ts';
import { migratedDatabase, openIn, type TestDatabase } from '../testing/test-database.ts';
import { FlushStore } from './flush-store.ts';
import { LedgerReader } from './ledger-reader.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(() => db.reset());

const NASTY = `O'Neil "quoted" back\\slash %_ ; -- \0 \x1a \r\n \t 👩‍👩‍👧 ﷽ \u202e ' OR 1=1`;

describe('Text in a literal', () => {
  it('is read as it was written, with any content', async () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom("'", '"', '\\', '\0', '\n', '%', '\x1a', '😀', 'a') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyText, { minLength: 1, maxLength: 20 }), async (texts) => {
        const [row] = await db.database.rows<Record<string, string>>(
          `SELECT ${texts.map((one, n) => `${text(one)} AS c${n}`)}`,
        );
        expect(Object.values(row ?? {})).toEqual(texts);
      }),
      { numRuns: 60 },
    );
  });
  it('is NULL for null; integers and times are exact or rejected', () => {
    expect(textOrNull(null)).toBe('NULL');
    expect(textOrNull('x')).toBe("'x'");
    expect(integer(-Number.MAX_SAFE_INTEGER)).toBe('-9007199254740991');
    for (const wrong of [0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => integer(wrong)).toThrow(RangeError);
    expect(moment(1)).toBe("'1970-01-01T00:00:00.001'");
    expect(momentOrNull(null)).toBe('NULL');
    expect(momentOrNull(1)).toBe("'1970-01-01T00:00:00.001'");
  });
});

describe('Data that the flush writes', () => {
  async function flushed(one: TransferOrder, accounts = [account('world'), account('ada')]) {
    const epoch = await modelEpoch(accounts);
    await openIn(db.database, accounts);
    await epoch.apply(one);
    const batch = batchOf(await epoch.entries(), 1, 0);
    await new FlushStore(db.database).commit(batch, 1);
    const { outcomes } = await new LedgerReader(db.database).findOutcomes([one.transactionId]);
    return outcomes.get(one.transactionId);
  }

  it('is read back byte for byte: quotes, backslashes, emoji, NUL', async () => {
    const one = order('nasty', {
      user: NASTY.slice(0, 60),
      reference: NASTY,
      metadata: { [NASTY.slice(0, 30)]: NASTY, '': '', __proto__x: '\\\\' },
      timestamp: ACCEPTED_AT - 1,
      kind: 'reversal',
      reverses: 'an.id:of-64',
    });
    const outcome = await flushed(one);
    expect(outcome?.order).toEqual(one);
    expect(outcome?.acceptedAt).toBe(ACCEPTED_AT);
    const [row] = await db.database.rows<{ hex: string }>('SELECT HEX(reference) AS hex FROM transfers');
    expect(row?.hex).toBe(Buffer.from(NASTY, 'utf8').toString('hex').toUpperCase());
  });

  it('includes the largest values that the API accepts', async () => {
    const one = order('x'.repeat(64), {
      amount: Number.MAX_SAFE_INTEGER,
      reference: '😀'.repeat(140),
      correlationId: 'c'.repeat(128),
    });
    expect((await flushed(one))?.order).toEqual(one);
  });

  it('distinguishes ids of accounts and of transactions that differ only in case', async () => {
    const accounts = [account('world'), account('abc'), account('ABC')];
    const epoch = await modelEpoch(accounts);
    await openIn(db.database, accounts);
    await epoch.apply(order('tx', { destination: 'abc', amount: 1 }), order('TX', { destination: 'ABC', amount: 20 }));
    await new FlushStore(db.database).commit(batchOf(await epoch.entries(), 1, 0), 1);
    const reader = new LedgerReader(db.database);
    const found = (await reader.loadAccounts(['abc', 'ABC'])).accounts;
    expect([found.get('abc')?.balance, found.get('ABC')?.balance]).toEqual([1, 20]);
    const { outcomes } = await reader.findOutcomes(['tx', 'TX', 'Tx']);
    expect([...outcomes.keys()].sort()).toEqual(['TX', 'tx']);
  });
});

describe('An invalid stored outcome', () => {
  const row = {
    status: 'POSTED',
    kind: 'TRANSFER',
    accepted_at: new Date(0),
    metadata: null,
    client_timestamp: null,
    counted: 0,
    refused_by: null,
  };
  it('causes an error and is never returned', () => {
    expect(() => outcomeOfRow({ ...row, source_balance: 1, source_version: null } as TransferRow)).toThrow(
      'lacks a side',
    );
    expect(() => outcomeOfRow({ ...row, status: 'REJECTED', refusal: 'mood' } as TransferRow)).toThrow('refusal mood');
  });
});
