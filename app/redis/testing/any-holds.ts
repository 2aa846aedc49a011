import fc from 'fast-check';
import type { StoredHold } from '../../domain/hold-types.ts';
import { businessDaysFrom } from '../../domain/testing/business-days.ts';
import { NO_LIMITS, NO_USAGE } from '../../domain/testing/limits.ts';
import { accountOf } from '../../domain/testing/orders.ts';
import type { Account } from '../../domain/types.ts';
import type { ApplyItem, HoldCallItem } from '../../journal/cache-port.ts';
import { encodeOrder } from '../../journal/codec.ts';
import { encodeHoldItem, type HoldItem } from '../../journal/hold-codec.ts';

/** A time in the distant past and one in the distant future, by any clock. */
const PAST = Date.UTC(2001, 0, 1);
const FUTURE = Date.UTC(2100, 0, 1);
const MAX = Number.MAX_SAFE_INTEGER;
/**
 * The time at which histories begin. It is ahead of any clock, so that only the steps of a history advance the ledger's time.
 */
export const BEGIN = Date.UTC(2050, 0, 1, 20);
export const HOLD_CALENDAR = { days: businessDaysFrom(BEGIN), validUntil: MAX };
/**
 * How far one step may advance the time: within a day, past midnights, past the end of a month, or beyond the calendar.
 */
export const anyLaterMs = fc.constantFrom(1, 3, 7, 13, 13, 26, 26, 24 * 9, 24 * 40).map((hours) => hours * 3_600_000);
const WHO = { user: 'u', correlationId: 'c' };

const [today] = businessDaysFrom(BEGIN).filter(({ dayStart }) => dayStart + 86_400_000 > BEGIN);
const BEGUN = { dayStart: today?.dayStart ?? 0, monthStart: today?.monthStart ?? 0 };

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
  accountOf('thrifty', {
    balance: 3000,
    limits: { ...NO_LIMITS, transferMax: 90, dailyDebitMax: 150, monthlyDebitMax: 400, usage: NO_USAGE },
  }),
  accountOf('saver', { limits: { ...NO_LIMITS, dailyCreditMax: 30, balanceMax: 90, usage: NO_USAGE } }),
  // Its sums have reached the end of the exact range, and must stay there.
  accountOf('spent', {
    balance: 5000,
    limits: {
      ...NO_LIMITS,
      transferMax: MAX,
      usage: { ...NO_USAGE, dayDebit: MAX - 50, monthDebit: MAX - 90, ...BEGUN },
    },
  }),
];
/**
 * Limits that an account gets during a history. Without limits, counting ends; it starts over when the account has
 * limits again.
 */
export const anyNewLimits = fc.record({
  accountId: fc.constantFrom('thrifty', 'thrifty', 'thrifty', 'a', 'spent'),
  limits: fc.constantFrom(NO_LIMITS, { ...NO_LIMITS, dailyDebitMax: 150 }, { ...NO_LIMITS, monthlyDebitMax: 400 }),
});
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
  t0: ['thrifty', null],
  t1: ['thrifty', 'saver'],
  t2: ['thrifty', null],
  t3: ['thrifty', 'saver'],
  t4: ['thrifty', null],
  t5: ['spent', null],
};
export const HOLD_IDS = Object.keys(HOLDERS);
/** The content of a history: its holds, and the accounts used by transfers and by items that name a wrong account. */
interface Theme {
  holdId: fc.Arbitrary<string>;
  name: fc.Arbitrary<string>;
  /** The relative frequency of placings. */
  places: number;
  /** Whether time passes, and limits change. */
  timed: boolean;
}
/** All reasons for a refusal except limits. */
const PLAIN: Theme = {
  holdId: fc.constantFrom(
    ...HOLD_IDS.filter((id) => id.startsWith('h')),
    'h0',
    'h1',
    'h2',
    'h0',
    'h1',
    'h2',
    'h3',
    'h3',
    'h3',
    'h4',
    'h4',
  ),
  name: fc.constantFrom(...NAMES, 'nobody'),
  places: 1,
  timed: false,
};
/** Accounts with limits, and few holds, so that each has many events. */
const LIMITED: Theme = {
  holdId: fc.constantFrom('t0', 't0', 't1', 't1', 't2', 't2', 't3', 't3', 't4', 't5', 'h1'),
  name: fc.constantFrom('thrifty', 'thrifty', 'saver', 'world', 'a', 'spent'),
  places: 2,
  timed: true,
};
const anyExpiry = fc.constantFrom(
  PAST,
  FUTURE,
  FUTURE,
  FUTURE,
  FUTURE + 1,
  ...[20, 20, 100].map((hours) => BEGIN + hours * 3_600_000),
);
const anyAmount = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 1, arbitrary: fc.constantFrom(100, 200, MAX, MAX - 100) },
);
const anyId = fc.oneof(
  { weight: 4, arbitrary: fc.nat(9_999).map((n) => `id-${n}`) },
  { weight: 1, arbitrary: fc.nat(3).map((n) => `id-${n}`) },
);

