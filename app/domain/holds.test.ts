import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HoldState } from './hold-types.ts';
import {
  CLOCK_AHEAD_MAX_MS,
  decideCapture,
  decideChange,
  decideExpiry,
  decidePlacing,
  decideVoid,
  type HoldStep,
  isClockUnsure,
  leftOf,
} from './holds.ts';
import { accountOf } from './testing/orders.ts';
import type { Account } from './types.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const NOW = 1_000_000;

type Holder = Account & { held: number };
const holder = (different: Partial<Holder> = {}): Holder => ({
  ...accountOf('a', { balance: 100 }),
  held: 0,
  ...different,
});
const open = (different: Partial<HoldState> = {}): HoldState => ({
  status: 'OPEN',
  amount: 50,
  captured: 0,
  expiresAt: NOW + 1,
  revision: 1,
  ...different,
});
const isStep = <S extends HoldStep>(answer: S | string | null): answer is S =>
  answer !== null && typeof answer !== 'string';
const order = (amount: number, different: { currency?: string; expiresAt?: number | null } = {}) => ({
  amount,
  currency: 'EUR',
  expiresAt: null,
  ...different,
});

describe('decidePlacing', () => {
  it('reserves the amount, for seven days if no end is given', () => {
    expect(decidePlacing(order(100), holder(), null, NOW)).toEqual({
      hold: { status: 'OPEN', amount: 100, captured: 0, expiresAt: NOW + 604_800_000, revision: 1 },
      heldChange: 100,
    });
    const until = decidePlacing(order(1, { expiresAt: NOW + 1 }), holder(), null, NOW);
    expect(isStep(until) && until.hold.expiresAt).toBe(NOW + 1);
  });

  it.each<[string, Partial<Holder>, number]>([
    ['what the balance has left', { balance: 100, held: 40 }, 60],
    ['the overdraft limit', { balance: -20, held: 30, overdraftLimit: 100 }, 50],
    ['a floor above zero', { balance: 100, held: 10, overdraftLimit: -80 }, 10],
  ])('reserves up to %s, and not one unit more', (_, account, amount) => {
    expect(isStep(decidePlacing(order(amount), holder(account), null, NOW))).toBe(true);
    expect(decidePlacing(order(amount + 1), holder(account), null, NOW)).toBe('insufficient_funds');
  });

  it.each<[string, Partial<Holder>, Partial<Account> | null, Parameters<typeof order>[1]]>([
    ['currency_mismatch', { currency: 'JPY' }, null, {}],
    ['currency_mismatch', {}, { currency: 'JPY' }, {}],
    ['account_closed', { status: 'CLOSED' }, null, {}],
    ['account_closed', {}, { status: 'CLOSED' }, {}],
    ['account_frozen', { status: 'FROZEN' }, null, {}],
    ['account_suspended', { status: 'SUSPENDED' }, null, {}],
    ['hold_not_allowed', { external: true }, null, {}],
    ['hold_expired', {}, null, { expiresAt: NOW }],
    ['insufficient_funds', { balance: 9 }, null, {}],
    ['balance_out_of_range', { balance: MAX, overdraftLimit: MAX, held: MAX - 9 }, null, {}],
  ])('refuses with %s', (refusal, account, destination, different) => {
    const other = destination && accountOf('b', destination);
    expect(decidePlacing(order(10, different), holder(account), other, NOW)).toBe(refusal);
  });

  it('does not check whether the destination can be credited', () => {
    expect(isStep(decidePlacing(order(10), holder(), accountOf('b', { status: 'FROZEN' }), NOW))).toBe(true);
  });
});

