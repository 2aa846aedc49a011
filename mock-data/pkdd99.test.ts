import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Line, TransferLine } from './lines.ts';
import { importPkdd99, overdraftFor } from './pkdd99.ts';
import { type PkddRow, readDays } from './pkdd99-file.ts';
import { orderOfDay } from './pkdd99-order.ts';
import { collect, transfersOf } from './testing/banks.ts';

const HEADER = '"trans_id";"account_id";"date";"type";"operation";"amount";"balance";"k_symbol";"bank";"account"';

/**
 * Written by hand in this format. Account 7: two rows on 3 January that fit only in reverse order, and interest that
 * the bank rounded. Account 9 is overdrawn.
 */
const ROWS = [
  '1;7;930101;"PRIJEM";"VKLAD";1000.00;1000.00;"";;',
  '2;9;930102;"PRIJEM";"PREVOD Z UCTU";500.00;500.00;"DUCHOD";"AB";"41403269"',
  '4;7;930103;"VYDAJ";"VYBER";1400.00;100.50;" ";;',
  '3;7;930103;"PRIJEM";"PREVOD Z UCTU";500.50;1500.50;"";"YZ";"1"',
  '5;9;930104;"VYDAJ";"PREVOD NA UCET";800.20;-300.20;"SIPO";"QR";"2"',
  '6;9;930105;"VYBER";"VYBER";14.60;-314.80;"SANKC. UROK";;',
  '7;9;930106;"VYDAJ";"VYBER KARTOU";10.00;-324.80;"";;',
  '8;7;930131;"PRIJEM";"";3.40;103.80;"UROK";;',
];

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pkdd99-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function file(rows: readonly string[], header = HEADER): Promise<string> {
  const path = join(dir, 'trans.asc');
  await writeFile(path, `${[header, ...rows].join('\r\n')}\r\n`, 'latin1');
  return path;
}

