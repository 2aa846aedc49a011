import fc from 'fast-check';
import type { StoredHold } from '../../domain/hold-types.ts';
import { accountOf } from '../../domain/testing/orders.ts';
import type { Account } from '../../domain/types.ts';
import type { ApplyItem, HoldCallItem } from '../../journal/cache-port.ts';
import { encodeOrder } from '../../journal/codec.ts';
import { encodeHoldItem, type HoldItem } from '../../journal/hold-codec.ts';

/** Two times that are far in the past and far in the future by any clock. */
const PAST = Date.UTC(2001, 0, 1);
const FUTURE = Date.UTC(2100, 0, 1);
const MAX = Number.MAX_SAFE_INTEGER;
const WHO = { user: 'u', correlationId: 'c' };

/** Accounts that together cover every reason for a refusal. */
export const HOLD_ACCOUNTS: Account[] = [
  accountOf('a', { balance: 300, overdraftLimit: 50 }),
  accountOf('b', { balance: 100, held: 40 }),
  accountOf('rich', { balance: MAX - 20, held: MAX - 200 }),
  accountOf('generous', { balance: 1000, overdraftLimit: MAX, held: MAX - 60 }),
  accountOf('yen', { balance: 100, currency: 'JPY' }),
  accountOf('suspended', { balance: 100 }),
  accountOf('frozen', { balance: 100 }),
  accountOf('closed', { status: 'CLOSED' }),
  accountOf('world', { external: true }),
];
const NAMES = HOLD_ACCOUNTS.map(({ accountId }) => accountId);
/** The account of each hold, and its destination if the hold names one. */
const HOLDERS: Record<string, [account: string, destination: string | null]> = {
  h0: ['a', null],
  h1: ['a', 'b'],
  h2: ['b', 'rich'],
  h3: ['suspended', null],
  h4: ['frozen', null],
  h5: ['generous', null],
  h6: ['world', null],
  h7: ['closed', null],
  h8: ['yen', null],
  h9: ['b', 'closed'],
};
export const HOLD_IDS = Object.keys(HOLDERS);
const anyHoldId = fc.constantFrom(...HOLD_IDS, 'h0', 'h1', 'h2', 'h0', 'h1', 'h2', 'h3', 'h3');
const anyName = fc.constantFrom(...NAMES, 'nobody');
const anyExpiry = fc.constantFrom(PAST, FUTURE, FUTURE, FUTURE, FUTURE, FUTURE + 1);
const anyAmount = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 1, arbitrary: fc.constantFrom(100, 200, MAX, MAX - 100) },
);
const anyId = fc.oneof(
  { weight: 4, arbitrary: fc.nat(9_999).map((n) => `id-${n}`) },
  { weight: 1, arbitrary: fc.nat(3).map((n) => `id-${n}`) },
);

/** Holds as they may be stored in MySQL; one is due. */
export const anyStoredHold: fc.Arbitrary<StoredHold> = fc
  .record({
    holdId: anyHoldId,
    other: fc.integer({ min: 0, max: 9 }),
    amount: fc.integer({ min: 1, max: 120 }),
    part: fc.double({ min: 0, max: 0.9, noNaN: true }),
    expiresAt: fc.constantFrom(PAST, FUTURE, FUTURE),
    status: fc.constantFrom('OPEN', 'OPEN', 'OPEN', 'OPEN', 'CAPTURED', 'VOIDED', 'EXPIRED'),
    revision: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ part, other, holdId, ...hold }) => {
    const [account, destination] = HOLDERS[holdId] ?? ['a', null];
    return {
      ...hold,
      holdId,
      account: other === 0 ? 'generous' : account,
      destination,
      captured: Math.floor(hold.amount * part),
      currency: account === 'yen' ? 'JPY' : 'EUR',
    };
  });

const anyHolder = (holdId: string) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(HOLDERS[holdId]?.[0] ?? 'a') }, { weight: 1, arbitrary: anyName });