describe('decideChange', () => {
  const change = (amount: number | null, expiresAt: number | null = null, expectedRevision = 1) => ({
    amount,
    expiresAt,
    expectedRevision,
  });

  it('raises a hold up to what is available, lowers it, and extends it', () => {
    const account = holder({ balance: 100, held: 50 });
    expect(decideChange(open(), change(100), account, NOW)).toEqual({
      hold: open({ amount: 100, revision: 2 }),
      heldChange: 50,
    });
    expect(decideChange(open(), change(101), account, NOW)).toBe('insufficient_funds');
    expect(decideChange(open(), change(20), account, NOW)).toMatchObject({ heldChange: -30 });
    expect(decideChange(open(), change(null, NOW + 9), account, NOW)).toEqual({
      hold: open({ expiresAt: NOW + 9, revision: 2 }),
      heldChange: 0,
    });
  });

  it('lowers a hold although the overdraft limit no longer covers it', () => {
    expect(isStep(decideChange(open(), change(49), holder({ balance: 0, held: 50 }), NOW))).toBe(true);
    expect(decideChange(open(), change(51), holder({ balance: 0, held: 50 }), NOW)).toBe('insufficient_funds');
  });

  it('does not lower the amount to what was captured, or below', () => {
    const hold = open({ captured: 20 });
    expect(decideChange(hold, change(21), holder({ held: 30 }), NOW)).toMatchObject({ heldChange: -29 });
    expect(decideChange(hold, change(20), holder({ held: 30 }), NOW)).toBe('hold_exceeded');
  });

  it.each<[string, Partial<HoldState>, Partial<Holder>, ReturnType<typeof change>]>([
    ['hold_not_open', { status: 'CAPTURED' }, {}, change(60)],
    ['hold_not_open', { status: 'VOIDED' }, {}, change(60)],
    ['hold_expired', { status: 'EXPIRED' }, {}, change(60)],
    ['hold_expired', { expiresAt: NOW }, {}, change(null, NOW + 9)],
    ['hold_expired', {}, {}, change(null, NOW)],
    ['hold_changed', { revision: 2 }, {}, change(60)],
    ['account_frozen', {}, { status: 'FROZEN' }, change(40)],
    ['account_suspended', {}, { status: 'SUSPENDED' }, change(51)],
    ['balance_out_of_range', {}, { balance: MAX, held: MAX, overdraftLimit: MAX }, change(51)],
  ])('refuses with %s', (refusal, hold, account, wanted) => {
    expect(decideChange(open(hold), wanted, holder({ held: 50, ...account }), NOW)).toBe(refusal);
  });

  it('lowers and extends a hold of a suspended account', () => {
    const account = holder({ held: 50, status: 'SUSPENDED' });
    expect(isStep(decideChange(open(), change(49, NOW + 9), account, NOW))).toBe(true);
  });
});

describe('decideCapture', () => {
  const destination = accountOf('b');

  it('takes all that is left, and ends the hold', () => {
    expect(decideCapture(open({ captured: 20 }), { amount: null, final: true }, holder(), destination, NOW)).toEqual({
      hold: open({ captured: 50, status: 'CAPTURED', revision: 2 }),
      heldChange: -30,
      amount: 30,
    });
  });

  it('releases the rest if it is final, and keeps it otherwise', () => {
    const capture = (final: boolean) => decideCapture(open(), { amount: 20, final }, holder(), destination, NOW);
    expect(capture(true)).toMatchObject({ hold: { status: 'CAPTURED', captured: 20 }, heldChange: -50, amount: 20 });
    expect(capture(false)).toMatchObject({ hold: { status: 'OPEN', captured: 20 }, heldChange: -20, amount: 20 });
  });

  it('ends the hold when nothing is left, final or not', () => {
    const step = decideCapture(open(), { amount: 50, final: false }, holder(), destination, NOW);
    expect(step).toMatchObject({ hold: { status: 'CAPTURED' }, heldChange: -50 });
  });

  it('ignores the floor and a suspension', () => {
    const account = holder({ balance: -100, held: 50, overdraftLimit: 0, status: 'SUSPENDED' });
    expect(isStep(decideCapture(open(), { amount: null, final: true }, account, destination, NOW))).toBe(true);
  });

  it.each<[string, Partial<HoldState>, Partial<Holder>, Partial<Account>, number | null]>([
    ['hold_not_open', { status: 'CAPTURED', captured: 50 }, {}, {}, null],
    ['hold_not_open', { status: 'VOIDED' }, {}, {}, null],
    ['hold_expired', { status: 'EXPIRED' }, {}, {}, null],
    ['hold_expired', { expiresAt: NOW }, {}, {}, null],
    ['currency_mismatch', {}, {}, { currency: 'JPY' }, null],
    ['account_closed', {}, {}, { status: 'CLOSED' }, null],
    ['account_frozen', {}, { status: 'FROZEN' }, {}, null],
    ['account_frozen', {}, {}, { status: 'FROZEN' }, null],
    ['hold_exceeded', { captured: 20 }, {}, {}, 31],
    ['balance_out_of_range', {}, {}, { balance: MAX - 49 }, null],
  ])('refuses with %s', (refusal, hold, account, other, amount) => {
    const terms = { amount, final: true };
    expect(decideCapture(open(hold), terms, holder(account), accountOf('b', other), NOW)).toBe(refusal);
  });
});

