import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HoldState } from '../domain/hold-types.ts';
import type { HoldOrder } from '../domain/holds.ts';
import { anyText } from '../domain/testing/any-text.ts';
import { orderOf } from '../domain/testing/orders.ts';
import { HOLD_RECORD_BYTES, lastSeqOf, RecordStatus, refusalNumber } from './codec.ts';
import {
  decodeHoldItems,
  decodeHoldRecord,
  encodeHoldItem,
  encodeHoldRecord,
  type HoldItem,
  type HoldRecord,
  holdResultsOf,
} from './hold-codec.ts';
import type { JournalEntry } from './journal-entry.ts';

const EPOCH = 7;
const ACCEPTED_AT = 2_000;
const TAKEN_AT = 1_000;
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const exact = fc.maxSafeInteger();
const anyCounted = fc.record({ at: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), day: exact, month: exact });
const anyUsageChange = fc.record({ day: exact, month: exact }).filter(({ day, month }) => day !== 0 || month !== 0);
const anyState: fc.Arbitrary<HoldState> = fc
  .record({
    status: fc.constantFrom('OPEN', 'CAPTURED', 'VOIDED', 'EXPIRED'),
    amount: exact,
    captured: exact,
    expiresAt: exact,
    revision: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    counted: fc.option(anyCounted),
  })
  .map(({ counted, ...state }) => (counted ? { ...state, counted } : state));
const anyRecord: fc.Arbitrary<HoldRecord> = fc
  .record({
    status: fc.integer({ min: 0, max: 255 }),
    detail: fc.integer({ min: 0, max: 255 }),
    balance: exact,
    version: exact,
    otherBalance: exact,
    otherVersion: exact,
    settingsVersion: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    otherSettingsVersion: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    seq: exact,
    held: exact,
    heldChange: exact,
    moved: exact,
    hold: anyState,
    usageChange: fc.option(anyUsageChange),
  })
  .map(({ usageChange, ...record }) => (usageChange ? { ...record, usageChange } : record));

const anyOrigin = { user: anyText, correlationId: fc.string() };
const anyEvent = {
  ...anyOrigin,
  eventId: fc.string(),
  holdId: fc.string(),
  account: fc.string(),
  currency: fc.constant('EUR'),
};
const anyPlace: fc.Arbitrary<HoldOrder> = fc.record({
  ...anyOrigin,
  holdId: fc.string(),
  account: fc.string(),
  destination: fc.option(fc.string()),
  amount: fc.maxSafeNat(),
  currency: fc.constant('EUR'),
  expiresAt: fc.option(fc.maxSafeNat()),
  reference: fc.option(anyText),
  metadata: fc.option(fc.dictionary(fc.string(), anyText)),
});
const anyItem: fc.Arbitrary<HoldItem> = fc.oneof(
  anyPlace.map((order) => ({ op: 'place' as const, order })),
  fc
    .record({
      holdId: fc.string(),
      amount: fc.option(fc.maxSafeNat()),
      destination: fc.option(fc.string()),
      final: fc.boolean(),
    })
    .map((capture) => ({
      op: 'capture' as const,
      order: { ...orderOf({ kind: 'capture', transactionId: 'id' }), capture },
    })),
  fc.record({ ...anyEvent, op: fc.constantFrom('void' as const, 'expire' as const) }),
  fc.record({
    ...anyEvent,
    op: fc.constant('change' as const),
    wanted: fc.record({
      amount: fc.option(fc.maxSafeNat()),
      expiresAt: fc.option(fc.maxSafeNat()),
      expectedRevision: fc.nat(),
    }),
  }),
);

const open: HoldState = { status: 'OPEN', amount: 100, captured: 0, expiresAt: 9_000, revision: 1 };
const record = (different: Partial<HoldRecord> = {}): HoldRecord => ({
  status: RecordStatus.POSTED,
  detail: 0,
  balance: 500,
  version: 3,
  otherBalance: 0,
  otherVersion: 0,
  settingsVersion: 2,
  otherSettingsVersion: 0,
  seq: 10,
  held: 100,
  heldChange: 100,
  moved: 0,
  hold: open,
  ...different,
});
const entryOf = (...results: [HoldItem, HoldRecord, string?][]): JournalEntry => ({
  kind: 'holds',
  firstSeq: results[0]?.[1].seq ?? 0,
  payload: `[${results.map(([item, , trace]) => encodeHoldItem(item, TAKEN_AT, trace)).join(',')}]`,
  records: Buffer.concat(results.map(([, one]) => encodeHoldRecord(one))),
  acceptedAt: ACCEPTED_AT,
});

const place: HoldOrder = {
  holdId: 'h1',
  account: 'ada',
  destination: null,
  amount: 100,
  currency: 'EUR',
  expiresAt: null,
  reference: null,
  metadata: null,
  user: 'shop',
  correlationId: 'c-1',
};
const when = { epoch: EPOCH, acceptedAt: ACCEPTED_AT, takenAt: TAKEN_AT };
const who = { user: 'shop', correlationId: 'c-1' };