const anyPlace = fc
  .record({
    holdId: anyHoldId,
    amount: anyAmount,
    currency: fc.constantFrom(...Array(9).fill('EUR'), 'JPY'),
    expiresAt: anyExpiry,
  })
  .chain((fields) => anyHolder(fields.holdId).map((account) => ({ ...fields, account })))
  .map(({ holdId, ...fields }): HoldItem => {
    const destination = HOLDERS[holdId]?.[1] ?? null;
    return { op: 'place', order: { ...fields, ...WHO, holdId, destination, reference: null, metadata: null } };
  });
const anyCapture = fc
  .record({
    transactionId: anyId,
    holdId: anyHoldId,
    amount: fc.option(anyAmount),
    final: fc.boolean(),
    to: fc.constantFrom('b', 'rich', 'a', 'yen', 'frozen', 'closed', 'world', 'nobody'),
    isOther: fc.integer({ min: 0, max: 9 }),
  })
  .chain((fields) => anyHolder(fields.holdId).map((source) => ({ ...fields, source })))
  .map(({ holdId, amount, final, to, isOther, source, transactionId }): HoldItem => {
    const named = HOLDERS[holdId]?.[1] ?? null;
    const chosen = named === null || isOther === 0 ? to : named;
    // Pods refuse a transfer from an account to itself before it reaches a store.
    const destination = chosen !== source ? chosen : source === 'world' ? 'rich' : 'world';
    return {
      op: 'capture',
      order: {
        ...transferOf(transactionId, source, destination, amount ?? 0),
        kind: 'capture',
        capture: { holdId, amount, destination: named === null ? destination : null, final },
      },
    };
  });
const transferOf = (transactionId: string, source: string, destination: string, amount: number) => ({
  ...WHO,
  kind: 'transfer' as const,
  transactionId,
  source,
  destination,
  amount,
  currency: 'EUR',
  timestamp: null,
  reference: null,
  metadata: null,
  reverses: null,
});
const anyEvent = fc.record({ eventId: anyId, holdId: anyHoldId }).chain((fields) =>
  anyHolder(fields.holdId).map((account) => ({
    ...fields,
    ...WHO,
    account,
    currency: account === 'yen' ? 'JPY' : 'EUR',
  })),
);
const anyChange = fc
  .record({
    event: anyEvent,
    wanted: fc.record({
      amount: fc.option(fc.oneof(anyAmount, fc.constantFrom(1, 2, 60))),
      expiresAt: fc.option(anyExpiry),
      expectedRevision: fc.integer({ min: 1, max: 3 }),
    }),
  })
  .map(({ event, wanted }): HoldItem => ({ op: 'change', wanted, ...event }));
const anyEnd = fc
  .record({ event: anyEvent, op: fc.constantFrom('void' as const, 'expire' as const) })
  .map(({ event, op }): HoldItem => ({ op, ...event }));

/** One item of a call: an event of a hold, in most cases one that is possible for that hold. */
const anyHoldItem: fc.Arbitrary<HoldCallItem> = fc
  .record({
    hold: fc.oneof(anyPlace, anyCapture, anyChange, anyEnd),
    /** The pod's clock, which is right or far behind. */
    podNow: fc.constantFrom(FUTURE, FUTURE, FUTURE, PAST - 1),
    lookedUp: fc.constantFrom(true, true, true, false),
  })
  .map(({ hold, podNow, lookedUp }) => ({
    hold,
    podNow,
    payload: encodeHoldItem(hold, 1),
    lookupCursor: lookedUp ? MAX : -1,
  }));
const anyTransfer: fc.Arbitrary<ApplyItem> = fc
  .record({ id: anyId, source: anyName, destination: anyName, amount: anyAmount })
  .filter(({ source, destination }) => source !== destination)
  .map(({ id, source, destination, amount }) => {
    const order = transferOf(id, source, destination, amount);
    return { order, payload: encodeOrder(order, 1), lookupCursor: MAX };
  });

export const anyCall = fc.array(
  fc.oneof({ weight: 5, arbitrary: anyHoldItem }, { weight: 1, arbitrary: anyTransfer }),
  { minLength: 1, maxLength: 5 },
);

/** A call without transfers, whose ids are all looked up. */
export const anyHoldCall = fc
  .array(anyHoldItem, { minLength: 1, maxLength: 5 })
  .map((items) => items.map((item) => ({ ...item, lookupCursor: MAX })));