describe('decideVoid and decideExpiry', () => {
  it('release all that is left', () => {
    const hold = open({ captured: 20 });
    const ended = { captured: 20, revision: 2 };
    expect(decideVoid(hold)).toEqual({ hold: open({ ...ended, status: 'VOIDED' }), heldChange: -30 });
    expect(decideExpiry(hold, NOW + 1)).toEqual({ hold: open({ ...ended, status: 'EXPIRED' }), heldChange: -30 });
  });

  it('leave a hold unchanged if it is already voided, or not due', () => {
    expect(decideVoid(open({ status: 'VOIDED' }))).toBeNull();
    expect(decideExpiry(open(), NOW)).toBeNull();
  });

  it.each(['CAPTURED', 'VOIDED', 'EXPIRED'] as const)('never leave %s', (status) => {
    expect(decideExpiry(open({ status }), NOW + 1)).toBeNull();
    expect(decideVoid(open({ status }))).toBe(status === 'VOIDED' ? null : 'hold_not_open');
  });
});

describe('isClockUnsure', () => {
  it('is true only if the hold is due by a clock that is far ahead of the pod’s', () => {
    const hold = { expiresAt: NOW };
    expect(isClockUnsure(hold, NOW + CLOCK_AHEAD_MAX_MS, NOW - 1)).toBe(true);
    expect(isClockUnsure(hold, NOW + CLOCK_AHEAD_MAX_MS - 1, NOW - 1)).toBe(false);
    expect(isClockUnsure(hold, NOW + CLOCK_AHEAD_MAX_MS + 1, NOW)).toBe(false);
    expect(isClockUnsure({ expiresAt: 2 * NOW }, NOW, 0)).toBe(false);
  });
});

/** What may happen to an account with holds, at times that may repeat but not decrease. */
const anyEvent = fc.record({
  what: fc.constantFrom('place', 'place', 'change', 'capture', 'capture', 'void', 'expire', 'limit', 'status'),
  n: fc.nat(3),
  amount: fc.option(fc.integer({ min: 1, max: 90 })),
  final: fc.boolean(),
  status: fc.constantFrom('ACTIVE', 'ACTIVE', 'SUSPENDED', 'FROZEN'),
  later: fc.nat(3),
});

interface History {
  account: Holder;
  holds: Map<number, HoldState>;
  now: number;
}
type Event = typeof anyEvent extends fc.Arbitrary<infer E> ? E : never;

/** The step that an event makes, or null if it is refused or concerns no hold. */
function stepOf(
  { account, holds, now }: History,
  { what, n, amount, final }: Event,
): (HoldStep & { amount?: number }) | null {
  const hold = holds.get(n);
  const step = (() => {
    if (what === 'place')
      return hold ? null : decidePlacing(order(amount ?? 10, { expiresAt: now + 5 }), account, null, now);
    if (!hold) return null;
    if (what === 'change')
      return decideChange(
        hold,
        { amount, expiresAt: final ? now + 4 : null, expectedRevision: hold.revision },
        account,
        now,
      );
    if (what === 'capture') return decideCapture(hold, { amount, final }, account, accountOf('b'), now);
    if (what === 'void') return decideVoid(hold);
    return what === 'expire' ? decideExpiry(hold, now) : null;
  })();
  return isStep(step) ? step : null;
}

it('in any history, held equals what is left of the open holds, and the floor is kept', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
      const history: History = { account: holder({ balance: 200 }), holds: new Map(), now: NOW };
      for (const event of events) {
        const { account, holds } = history;
        history.now += event.later;
        if (event.what === 'limit') history.account = { ...account, overdraftLimit: event.amount ?? 0 };
        if (event.what === 'status') history.account = { ...account, status: event.status as Account['status'] };
        const step = stepOf(history, event);
        if (!step) continue;
        const before = holds.get(event.n);
        seen.add(`${event.what} ${step.hold.status}`);
        if (before) expect(before.status).toBe('OPEN');
        expect(step.hold.revision).toBe((before?.revision ?? 0) + 1);
        expect(step.hold.captured - (before?.captured ?? 0)).toBe(step.amount ?? 0);
        holds.set(event.n, step.hold);
        const after = {
          ...account,
          held: account.held + step.heldChange,
          balance: account.balance - (step.amount ?? 0),
        };
        history.account = after;
        expect(after.held).toBe([...holds.values()].reduce((sum, hold) => sum + leftOf(hold), 0));
        for (const hold of holds.values()) expect(leftOf(hold) > 0).toBe(hold.status === 'OPEN');
        const [usable, usableBefore] = [after.balance - after.held, account.balance - account.held];
        if (usable < usableBefore) expect(usable).toBeGreaterThanOrEqual(-after.overdraftLimit);
        if (event.what === 'capture') expect(usable).toBeGreaterThanOrEqual(usableBefore);
      }
    }),
    { numRuns: 3_000 },
  );
  expect([...seen].sort()).toEqual([
    'capture CAPTURED',
    'capture OPEN',
    'change OPEN',
    'expire EXPIRED',
    'place OPEN',
    'void VOIDED',
  ]);
});
