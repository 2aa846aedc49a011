import { describe, expect, it } from 'vitest';
import { orderOf } from '../domain/testing/orders.ts';
import type { Outcome } from '../domain/types.ts';
import { closingOf } from './crossing-closing.ts';

const common = {
  order: orderOf({ transactionId: 'T~0' }),
  acceptedAt: 1,
  takenAt: 1,
  epoch: 1,
  seq: 1,
  replayed: true,
  persisted: true,
};
const side = { balance: 40, version: 7, settingsVersion: 2 };
const posted: Outcome = { ...common, status: 'POSTED', source: { ...side, balance: -40 }, destination: side };
const limit = { limit: 'balanceMax', value: 5, remaining: 1 } as const;
const refused: Outcome = { ...common, status: 'REJECTED', refusal: 'limit_exceeded', limit };

describe('a crossing is closed', () => {
  it('with the state of the destination account after it', () => {
    expect(closingOf('T', 'done', posted)).toEqual({ transactionId: 'T', state: 'DONE', balance: 40, version: 7 });
  });
  it.each(['returned', 'kept'] as const)('as RETURNED, with the reason if there is one, if the end is %s', (end) => {
    const because = { refusal: 'limit_exceeded', limit };
    expect(closingOf('T', end, refused)).toEqual({ transactionId: 'T', state: 'RETURNED', because });
    expect(closingOf('T', end, null)).toEqual({ transactionId: 'T', state: 'RETURNED', because: null });
  });
  it.each(['refused', 'stuck', 'conflict'] as const)('never, if the end is %s', (end) => {
    expect(closingOf('T', end, refused)).toBeNull();
  });
});
