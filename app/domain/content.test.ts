import { describe, expect, it } from 'vitest';
import { replay, sameContent } from './content.ts';
import { LEGS } from './leg-types.ts';
import { legOf } from './testing/legs.ts';
import { orderOf, summaryOf } from './testing/orders.ts';
import type { Outcome, TransferOrder } from './types.ts';

const one = orderOf({
  source: 'a',
  destination: 'b',
  timestamp: 5,
  reference: 'r',
  metadata: { a: '1', b: '2' },
  reverses: 'x',
});

describe('the same content', () => {
  it.each([
    ['kind', { kind: 'reversal' as const }],
    ['source', { source: 'b' }],
    ['destination', { destination: 'c' }],
    ['amount', { amount: 101 }],
    ['currency', { currency: 'JPY' }],
    ['timestamp', { timestamp: null }],
    ['reference', { reference: 'other' }],
    ['reverses', { reverses: null }],
    ['a metadata value', { metadata: { a: '1', b: '3' } }],
    ['a metadata key', { metadata: { a: '1', c: '2' } }],
    ['an added metadata entry', { metadata: { a: '1', b: '2', c: '3' } }],
    ['a removed metadata entry', { metadata: { a: '1' } }],
    ['missing metadata', { metadata: null }],
    ['a key that every object inherits', { metadata: { a: '1', toString: '2' } }],
  ])('differs by %s', (_, different: Partial<TransferOrder>) => {
    expect(sameContent(one, { ...one, ...different })).toBe(false);
    expect(sameContent({ ...one, ...different }, one)).toBe(false);
  });

  it('does not depend on the caller or on the order of the metadata', () => {
    expect(sameContent(one, { ...one, user: 'another', correlationId: 'another', metadata: { b: '2', a: '1' } })).toBe(
      true,
    );
    expect(sameContent({ ...one, metadata: null }, { ...one, metadata: null })).toBe(true);
  });
});

describe('the content of a leg', () => {
  const out = legOf('out', one);
  it('is what the client sent, regardless of the transit account, the refusal, and what the leg gives back', () => {
    for (const same of [
      legOf('out', one, { stripe: 5 }),
      legOf('out', one, { leg: { refusal: { refusal: 'account_closed' } } }),
      legOf('out', one, { leg: { otherShard: 7 } }),
    ])
      expect(sameContent(out, same)).toBe(true);
    expect(sameContent(legOf('back', one), legOf('back', one, { stripe: 5, leg: { counted: { at: 9 } } }))).toBe(true);
  });
  it.each([
    ['source', { source: 'c' }],
    ['destination', { destination: 'c' }],
    ['amount', { amount: 101 }],
    ['currency', { currency: 'JPY' }],
    ['kind', { kind: 'reversal' as const }],
    ['timestamp', { timestamp: 6 }],
    ['reference', { reference: 'other' }],
    ['metadata', { metadata: null }],
  ])('differs by %s, even if the leg moves money between the same accounts', (_, different: Partial<TransferOrder>) => {
    for (const name of LEGS) {
      const other = { ...legOf(name, { ...one, ...different }), transactionId: legOf(name, one).transactionId };
      expect(sameContent(legOf(name, one), other)).toBe(false);
      expect(sameContent(other, legOf(name, one))).toBe(false);
    }
  });
});

describe('replay', () => {
  const existing: Outcome = {
    status: 'REJECTED',
    refusal: 'account_closed',
    order: one,
    acceptedAt: 8,
    takenAt: 7,
    epoch: 1,
    seq: 1,
    replayed: false,
    persisted: false,
  };

  it('is the committed outcome, or 409 with the id', () => {
    expect(summaryOf(replay({ order: one, takenAt: 9, inDoubt: false }, existing))).toBe('again account_closed');
    expect(replay({ order: { ...one, amount: 1 }, takenAt: 9, inDoubt: false }, existing)).toMatchObject({
      code: 'transaction_id_reused',
      extras: { transactionId: one.transactionId },
    });
  });

  it("is not marked as a replay when it is the outcome of this request's own in-doubt attempt", () => {
    const own = { order: one, takenAt: 7, inDoubt: true };
    expect(summaryOf(replay(own, existing))).toBe('account_closed');
    expect(summaryOf(replay({ ...own, inDoubt: false }, existing))).toBe('again account_closed');
    expect(summaryOf(replay({ ...own, takenAt: 8 }, existing))).toBe('again account_closed');
    // An older release recorded only the pod's time.
    expect(summaryOf(replay(own, { ...existing, acceptedAt: 7, takenAt: null }))).toBe('account_closed');
    expect(summaryOf(replay({ ...own, order: { ...one, correlationId: 'other' } }, existing))).toBe(
      'again account_closed',
    );
  });
});