/** Holds as they may be stored in MySQL; one is due. */
const anyStoredHold = ({ holdId }: Theme): fc.Arbitrary<StoredHold> =>
  fc
    .record({
      holdId,
      other: fc.integer({ min: 0, max: 9 }),
      amount: fc.integer({ min: 1, max: 120 }),
      part: fc.double({ min: 0, max: 0.9, noNaN: true }),
      expiresAt: fc.constantFrom(PAST, FUTURE, FUTURE),
      status: fc.constantFrom('OPEN', 'OPEN', 'OPEN', 'OPEN', 'CAPTURED', 'VOIDED', 'EXPIRED'),
      revision: fc.integer({ min: 1, max: 3 }),
      counted: fc.option(
        fc.record({ at: fc.nat(10).map((days) => BEGIN - days * 86_400_000), day: fc.nat(30), more: fc.nat(30) }),
      ),
    })
    .map(({ part, other, holdId, counted, ...hold }) => {
      const [account, destination] = HOLDERS[holdId] ?? ['a', null];
      const left = hold.status === 'OPEN' ? hold.amount - Math.floor(hold.amount * part) : 0;
      return {
        ...hold,
        ...(counted && {
          counted: {
            at: counted.at,
            day: Math.min(left, counted.day),
            month: Math.min(left, counted.day + counted.more),
          },
        }),
        holdId,
        account: other === 0 ? 'generous' : account,
        destination,
        captured: Math.floor(hold.amount * part),
        currency: account === 'yen' ? 'JPY' : 'EUR',
      };
    });

const anyHolder = (holdId: string, anyName: Theme['name']) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(HOLDERS[holdId]?.[0] ?? 'a') }, { weight: 1, arbitrary: anyName });

const anyPlace = ({ holdId, name }: Theme) =>
  fc
    .record({
      holdId,
      amount: anyAmount,
      currency: fc.constantFrom(...Array(9).fill('EUR'), 'JPY'),
      expiresAt: anyExpiry,
    })
    .chain((fields) => anyHolder(fields.holdId, name).map((account) => ({ ...fields, account })))
    .map(({ holdId, ...fields }): HoldItem => {
      const destination = HOLDERS[holdId]?.[1] ?? null;
      return { op: 'place', order: { ...fields, ...WHO, holdId, destination, reference: null, metadata: null } };
    });
const anyCapture = ({ holdId, name }: Theme) =>
  fc
    .record({
      transactionId: anyId,
      holdId,
      amount: fc.option(fc.oneof(anyAmount, fc.integer({ min: 1, max: 25 }))),
      final: fc.constantFrom(true, false, false),
      to: fc.constantFrom('b', 'rich', 'a', 'yen', 'frozen', 'closed', 'world', 'nobody', 'saver', 'saver', 'thrifty'),
      isOther: fc.integer({ min: 0, max: 9 }),
    })
    .chain((fields) => anyHolder(fields.holdId, name).map((source) => ({ ...fields, source })))
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
const anyEvent = ({ holdId, name }: Theme) =>
  fc.record({ eventId: anyId, holdId }).chain((fields) =>
    anyHolder(fields.holdId, name).map((account) => ({
      ...fields,
      ...WHO,
      account,
      currency: account === 'yen' ? 'JPY' : 'EUR',
    })),
  );
const anyChange = (theme: Theme) =>
  fc
    .record({
      event: anyEvent(theme),
      wanted: fc.record({
        amount: fc.option(fc.oneof(anyAmount, fc.constantFrom(1, 1, 1, 2, 60, 95, 100, 120))),
        expiresAt: fc.option(anyExpiry),
        expectedRevision: fc.constantFrom(1, 1, 2, 2, 3),
      }),
    })
    .map(({ event, wanted }): HoldItem => ({ op: 'change', wanted, ...event }));
const anyEnd = (theme: Theme) =>
  fc
    .record({ event: anyEvent(theme), op: fc.constantFrom('void' as const, 'expire' as const) })
    .map(({ event, op }): HoldItem => ({ op, ...event }));

/** One item of a call: an event of a hold, in most cases one that is possible for that hold. */
const anyHoldItem = (theme: Theme): fc.Arbitrary<HoldCallItem> =>
  fc
    .record({
      hold: fc.oneof(
        { weight: theme.places, arbitrary: anyPlace(theme) },
        { weight: 1, arbitrary: anyCapture(theme) },
        { weight: 1, arbitrary: anyChange(theme) },
        { weight: 1, arbitrary: anyEnd(theme) },
      ),
      /** The pod's clock, which is right or far behind. */
      podNow: fc.constantFrom(FUTURE, FUTURE, FUTURE, FUTURE, PAST - 1),
      lookedUp: fc.constantFrom(true, true, true, false),
    })
    .map(({ hold, podNow, lookedUp }) => ({
      hold,
      podNow,
      payload: encodeHoldItem(hold, 1),
      lookupCursor: lookedUp ? MAX : -1,
    }));
const anyTransfer = ({ name }: Theme): fc.Arbitrary<ApplyItem> =>
  fc
    .record({ id: anyId, source: name, destination: name, amount: anyAmount })
    .filter(({ source, destination }) => source !== destination)
    .map(({ id, source, destination, amount }) => {
      const order = transferOf(id, source, destination, amount);
      return { order, payload: encodeOrder(order, 1), lookupCursor: MAX };
    });

const themed = (theme: Theme) => ({
  call: fc.array(fc.oneof({ weight: 5, arbitrary: anyHoldItem(theme) }, { weight: 1, arbitrary: anyTransfer(theme) }), {
    minLength: 1,
    maxLength: 5,
  }),
  /** A call without transfers; all its ids have been looked up. */
  holdCall: fc
    .array(anyHoldItem(theme), { minLength: 1, maxLength: 5 })
    .map((items) => items.map((item) => ({ ...item, lookupCursor: MAX }))),
  storedHold: anyStoredHold(theme),
  timed: theme.timed,
});
export const anyPlain = themed(PLAIN);
export const anyLimited = themed(LIMITED);