describe('importPkdd99', () => {
  it('opens each account and each counterparty, with the overdraft limit that the history needs', async () => {
    const { lines, survey, transfersTotal } = await importPkdd99(await file(ROWS));
    const accounts = (await collect({ lines, transfersTotal })).filter(
      (line): line is Extract<Line, { kind: 'account' }> => line.kind === 'account',
    );
    expect(transfersTotal).toBe(8);
    expect(accounts.map((line) => line.body.accountId).sort()).toEqual(
      [
        'pkdd-7',
        'pkdd-9',
        'pkdd-x-bank-AB',
        'pkdd-x-bank-QR',
        'pkdd-x-bank-YZ',
        'pkdd-x-cards',
        'pkdd-x-cash',
        'pkdd-x-interest',
        'pkdd-x-penalty-interest',
      ].sort(),
    );
    const limits = accounts.filter((line) => line.body.overdraftLimit !== undefined);
    expect(limits.map((line) => [line.body.accountId, line.body.overdraftLimit])).toEqual([['pkdd-9', '400.00']]);
    expect([...survey.accounts.values()].map(overdraftFor)).toEqual([0, 400_00]);
  });

  it("turns each row into a transfer, in the bank's order", async () => {
    const transfers = transfersOf(await collect(await importPkdd99(await file(ROWS))));
    expect(transfers.map((line) => line.body.transactionId)).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((id) => `pkdd99-${id}`),
    );
    const fifth: TransferLine = {
      kind: 'transfer',
      expect: 'POSTED',
      order: 'source',
      recorded: '-300.20',
      body: {
        transactionId: 'pkdd99-5',
        sourceAccount: 'pkdd-9',
        destinationAccount: 'pkdd-x-bank-QR',
        amount: '800.20',
        currency: 'CZK',
        timestamp: '1993-01-04T00:00:00.000Z',
        reference: 'Bank QR',
        metadata: { type: 'VYDAJ', operation: 'PREVOD NA UCET', kSymbol: 'SIPO', bank: 'QR', account: '2' },
      },
    };
    expect(transfers[4]).toEqual(fifth);
    expect(transfers[7]).toMatchObject({
      order: 'destination',
      body: { sourceAccount: 'pkdd-x-interest', metadata: { kSymbol: 'UROK' } },
    });
  });

  it("reports the bank's roundings, and keeps the exact sum alongside them", async () => {
    const { survey } = await importPkdd99(await file(ROWS));
    expect(survey.roundings).toEqual(
      new Map([
        [0, 7],
        [-10, 1],
      ]),
    );
    expect(survey.accounts.get('7')).toMatchObject({ balance: 103_90, recorded: 103_80, lowest: 0 });
  });

  it('takes only the first accounts if requested', async () => {
    const source = await importPkdd99(await file(ROWS), 1);
    expect(source.transfersTotal).toBe(4);
    expect(transfersOf(await collect(source)).map((line) => line.body.transactionId)).toEqual(
      [1, 3, 4, 8].map((id) => `pkdd99-${id}`),
    );
  });

  it('rejects a file in another format, and reports where', async () => {
    await expect(importPkdd99(await file(ROWS, '"a";"b"'))).rejects.toThrow('does not begin with the columns');
    await expect(importPkdd99(await file([...ROWS, ...ROWS.slice(0, 1)]))).rejects.toThrow(':10 has an earlier day');
    await expect(importPkdd99(await file(['1;7;931301;"PRIJEM";"";1.00;1.00;"";;']))).rejects.toThrow(
      ':2: "931301" is not a date',
    );
    await expect(importPkdd99(await file(['1;7;930101;"OTHER";"";1.00;1.00;"";;']))).rejects.toThrow(
      'unknown type "OTHER"',
    );
    await expect(importPkdd99(await file(['1;7;930101;"PRIJEM";"";1,00;1.00;"";;']))).rejects.toThrow(
      '"1,00" is not an amount',
    );
    await expect(importPkdd99(await file(['1;7;930101;"PRIJEM";1.00']))).rejects.toThrow(':2: 5 fields instead of 10');
    await expect(importPkdd99(await file(['1;7;930101;"PRIJEM']))).rejects.toThrow('Quote');
    await expect(importPkdd99(join(dir, 'missing.asc'))).rejects.toThrow('ENOENT');
  });

  it('reads quotes and semicolons within them', async () => {
    const path = await file(['1;2;930101;"PRIJEM";"A;B ""C""";1.5;2.00;" ";"ST";"x"']);
    const days = [];
    for await (const day of readDays(path)) days.push(day);
    const row = { operation: 'A;B "C"', amount: 150, balance: 200, kSymbol: '', bank: 'ST', account: 'x' };
    expect(days).toEqual([[expect.objectContaining(row)]]);
  });
});

describe('orderOfDay', () => {
  const row = (transId: number, amount: number, balance: number): PkddRow => ({
    transId: String(transId),
    accountId: '1',
    dayMs: 0,
    type: amount < 0 ? 'VYDAJ' : 'PRIJEM',
    operation: '',
    amount: Math.abs(amount),
    balance,
    kSymbol: '',
    bank: '',
    account: '',
  });
  const ids = (rows: readonly PkddRow[]) => rows.map((each) => Number(each.transId));

  it('follows the recorded balances, even if a debit comes first', () => {
    expect(ids(orderOfDay([row(1, 300, 350), row(2, -50, 50)], 100))).toEqual([2, 1]);
    expect(ids(orderOfDay([row(3, -50, 0), row(1, 10, 60), row(2, -10, 50)], 50))).toEqual([1, 2, 3]);
  });

  it('puts credits first if the balances are inconclusive', () => {
    expect(ids(orderOfDay([row(1, -5, 5), row(2, 5, 5)], 5))).toEqual([2, 1]);
  });

  it('follows the chain on a day with too many rows to try all orders', () => {
    const rows = Array.from({ length: 12 }, (_, index) => row(index, 100 + index, 0));
    let balance = 0;
    const booked = rows.map((each) => {
      balance += each.amount;
      return { ...each, balance };
    });
    expect(ids(orderOfDay(booked.toReversed(), 0))).toEqual(ids(booked));
  });
});
