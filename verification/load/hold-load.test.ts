import { describe, expect, it } from 'vitest';
import { holdAnswerOf } from './hold-load.ts';

const fields = {
  ...{ holdId: 'h', status: 'OPEN', account: 'a', destinationAccount: null, currency: 'EUR' },
  ...{ amount: '12.00', captured: '2.50', remaining: '9.50', expiresAt: '2026-11-30T00:00:00.000Z', revision: 3 },
};
const hold = { status: 'OPEN', amount: 1200, captured: 250, expiresAt: Date.UTC(2026, 10, 30), revision: 3 };

describe('The answer to a request about a hold', () => {
  it('shows the state of the hold, and whether it was placed before', () => {
    expect(holdAnswerOf({ status: 201, body: { ...fields, replayed: false } }, 'EUR')).toEqual({
      ...{ kind: 'held', hold, replayed: false },
    });
    expect(holdAnswerOf({ status: 200, body: { ...fields, stale: true } }, 'EUR')).toEqual({
      ...{ kind: 'held', hold, stale: true },
    });
  });
  it('may show that the hold was refused', () => {
    const body = { ...fields, status: 'REFUSED', refusal: 'insufficient_funds' };
    expect(holdAnswerOf({ status: 200, body }, 'EUR')).toEqual({ kind: 'rejected', code: 'insufficient_funds' });
  });
  it.each([
    [503, 'ledger_switching', { kind: 'refused', status: 503, code: 'ledger_switching' }],
    [404, 'hold_not_found', { kind: 'refused', status: 404, code: 'hold_not_found' }],
    [504, 'outcome_unknown', { kind: 'unknown', reason: '504 outcome_unknown' }],
  ])('%i %s shows no hold', (status, code, answer) => {
    expect(holdAnswerOf({ status, body: { code } }, 'EUR')).toEqual(answer);
  });
});
