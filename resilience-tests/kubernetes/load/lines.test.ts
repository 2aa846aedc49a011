import { describe, expect, it } from 'vitest';
import { figuresOf, successesPerSecond } from './figures.ts';
import { historyOf, type Line, type TransferLine } from './lines.ts';

const POSTED = {
  sourceAccount: 'a',
  destinationAccount: 'b',
  amount: '1.00',
  currency: 'EUR',
  acceptedAt: '2026-11-29T00:00:00.000Z',
  sourceBalance: '9.00',
  sourceVersion: 2,
  destinationBalance: '1.00',
  destinationVersion: 1,
};

function transfer(id: string, sentAt: number, endedAt: number, more: Partial<TransferLine> = {}): TransferLine {
  const order = { id, source: 'a', destination: 'b', amount: 100, currency: 'EUR', correlationId: 'c' };
  return { kind: 'transfer', ...order, via: 'kept', sentAt, endedAt, status: 201, body: POSTED, ...more };
}

const silent = (delivered: boolean) => ({ status: 0, error: 'ECONNRESET', delivered });

describe('historyOf', () => {
  it('groups the attempts of an id in the order in which they were sent', () => {
    const lines = [
      transfer('t', 500, 600, { body: { ...POSTED, replayed: true } }),
      transfer('t', 100, 200, silent(true)),
    ];
    const { transfers } = historyOf(lines, []);
    expect(transfers.size).toBe(1);
    expect(transfers.get('t')?.attempts.map(({ answer }) => answer.kind)).toEqual(['unknown', 'posted']);
  });

  it('treats a request without a connection as not sent', () => {
    const { transfers } = historyOf([transfer('t', 1, 2, silent(false))], []);
    expect(transfers.get('t')?.attempts[0]?.answer).toEqual({ kind: 'refused', status: 0, code: 'ECONNRESET' });
  });

  it('keeps only successful reads', () => {
    const read = { kind: 'read', accountId: 'a', currency: 'EUR', via: 'fresh', sentAt: 1, endedAt: 2 } as const;
    const lines: Line[] = [
      { ...read, status: 200, body: { balance: '1.50', version: 3, source: 'memory' } },
      { ...read, status: 503, body: { code: 'ledger_closed' } },
    ];
    expect(historyOf(lines, []).reads).toEqual([
      { accountId: 'a', sentAt: 1, endedAt: 2, balance: 150, version: 3, stale: false, by: 'memory' },
    ]);
  });
});

describe('figuresOf', () => {
  it('counts first attempts without an outcome, and how long their clients waited', () => {
    const lines = [
      transfer('good', 1000, 1010),
      transfer('later', 1100, 4100, silent(true)),
      transfer('later', 4300, 4400),
      transfer('rejected', 1200, 1210, { status: 422, body: { code: 'insufficient_funds' } }),
    ];
    const { requests, failedFirst, failures, longestWaitMs, posted } = figuresOf(lines, 1000, 5000);
    expect({ requests, failedFirst, longestWaitMs, posted }).toEqual({
      requests: 3,
      failedFirst: 1,
      longestWaitMs: 3300,
      posted: 2,
    });
    expect(failures).toEqual({ 'ECONNRESET (transfer, kept-alive connection)': 1 });
  });

  it('finds the longest time without a success, including the time before the first and after the last success', () => {
    const lines = [transfer('a', 1000, 1500), transfer('b', 1500, 4000)];
    expect(figuresOf(lines, 1000, 5000)).toMatchObject({ longestGapMs: 2500, longestGapAtMs: 500 });
    expect(figuresOf(lines, 1000, 9000)).toMatchObject({ longestGapMs: 5000, longestGapAtMs: 3000 });
  });

  it('leaves out what was sent before the load', () => {
    expect(figuresOf([transfer('opening', 10, 20)], 1000, 2000).requests).toBe(0);
  });
});

describe('successesPerSecond', () => {
  it('counts outcomes by the second in which they arrived', () => {
    expect(successesPerSecond([transfer('a', 1, 500), transfer('b', 1, 1900)], 0, 2000)).toEqual([1, 1]);
  });
});
