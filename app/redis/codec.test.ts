import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketEnd, ID_BUCKET_MS, placeOf } from '../domain/ids.ts';
import { LEGS, type Leg } from '../domain/leg-types.ts';
import { REFUSALS } from '../domain/problem.ts';
import { anyText } from '../domain/testing/any-text.ts';
import { legOf } from '../domain/testing/legs.ts';
import { anyLimits, NO_LIMITS, NO_USAGE } from '../domain/testing/limits.ts';
import { accountOf, orderOf } from '../domain/testing/orders.ts';
import type { TransferOrder } from '../domain/types.ts';
import { decodeAccount, encodeAccount } from '../journal/account-codec.ts';
import {
  decodeOrders,
  decodeRecord,
  encodeOrder,
  encodeRecord,
  lastSeqOf,
  outcomeOf,
  outcomesOf,
  RECORD_BYTES,
  RecordStatus,
  refusalName,
  refusalNumber,
  statusName,
  statusNumber,
} from '../journal/codec.ts';
import { decodeEntry } from './apply-call.ts';
import { epochOfKey, Keys } from './run-script.ts';
import { shardPrefix } from './shard-prefix.ts';

const exact = fc.maxSafeInteger();
const maybeText = fc.option(anyText);

describe('an account in bytes', () => {
  it('is the same after encoding and decoding, up to the limits of the exact range', () => {
    const anyAccount = fc.record({
      balance: exact,
      version: fc.maxSafeNat(),
      held: fc.constantFrom(0, 0, 1, Number.MAX_SAFE_INTEGER),
      limits: fc.option(anyLimits()),
      overdraftLimit: fc.maxSafeNat(),
      settingsVersion: fc.integer({ min: 0, max: 4_294_967_295 }),
      status: fc.constantFrom('ACTIVE' as const, 'SUSPENDED' as const, 'FROZEN' as const, 'CLOSED' as const),
      external: fc.boolean(),
      currency: fc.constantFrom('EUR', 'JPY', 'KWD'),
    });
    fc.assert(
      fc.property(anyAccount, fc.maxSafeNat(), fc.boolean(), (different, seq, modified) => {
        const account = accountOf('some', different);
        const bytes = encodeAccount(account, seq, modified);
        expect(decodeAccount('some', bytes)).toEqual({ ...account, seq, modified });
        expect(decodeAccount('some', Buffer.concat([bytes, bytes]), bytes.length, bytes.length).limits).toEqual(
          account.limits,
        );
      }),
    );
  });

  it('takes 42 bytes unless it has limits or some of its money is held', () => {
    const limits = { ...NO_LIMITS, transferMax: 0, usage: NO_USAGE };
    expect(encodeAccount(accountOf('some'))).toHaveLength(42);
    expect(encodeAccount(accountOf('some', { held: 1 }))).toHaveLength(50);
    expect(encodeAccount(accountOf('some', { limits }))).toHaveLength(138);
  });
});

describe('a record in bytes', () => {
  it('is the same after encoding and decoding', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const word = fc.integer({ min: 0, max: 4_294_967_295 });
    const anyRecord = fc.record({
      status: byte,
      detail: byte,
      balance: exact,
      version: exact,
      otherBalance: exact,
      otherVersion: exact,
      settingsVersion: word,
      otherSettingsVersion: word,
      seq: exact,
    });
    fc.assert(
      fc.property(anyRecord, (record) => {
        const bytes = encodeRecord(record);
        expect(bytes).toHaveLength(RECORD_BYTES);
        expect(decodeRecord(bytes, 0)).toEqual(record);
      }),
    );
  });
});

const anyLeg: fc.Arbitrary<Leg> = fc
  .record({
    name: fc.constantFrom(...LEGS),
    source: fc.string(),
    destination: fc.string(),
    otherShard: fc.nat(1023),
    counted: fc.option(fc.record({ at: fc.maxSafeNat() })),
  })
  .map(({ counted, ...leg }) => ({ ...leg, ...(counted && { counted }) }));