describe('a hold in the journal', () => {
  it('is decoded as it was encoded, whatever its numbers are', () => {
    fc.assert(
      fc.property(anyRecord, (one) => {
        const bytes = encodeHoldRecord(one);
        expect(bytes).toHaveLength(HOLD_RECORD_BYTES);
        expect(decodeHoldRecord(Buffer.concat([Buffer.alloc(3), bytes]), 3)).toEqual(one);
      }),
    );
  });

  it('is decoded as it was encoded, whatever its texts are', () => {
    fc.assert(
      fc.property(fc.array(anyItem), fc.maxSafeNat(), (items, takenAt) => {
        const payload = `[${items.map((item) => encodeHoldItem(item, takenAt, TRACE)).join(',')}]`;
        expect(decodeHoldItems(payload)).toEqual(items.map((item) => ({ ...item, takenAt, trace: TRACE })));
      }),
    );
  });
});

describe('holdResultsOf', () => {
  const captureOf = (amount: number | null): HoldItem => ({
    op: 'capture',
    order: {
      ...orderOf({
        kind: 'capture',
        transactionId: 't1',
        source: 'ada',
        destination: 'shop',
        amount: amount ?? 0,
        ...who,
      }),
      capture: { holdId: 'h1', amount, destination: 'shop', final: true },
    },
  });

  it('returns a placed hold with the total amount that is then held in its account', () => {
    expect(holdResultsOf(entryOf([{ op: 'place', order: place }, record()]), EPOCH)).toEqual([
      {
        event: {
          kind: 'PLACED',
          holdId: 'h1',
          account: 'ada',
          currency: 'EUR',
          order: place,
          side: { balance: 500, version: 3, settingsVersion: 2 },
          hold: open,
          held: 100,
          heldChange: 100,
          seq: 10,
          ...who,
          ...when,
        },
      },
    ]);
  });

  it('returns a refused hold with the reason', () => {
    const refused = record({ status: RecordStatus.REJECTED, detail: refusalNumber('hold_not_allowed') });
    expect(holdResultsOf(entryOf([{ op: 'place', order: place }, refused]), EPOCH)).toMatchObject([
      { event: { kind: 'REFUSED', refusal: 'hold_not_allowed', order: place, seq: 10 } },
    ]);
  });

  it('returns a capture as the outcome of a transfer, with the amount that was decided', () => {
    const done: HoldState = { ...open, status: 'CAPTURED', captured: 100, revision: 2 };
    const captured = record({ moved: 100, held: 0, heldChange: -100, hold: done, otherBalance: 7, otherVersion: 4 });
    const [result] = holdResultsOf(entryOf([captureOf(null), captured]), EPOCH);
    expect(result).toMatchObject({
      capture: {
        status: 'POSTED',
        order: { transactionId: 't1', kind: 'capture', amount: 100, capture: { amount: null } },
        source: { balance: 500, version: 3 },
        destination: { balance: 7, version: 4 },
        hold: { hold: done, held: 0, heldChange: -100 },
      },
    });
  });

  it('returns a refused capture with the requested amount', () => {
    const refused = record({ status: RecordStatus.REJECTED, detail: refusalNumber('hold_exceeded'), moved: 101 });
    expect(holdResultsOf(entryOf([captureOf(101), refused]), EPOCH)).toMatchObject([
      { capture: { status: 'REJECTED', refusal: 'hold_exceeded', order: { amount: 101 } } },
    ]);
  });

  it('returns changes, voids and expiries under the ids of their events, and omits items that wrote nothing', () => {
    const wanted = { amount: 50, expiresAt: null, expectedRevision: 1 };
    const update = (op: 'change' | 'void' | 'expire', seq: number): [HoldItem, HoldRecord] => {
      const event = { holdId: 'h1', account: 'ada', currency: 'EUR', eventId: `e${seq}`, ...who };
      return [op === 'change' ? { op, wanted, ...event } : { op, ...event }, record({ seq })];
    };
    const nothing = record({ status: RecordStatus.REJECTED, detail: refusalNumber('hold_not_open'), seq: 0 });
    const [change] = update('change', 0);
    const results = holdResultsOf(
      entryOf(update('void', 10), [change, nothing], update('expire', 11), update('change', 12)),
      EPOCH,
    );
    expect(results).toMatchObject([
      { event: { kind: 'VOIDED', eventId: 'e10' } },
      { event: { kind: 'EXPIRED', eventId: 'e11' } },
      { event: { kind: 'CHANGED', eventId: 'e12' } },
    ]);
  });

  it('finds the last seq of an entry, and reports traces', () => {
    const traces: string[] = [];
    const entry = entryOf([{ op: 'place', order: place }, record(), TRACE], [captureOf(1), record({ seq: 11 })]);
    holdResultsOf(entry, EPOCH, (trace) => traces.push(trace));
    expect(traces).toEqual([TRACE]);
    expect(lastSeqOf(entry)).toBe(11);
    const nothing = record({ status: RecordStatus.REJECTED, seq: 0 });
    expect(lastSeqOf(entryOf([{ op: 'place', order: place }, record()], [captureOf(1), nothing]))).toBe(10);
  });
});
