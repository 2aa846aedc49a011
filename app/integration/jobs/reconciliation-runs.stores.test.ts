import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { faultOf } from '../../jobs/check-history.ts';
import type { HistoryRow } from '../../jobs/ledger-history.ts';
import { BooksBench } from '../testing/books-bench.ts';

let bench: BooksBench;
beforeAll(async () => {
  bench = await BooksBench.start();
});
afterAll(() => bench.stop());
beforeEach(() => bench.reset());

describe('A reconciliation', () => {
  it('runs one at a time: requests during a run get its report, and later ones get a new report', async () => {
    const reconciliation = bench.reconciliation();
    const [first, second] = await Promise.all([reconciliation.run(), reconciliation.run()]);
    expect(second).toBe(first);
    const third = await reconciliation.run();
    expect(third).not.toBe(first);
    expect(await bench.db.database.rows('SELECT 1 FROM reconciliations')).toHaveLength(2);
  });

  it('is saved as reported', async () => {
    await bench.tamperCache('ada', { balance: 7 });
    const report = await bench.reconciliation().run();
    const rows = await bench.db.database.rows<{ clean: number; report: string; started_at: Date; finished_at: Date }>(
      'SELECT clean, report, started_at, finished_at FROM reconciliations',
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      clean: 0,
      started_at: new Date(report.startedAt),
      finished_at: new Date(report.finishedAt),
    });
    expect(JSON.parse(rows[0]?.report ?? '')).toEqual(report);
  });

  it('is exported as metrics: the accounts that differ, the absolute difference by currency, and the time of the last success', async () => {
    await bench.tamperCache('ada', { balance: 1357 });
    await bench.tamperCache('bob', { balance: 145 });
    await bench.reconciliation().run();
    const text = await bench.context.process.metrics.text();
    expect(text).toContain('holdfast_reconciliation_drift_accounts 2');
    expect(text).toContain('holdfast_reconciliation_drift_minor_units{currency="EUR"} 12');
    expect(text).toMatch(
      /holdfast_reconciliation_last_success_timestamp_seconds 1\.\d+e\+?9|holdfast_reconciliation_last_success_timestamp_seconds \d{10}/,
    );
  });

  it('that fails reports the error to its caller, and the next request starts another one', async () => {
    const reconciliation = bench.reconciliation();
    const rows = vi.spyOn(bench.context.database, 'rows').mockRejectedValueOnce(new Error('MySQL is unavailable'));
    await expect(reconciliation.run()).rejects.toThrow('unavailable');
    rows.mockRestore();
    expect(await reconciliation.run()).toMatchObject({ clean: true });
  });
});

describe('The history of an account', () => {
  const whole: HistoryRow = {
    accountId: 'a',
    currency: 'EUR',
    balance: '600',
    held: '40',
    version: 3,
    postings: 2,
    holdEvents: 1,
    versionMax: 3,
    versionSum: '6',
    versionSquareSum: '14',
    amountSum: '600',
    heldSum: '40',
    openHolds: '40',
  };
  it('is consistent if it adds up and its versions are 1, 2, …', () => {
    expect(faultOf(whole)).toBeNull();
    const none = {
      balance: '0',
      held: '0',
      version: 0,
      postings: 0,
      holdEvents: 0,
      versionMax: 0,
      versionSum: '0',
      versionSquareSum: '0',
      amountSum: '0',
      heldSum: '0',
      openHolds: '0',
    };
    expect(faultOf({ ...whole, ...none })).toBeNull();
  });
  it.each<[string, Partial<HistoryRow>]>([
    ['there are too few postings', { postings: 1 }],
    ['there are too many', { postings: 3 }],
    ['an event of a hold is missing', { holdEvents: 0 }],
    ['the last version differs', { versionMax: 4 }],
    ['the sum of the versions differs', { versionSum: '7' }],
    ['the sum of their squares differs', { versionSquareSum: '15' }],
    ['the account has a later version', { version: 4 }],
  ])('is inconsistent if %s', (_what, change) => {
    expect(faultOf({ ...whole, ...change })).toMatchObject({ minorUnits: 0 });
  });
  it('is inconsistent if the held amount is one minor unit off', () => {
    expect(faultOf({ ...whole, heldSum: '41' })).toEqual({
      what: 'holds an amount that differs from the sum of its hold events and captures',
      minorUnits: -1,
    });
    expect(faultOf({ ...whole, openHolds: '39' })).toEqual({
      what: 'holds an amount that differs from the sum of its open holds',
      minorUnits: 1,
    });
  });
  it('adds up exactly, beyond the range of a float', () => {
    const sums = { balance: '9007199254740993', amountSum: '9007199254740992' };
    expect(faultOf({ ...whole, ...sums })).toEqual({
      what: 'has a balance that differs from the sum of its postings',
      minorUnits: 1,
    });
    const version = 3_000_000_000;
    const n = BigInt(version);
    const large = {
      holdEvents: 0,
      versionSum: String((n * (n + 1n)) / 2n),
      versionSquareSum: String((n * (n + 1n) * (2n * n + 1n)) / 6n),
    };
    expect(faultOf({ ...whole, version, postings: version, versionMax: version, ...large })).toBeNull();
    expect(
      faultOf({
        ...whole,
        version,
        postings: version,
        versionMax: version,
        ...large,
        versionSum: String((n * (n + 1n)) / 2n + 1n),
      }),
    ).not.toBeNull();
  });
});