describe('an order in the journal', () => {
  it('is the same after encoding and decoding, with any text', () => {
    const anyOrder: fc.Arbitrary<TransferOrder> = fc
      .record({
        kind: fc.constantFrom('transfer' as const, 'reversal' as const),
        amount: fc.maxSafeNat(),
        timestamp: fc.option(fc.maxSafeNat()),
        reference: maybeText,
        metadata: fc.option(fc.dictionary(fc.string(), anyText)),
        reverses: maybeText,
        user: anyText,
        leg: fc.option(anyLeg),
      })
      .map(({ leg, ...different }) => ({ ...orderOf({ ...different, transactionId: 'id' }), ...(leg && { leg }) }));
    fc.assert(
      fc.property(fc.array(anyOrder), fc.maxSafeNat(), (orders, takenAt) => {
        const payload = `[${orders.map((order) => encodeOrder(order, takenAt)).join(',')}]`;
        const back = decodeOrders(payload);
        expect(back.map(({ order }) => order)).toEqual(orders);
        expect(back.every((one) => one.takenAt === takenAt)).toBe(true);
      }),
    );
  });
});

describe('a leg in the journal', () => {
  const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  it('is stored with or without a trace, but never with the refusal that it carries', () => {
    const out = legOf('out', {}, { leg: { refusal: { refusal: 'account_frozen' } } });
    const { refusal: _, ...leg } = out.leg;
    for (const trace of [null, TRACE])
      expect(decodeOrders(`[${encodeOrder(out, 5, trace)}]`)).toEqual([{ order: { ...out, leg }, takenAt: 5, trace }]);
  });
  it('adds nothing to orders that are not legs', () => {
    expect(JSON.parse(encodeOrder(orderOf(), 1))).toHaveLength(13);
    expect(JSON.parse(encodeOrder(legOf('in'), 1))).toHaveLength(15);
  });
});

describe('the trace context stored with an order', () => {
  const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const decoded = (...payload: string[]) => decodeOrders(`[${payload.join(',')}]`).map(({ trace }) => trace);

  it('is the same after encoding and decoding, and takes no space if there is no trace', () => {
    const order = orderOf();
    expect(decoded(encodeOrder(order, 1, TRACE), encodeOrder(order, 1, null))).toEqual([TRACE, null]);
    expect(JSON.parse(encodeOrder(order, 1, null))).toHaveLength(13);
  });

  it('does not move the fields that release 0.1.0 reads', () => {
    const order = orderOf();
    const traced = JSON.parse(encodeOrder(order, 1, TRACE)) as unknown[];
    expect(traced).toHaveLength(14);
    expect(JSON.stringify(traced.slice(0, 13))).toBe(encodeOrder(order, 1));
    expect(decodeOrders(`[${JSON.stringify(traced)}]`)[0]?.order).toEqual(order);
  });

  it('is ignored unless it is the traceparent of a sampled trace', () => {
    const hostile = [
      `${TRACE}-more`,
      TRACE.replace(/01$/, '00'),
      TRACE.toUpperCase(),
      `01${TRACE.slice(2)}`,
      'x'.repeat(1e5),
    ];
    for (const other of [...hostile, '', 7, null, {}, [TRACE]]) {
      const fields = [...(JSON.parse(encodeOrder(orderOf(), 1)) as unknown[]), other];
      expect(decoded(JSON.stringify(fields))).toEqual([null]);
    }
  });
});

