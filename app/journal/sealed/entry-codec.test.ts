import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MODES } from '../../domain/authority.ts';
import { LEGS } from '../../domain/leg-types.ts';
import { LIMITS } from '../../domain/limits.ts';
import { HOLD_REFUSALS, REFUSALS } from '../../domain/problem.ts';
import { anyCharacter, anyText } from '../../domain/testing/any-text.ts';
import { encodeEntry } from './entry-codec.ts';
import { decodeEntry } from './entry-decoder.ts';
import type { SealedEntry, SealedOrder } from './sealed-entry.ts';

type Known = Exclude<SealedEntry, { kind: 'unknown' }>;

const id = fc.string({ unit: fc.constantFrom(...'abzAZ019._:@~-'), minLength: 1, maxLength: 80 });
const money = fc.maxSafeInteger();
const time = fc.nat({ max: 8_640_000_000_000_000 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const digest = fc.string({ unit: fc.constantFrom(...'abcABC012_-'), minLength: 43, maxLength: 43 });
const currency = fc.constantFrom('EUR', 'JPY');
const refusal = fc.constantFrom(...REFUSALS, ...HOLD_REFUSALS);
const orNull = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null });
const side = fc.record({ balance: money, version: count, settingsVersion: count });
const limit = fc.record({ limit: fc.constantFrom(...LIMITS), value: count, remaining: money });
const limitValues = Object.fromEntries(LIMITS.map((name) => [name, orNull(count)])) as Record<
  (typeof LIMITS)[number],
  fc.Arbitrary<number | null>
>;
const limits = fc.record(limitValues);

/** A record in which some of the optional fields are absent. */
const withSome = <R extends object, O extends object>(
  required: { [K in keyof R]: fc.Arbitrary<R[K]> },
  optional: { [K in keyof O]: fc.Arbitrary<O[K]> },
) =>
  fc.record({ ...required, ...optional } as { [K in keyof (R & O)]: fc.Arbitrary<(R & O)[K]> }, {
    requiredKeys: Object.keys(required) as (keyof R)[],
  }) as fc.Arbitrary<R & Partial<O>>;

const state = withSome(
  {
    status: fc.constantFrom('OPEN', 'CAPTURED', 'VOIDED', 'EXPIRED'),
    amount: count,
    captured: count,
    expiresAt: time,
    revision: count,
  },
  { counted: fc.record({ at: time, day: money, month: money }) },
);
const holdAfter = { hold: state, held: count, heldChange: money };
const usageChange = fc.record({ day: money, month: money });
const leg = withSome(
  { name: fc.constantFrom(...LEGS), source: id, destination: id, otherShard: fc.nat(99) },
  { counted: fc.record({ at: time }) },
);
const orderFields = { transactionId: id, source: id, destination: id, amount: count, currency };
const order = withSome(
  {
    kind: fc.constantFrom('transfer', 'reversal', 'capture'),
    ...orderFields,
    timestamp: orNull(time),
    reverses: orNull(id),
  },
  {
    groupId: id,
    capture: fc.record({ holdId: id, amount: orNull(count), destination: orNull(id), final: fc.boolean() }),
    leg,
  },
);
const place = { acceptedAt: time, epoch: count, seq: count };
const member = (groupId: string) =>
  fc.record({
    kind: fc.constantFrom('transfer', 'reversal'),
    ...orderFields,
    timestamp: orNull(time),
    reverses: orNull(id),
    groupId: fc.constant(groupId),
  });
const holdFields = { ...place, holdId: id, account: id, currency };
const asked = fc.record({ destination: orNull(id), amount: count, expiresAt: orNull(time) });
const event = fc.oneof(
  withSome({ kind: fc.constant('PLACED'), ...holdFields, order: asked, side, ...holdAfter }, { usageChange }),
  withSome({ kind: fc.constant('REFUSED'), ...holdFields, order: asked, refusal }, { limit }),
  withSome(
    { kind: fc.constantFrom('CHANGED', 'VOIDED', 'EXPIRED'), ...holdFields, eventId: id, side, ...holdAfter },
    { usageChange },
  ),
);
const accountFields = { accountId: id, currency, external: fc.boolean(), overdraftLimit: count, openedAt: time };
const status = fc.constantFrom('ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED');