describe('Enum values encoded as numbers', () => {
  it('match rules.lua, and are the same after encoding and decoding', () => {
    expect(REFUSALS.map(refusalNumber)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    for (const refusal of REFUSALS) expect(refusalName(refusalNumber(refusal))).toBe(refusal);
    expect([0, 1, 2, 3].map(statusName).map(statusNumber)).toEqual([0, 1, 2, 3]);
  });
  it('are rejected if unknown', () => {
    for (const code of [0, 8]) expect(() => refusalName(code)).toThrow(RangeError);
    expect(() => statusName(4)).toThrow(RangeError);
  });
});

describe('a journal entry', () => {
  const record = (status: number, seq: number) => ({
    ...{
      status,
      detail: 2,
      balance: 1,
      version: 1,
      otherBalance: 1,
      otherVersion: 1,
      settingsVersion: 1,
      otherSettingsVersion: 1,
      seq,
    },
  });
  const entry = (...records: ReturnType<typeof record>[]) => ({
    kind: 'transfers' as const,
    firstSeq: 5,
    payload: `[${records.map((_, index) => encodeOrder(orderOf({ transactionId: `t${index}` }), 1)).join(',')}]`,
    records: Buffer.concat(records.map(encodeRecord)),
    acceptedAt: 9,
  });
  const { POSTED, REJECTED, REPLAYED, SAME_CALL, MISSING, NEEDS_LOOKUP } = RecordStatus;

  it('contains the outcomes that its call wrote, and omits the others', () => {
    const all = outcomesOf(
      entry(
        record(REPLAYED, 1),
        record(POSTED, 5),
        record(MISSING, 0),
        record(REJECTED, 6),
        record(SAME_CALL, 1),
        record(NEEDS_LOOKUP, 0),
      ),
      3,
    );
    expect(all.map(({ order, seq, status, epoch }) => [order.transactionId, seq, status, epoch])).toEqual([
      ['t1', 5, 'POSTED', 3],
      ['t3', 6, 'REJECTED', 3],
    ]);
  });

  it('has outcomes only for records with status POSTED or REJECTED', () => {
    const taken = { order: orderOf(), acceptedAt: 1, takenAt: 1, epoch: 1 };
    expect(outcomeOf(record(POSTED, 5), taken).status).toBe('POSTED');
    expect(outcomeOf(record(REJECTED, 5), taken).status).toBe('REJECTED');
    for (const status of [0, REPLAYED, SAME_CALL, NEEDS_LOOKUP, MISSING, 7]) {
      expect(() => outcomeOf(record(status, 5), taken)).toThrow(RangeError);
    }
  });

  it('ends with the last seq that its call wrote', () => {
    expect(lastSeqOf(entry(record(POSTED, 5), record(REJECTED, 6), record(REPLAYED, 9)))).toBe(6);
    expect(lastSeqOf(entry(record(POSTED, 5), record(POSTED, 6)))).toBe(6);
    expect(lastSeqOf(entry(record(REPLAYED, 9)))).toBe(5);
  });

  it('with an unknown format is rejected', () => {
    expect(() => decodeEntry([Buffer.from('1-0'), [Buffer.from('k'), Buffer.from('t')]])).toThrow('unknown format');
  });
});

describe('Ids and keys', () => {
  it('the place of an id is the bucket of its UUIDv7 time, or "other"', () => {
    expect(placeOf('0000000f-4240-7000-8000-000000000000')).toEqual({
      bucket: Math.floor(0xf4240 / ID_BUCKET_MS),
      time: 0xf4240,
    });
    expect(placeOf('invoice-1')).toEqual({ bucket: null, time: 0 });
  });
  it('a bucket ends one ms before the next one begins', () => {
    expect(bucketEnd(4) + 1).toBe(5 * ID_BUCKET_MS);
  });
  it('all keys of an epoch are in one slot, and all except the fence contain the epoch', () => {
    const keys = new Keys(shardPrefix('hf'), { epoch: 12, format: 1 });
    const all = [keys.ledger, keys.accounts, keys.journal, ...keys.otherIds, keys.idBucket(3)];
    for (const key of all) expect(key.startsWith('hf:{0}:12:')).toBe(true);
    expect(new Set(all).size).toBe(all.length);
    expect(keys.fence).toBe('hf:{0}:fence');
  });
  it('the keys of format 2 have their own prefix, except the fence and the owner, which all formats share', () => {
    const [one, two] = [1, 2].map((format) => new Keys(shardPrefix('hf'), { epoch: 12, format: format as 1 | 2 }));
    expect(two?.accounts).toBe('hf:{0}:f2:12:accounts');
    expect(two?.idBucket(3)).toBe('hf:{0}:f2:12:ids:3');
    expect([two?.fence, two?.owner]).toEqual([one?.fence, one?.owner]);
  });
  it.each([
    ['3:ledger', 3],
    ['f2:11:ids:7', 11],
    ['f2:ledger', null],
    ['3x:ledger', null],
    ['fence', null],
  ])('the key %s belongs to epoch %s', (key, epoch) => {
    expect(epochOfKey(key)).toBe(epoch);
  });
});