/** Any entry of each kind that this release writes. */
const anyEntry: fc.Arbitrary<Known> = fc.oneof(
  withSome(
    {
      kind: fc.constant('transfer'),
      order,
      ...place,
      status: fc.constant('POSTED'),
      source: side,
      destination: side,
      digest,
    },
    { counted: fc.constantFrom(1, 2, 3), hold: withSome(holdAfter, { usageChange }) },
  ),
  withSome(
    { kind: fc.constant('transfer'), order, ...place, status: fc.constant('REJECTED'), refusal, digest },
    { limit },
  ),
  fc.record({
    kind: fc.constant('group'),
    groupId: id,
    split: orNull(anyText),
    ...place,
    status: fc.constant('POSTED'),
    transactionIds: fc.array(id, { maxLength: 3 }),
    accounts: fc.array(id, { maxLength: 3 }),
  }),
  id.chain((groupId) =>
    withSome(
      {
        kind: fc.constant('group'),
        groupId: fc.constant(groupId),
        split: orNull(fc.string()),
        ...place,
        status: fc.constant('REJECTED'),
        orders: fc.array(member(groupId), { maxLength: 3 }),
        index: fc.nat(99),
        refusal,
        digest,
      },
      { limit },
    ),
  ),
  fc.record({ kind: fc.constant('hold'), event, digest }),
  fc.record({ kind: fc.constant('account-opened'), ...accountFields, limits: orNull(limits), digest }),
  fc.record({
    ...{ kind: fc.constant('account-state'), ...accountFields, balance: money, held: count, version: count, status },
    ...{ settingsVersion: count, limits: orNull(limits), digest },
  }),
  fc.record({
    kind: fc.constant('account-changed'),
    change: withSome(
      {
        ...{ changeId: id, accountId: id, acceptedAt: time, seq: count, status },
        ...{ overdraftLimit: count, settingsVersion: count },
      },
      { limits: fc.record({ ...limitValues, begins: fc.boolean() }) },
    ),
    epoch: count,
    digest,
  }),
  fc.record({
    ...{ kind: fc.constant('authority-moved'), epoch: count, mode: fc.constantFrom(...MODES) },
    ...{ format: fc.constantFrom(1, 2), cacheEpoch: orNull(count), digest },
  }),
  fc.record({ kind: fc.constant('loss-accepted'), epoch: count, what: id, id, digest }),
  fc.record({
    ...{ kind: fc.constant('action'), type: id, subject: anyText, at: time },
    ...{
      content: fc.jsonValue({ stringUnit: anyCharacter }).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
      digest: orNull(digest),
    },
  }),
) as unknown as fc.Arbitrary<Known>;

describe('The codec of the log', () => {
  it('decodes what it has encoded, for any entry', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
      }),
      { numRuns: 1000 },
    );
  });

  it('writes an entry as one line of ASCII, and the same line again after decoding', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        const line = encodeEntry(entry);
        expect(line).toMatch(/^[\x20-\x7e]*$/);
        const decoded = decodeEntry(line);
        expect(decoded.kind === 'unknown' ? '' : encodeEntry(decoded)).toBe(line);
      }),
      { numRuns: 1000 },
    );
  });

  // Lines are hashed: a change to this format would make every existing log unreadable or wrong.
  it('does not change the format of its lines', () => {
    const plain: SealedOrder = {
      ...{ kind: 'transfer', transactionId: 't1', source: 'ada', destination: 'bob', amount: 5, currency: 'EUR' },
      ...{ timestamp: null, reverses: null },
    };
    const common = { kind: 'transfer', acceptedAt: 1000, epoch: 3, seq: 7, digest: 'D' } as const;
    expect(
      encodeEntry({
        ...{ ...common, order: plain, status: 'POSTED' },
        source: { version: 2, balance: -5, settingsVersion: 1 },
        destination: { version: 9, balance: 5, settingsVersion: 4 },
      }),
    ).toBe('["t",3,7,1000,"t1","ada","bob",5,"EUR",2,-5,1,9,5,4,"D"]');
    expect(
      encodeEntry({ ...common, order: { ...plain, groupId: 'g1' }, status: 'REJECTED', refusal: 'insufficient_funds' }),
    ).toBe('["r",3,7,1000,"t1","ada","bob",5,"EUR","insufficient_funds","D",{"groupId":"g1"}]');
  });

  it('escapes all characters that JSON requires to be escaped, even in a plain transfer', () => {
    const order: SealedOrder = {
      ...{ kind: 'transfer', transactionId: 'a"b', source: 'c\\d', destination: 'e\nü', amount: 5, currency: 'EUR' },
      ...{ timestamp: null, reverses: null },
    };
    const side = { version: 1, balance: 0, settingsVersion: 1 };
    const entry = {
      ...({ kind: 'transfer', acceptedAt: 1000, epoch: 3, seq: 7, digest: 'D', order, status: 'POSTED' } as const),
      ...{ source: side, destination: side },
    };
    const line = encodeEntry(entry);
    expect(line).toMatch(/^[\x20-\x7e]*$/);
    expect(decodeEntry(line)).toEqual(entry);
  });

  it('reports an entry of a type that it does not know', () => {
    expect(decodeEntry('["zz",1,{}]')).toEqual({ kind: 'unknown', type: 'zz' });
  });

  it('ignores rare fields that a later release has added', () => {
    const line = '["t",3,7,1000,"t1","ada","bob",5,"EUR",2,-5,1,9,5,4,"D",{"later":1,"reverses":"t0"}]';
    expect(decodeEntry(line)).toMatchObject({ kind: 'transfer', order: { reverses: 't0', kind: 'transfer' } });
  });
});
