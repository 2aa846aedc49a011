import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TransferPending } from '../../domain/crossing.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import { orderOf } from '../../domain/testing/orders.ts';
import { ApiUnderTest, keyWith, NOW } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 10_000 });
  api.ledger.open('b');
});
afterEach(() => api.stop());

const transfer = { sourceAccount: 'a', destinationAccount: 'b', amount: '12.34', currency: 'EUR' };
const send = (fields: object = {}, key?: string) =>
  api.post('/v1/transfers', { ...transfer, ...fields }, key === undefined ? {} : { key });
const iso = (ms: number) => new Date(ms).toISOString();

describe('POST /v1/transfers', () => {
  it('returns 201 with both sides', async () => {
    const { status, json } = await send({ transactionId: 't1' });
    expect(status).toBe(201);
    expect(json).toEqual({
      transactionId: 't1',
      status: 'POSTED',
      sourceAccount: 'a',
      destinationAccount: 'b',
      amount: '12.34',
      currency: 'EUR',
      timestamp: iso(NOW),
      acceptedAt: iso(NOW),
      sourceBalance: '87.66',
      sourceVersion: 1,
      destinationBalance: '12.34',
      destinationVersion: 1,
      durability: 'cache',
      replayed: false,
    });
  });
  it('passes the ledger minor units, and null for omitted fields', async () => {
    await send({ transactionId: 't1' });
    const whole = { timestamp: iso(NOW - 5), reference: 'order 1', metadata: { k: 'v' }, durability: 'persisted' };
    await send({ transactionId: 't2', ...whole });
    expect(api.ledger.applied).toEqual([
      {
        durability: 'cache',
        orders: [
          {
            kind: 'transfer',
            transactionId: 't1',
            source: 'a',
            destination: 'b',
            amount: 1234,
            currency: 'EUR',
            timestamp: null,
            reference: null,
            metadata: null,
            reverses: null,
            user: 'tester',
            correlationId: expect.any(String),
          },
        ],
      },
      {
        durability: 'persisted',
        orders: [expect.objectContaining({ timestamp: NOW - 5, reference: 'order 1', metadata: { k: 'v' } })],
      },
    ]);
  });
  it('rejects a new id that a URL path cannot contain, but lets an existing account with such an id be emptied', async () => {
    for (const transactionId of ['.', '..']) {
      expect(await send({ transactionId })).toMatchObject({
        status: 400,
        json: { errors: [{ pointer: '/transactionId' }] },
      });
    }
    api.ledger.open('..', { balance: 1234 });
    expect(await send({ sourceAccount: '..' })).toMatchObject({ status: 201, json: { sourceBalance: '0.00' } });
    expect(await api.post('/v1/balances/query', { accountIds: ['..'] })).toMatchObject({ json: { missing: [] } });
  });
  it('refuses an id with a ~, which is reserved for legs of transfers between shards, and an id with an @', async () => {
    for (const transactionId of ['019b7650-2c00-7000-8000-000000000002~0', 'order-1~back', '~', 'order@1']) {
      expect(await send({ transactionId })).toMatchObject({
        status: 400,
        json: { errors: [{ pointer: '/transactionId' }] },
      });
      expect(await api.get(`/v1/transfers/${transactionId}`)).toMatchObject({ status: 400 });
    }
    expect(api.ledger.applied).toEqual([]);
  });
  it('accepts null for optional fields', async () => {
    const nulls = { transactionId: null, timestamp: null, reference: null, metadata: null, durability: null };
    expect(await send(nulls)).toMatchObject({ status: 201, json: { durability: 'cache' } });
    expect(api.ledger.applied).toMatchObject([
      { durability: 'cache', orders: [{ timestamp: null, reference: null, metadata: null }] },
    ]);
    expect(await send({ metadata: { k: null } })).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/metadata/k' }] },
    });
    for (const field of Object.keys(transfer)) {
      expect(await send({ [field]: null })).toMatchObject({
        status: 400,
        json: { errors: [{ pointer: `/${field}` }] },
      });
    }
  });
  it('generates a UUIDv7 for a transfer without an id', async () => {
    expect((await send()).json['transactionId']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });
  it('returns 200 for a repetition, and 409 for the same id with different content', async () => {
    const first = await send({ transactionId: 't1' });
    const again = await send({ transactionId: 't1' });
    expect(again).toMatchObject({ status: 200, json: { ...first.json, replayed: true } });
    expect(await send({ transactionId: 't1', amount: '1' })).toMatchObject({
      status: 409,
      json: { code: 'transaction_id_reused', transactionId: 't1' },
    });
  });
  it('returns 422 and the id for a refusal, and the same for its replay', async () => {
    const { status, json } = await send({ transactionId: 't1', amount: '100.01' });
    expect([status, json]).toMatchObject([
      422,
      { code: 'insufficient_funds', transactionId: 't1', detail: 'a has less available than 100.01 EUR.' },
    ]);
    api.ledger.open('a', { balance: 1_000_000 });
    const again = await send({ transactionId: 't1', amount: '100.01' });
    const { correlationId: _one, ...problem } = json;
    expect(again).toMatchObject({ status: 422, json: problem });
  });
  it('returns the specific code of every refusal', async () => {
    api.ledger.open('usd', { currency: 'USD' });
    for (const status of ['FROZEN', 'CLOSED', 'SUSPENDED'] as const) api.ledger.open(status, { status });
    api.ledger.open('full', { balance: Number.MAX_SAFE_INTEGER });
    const refused = async (fields: object) => (await send(fields)).json['code'];
    expect(await refused({ destinationAccount: 'usd' })).toBe('currency_mismatch');
    expect(await refused({ destinationAccount: 'FROZEN' })).toBe('account_frozen');
    expect(await refused({ destinationAccount: 'CLOSED' })).toBe('account_closed');
    expect(await refused({ sourceAccount: 'SUSPENDED' })).toBe('account_suspended');
    expect(await refused({ destinationAccount: 'full' })).toBe('balance_out_of_range');
  });
  it('names the missing account', async () => {
    expect(await send({ destinationAccount: 'no', transactionId: 't1' })).toMatchObject({
      status: 404,
      json: { code: 'account_not_found', detail: 'There is no account no.', transactionId: 't1' },
    });
  });
  it('returns the id to send again if the outcome is unknown', async () => {
    api.ledger.failures.set('apply', new Problem('outcome_unknown', 'Not known yet.'));
    const { status, json, headers } = await send();
    expect([status, headers.get('retry-after')]).toEqual([504, '1']);
    expect(json['transactionId']).toMatch(/^[0-9a-f]{8}-/);
    api.ledger.failures.set('apply', new Problem('outcome_unknown', 'Not known yet.', { transactionId: 'its-own' }));
    expect((await send()).json).toMatchObject({ transactionId: 'its-own' });
  });
  it('shows balances only to callers that may read them', async () => {
    const { json } = await send({}, keyWith('transfers:write'));
    expect(json).toMatchObject({ status: 'POSTED', sourceVersion: 1, destinationVersion: 1 });
    expect(Object.keys(json)).not.toContain('sourceBalance');
    expect(Object.keys(json)).not.toContain('destinationBalance');
  });
  it('reports `persisted` once the transfer is in MySQL', async () => {
    expect((await send({ durability: 'persisted', transactionId: 't1' })).json).toMatchObject({
      durability: 'persisted',
    });
    expect((await send({ transactionId: 't1' })).json).toMatchObject({ durability: 'persisted', replayed: true });
  });
  it('fails loudly if the ledger returns a different number of outcomes', async () => {
    api.ledger.apply = async () => [];
    expect(await send()).toMatchObject({ status: 500, json: { code: 'internal_error' } });
  });
});

describe('an invalid transfer', () => {
  it.each([
    ['with money as a number', { amount: 12.34 }, '/amount', 'must be a string such as "12.34", not a JSON number'],
    ['with money of another type', { amount: {} }, '/amount', 'must be a string such as "12.34"'],
    ['without an amount', { amount: undefined }, '/amount', 'is required'],
    ['with too many digits', { amount: '1.001' }, '/amount', 'has 3 decimals, but EUR allows at most 2'],
    ['with an amount of zero', { amount: '0.00' }, '/amount', 'must be more than zero'],
    ['with a sign', { amount: '-1' }, '/amount', expect.stringContaining('no sign')],
    ['with more than 2^53 − 1', { amount: '90071992547409.92' }, '/amount', expect.stringContaining('is more than')],
    ['to its own source', { destinationAccount: 'a' }, '/destinationAccount', 'must differ from the source account'],
    ['with a reserved id', { transactionId: 'reversal:x' }, '/transactionId', expect.stringContaining('reserved')],
    [
      'with a UUIDv7 too far ahead',
      { transactionId: newUuidV7(NOW + 60_001) },
      '/transactionId',
      expect.stringContaining('60 seconds ahead'),
    ],
    [
      'with a timestamp too far ahead',
      { timestamp: iso(NOW + 300_001) },
      '/timestamp',
      'is more than 5 minutes ahead of our clock',
    ],
    ['with a timestamp in another format', { timestamp: 1 }, '/timestamp', 'must be a string'],
    ['with too long a reference', { reference: 'x'.repeat(141) }, '/reference', 'must have at most 140 characters'],
    ['with a control character', { reference: 'a\u0007' }, '/reference', 'must not contain control characters'],
    ['with an unpaired surrogate', { reference: '\ud800' }, '/reference', expect.stringContaining('well-formed')],
    ['with metadata of other types', { metadata: { n: 1 } }, '/metadata/n', 'must be a string'],
    ['with a list as metadata', { metadata: ['x'] }, '/metadata', 'must be an object'],
    [
      'with an invalid metadata key',
      { metadata: { 'a/b~': 'x' } },
      '/metadata/a~1b~0',
      expect.stringContaining('must be named'),
    ],
    [
      'with a long metadata value',
      { metadata: { k: 'x'.repeat(257) } },
      '/metadata/k',
      'must have at most 256 characters',
    ],
    ['with an unknown durability', { durability: 'memory' }, '/durability', 'must be one of cache, persisted'],
    ['with an unknown field', { ammount: '1' }, '/ammount', 'is not a known field'],
  ])('%s', async (_what, fields, pointer, detail) => {
    const { status, json } = await send(fields);
    expect([status, json]).toMatchObject([400, { code: 'validation_failed', errors: [{ pointer, detail }] }]);
    expect(api.ledger.applied).toEqual([]);
  });
  it('is rejected with more than 16 metadata pairs, and accepted with 16', async () => {
    const pairs = (length: number) => Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, 'v']));
    expect((await send({ metadata: pairs(17) })).json).toMatchObject({
      errors: [{ pointer: '/metadata', detail: 'must have at most 16 pairs' }],
    });
    expect(await send({ metadata: pairs(16) })).toMatchObject({ status: 201 });
  });
  it('gets all errors at once', async () => {
    const { json } = await send({ amount: '0', destinationAccount: 'a', timestamp: iso(NOW + 600_000) });
    expect(json).toMatchObject({
      detail: '/amount must be more than zero (and 2 more).',
      errors: [{ pointer: '/amount' }, { pointer: '/destinationAccount' }, { pointer: '/timestamp' }],
    });
  });
  it('gets a limited number of errors', async () => {
    const fields = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`unknown-${i}${'x'.repeat(80)}`, i]));
    const { json } = await send(fields);
    const errors = json['errors'] as { pointer: string }[];
    expect(json['detail']).toMatch(/ \(and 49 more\)\.$/);
    expect(errors).toHaveLength(20);
    expect(errors[0]?.pointer).toHaveLength(65);
  });
  it('becomes valid just within the time limits', async () => {
    const fields = { timestamp: iso(NOW + 300_000), transactionId: newUuidV7(NOW + 60_000) };
    expect(await send(fields)).toMatchObject({ status: 201 });
  });
});

describe('hostile JSON', () => {
  const raw = (text: string) => api.request('POST', '/v1/transfers', { raw: text });
  const rest = '"sourceAccount":"a","destinationAccount":"b","currency":"EUR"';

  it('does not pollute prototypes', async () => {
    expect(await raw(`{"__proto__":{"amount":"1"},${rest}}`)).toMatchObject({ status: 400 });
    await raw(`{"amount":"1",${rest},"metadata":{"__proto__":"x","constructor":"y"}}`);
    expect(api.ledger.applied[0]?.orders[0]?.metadata).toEqual({ constructor: 'y' });
    expect({}).not.toHaveProperty('x');
  });
  it('may be nested to any depth', async () => {
    expect(await raw(`{"amount":${'['.repeat(30_000)}${']'.repeat(30_000)},${rest}}`)).toMatchObject({ status: 400 });
  });
});

describe('GET /v1/transfers/{transactionId}', () => {
  it('returns everything known about a posted transfer', async () => {
    await send({ transactionId: 't1', reference: 'order 1', metadata: { k: 'v' }, timestamp: iso(NOW - 1000) });
    expect((await api.get('/v1/transfers/t1')).json).toEqual({
      transactionId: 't1',
      status: 'POSTED',
      kind: 'transfer',
      sourceAccount: 'a',
      destinationAccount: 'b',
      amount: '12.34',
      currency: 'EUR',
      timestamp: iso(NOW - 1000),
      acceptedAt: iso(NOW),
      sourceBalance: '87.66',
      sourceVersion: 1,
      destinationBalance: '12.34',
      destinationVersion: 1,
      durability: 'cache',
      persisted: false,
      replayed: true,
      reference: 'order 1',
      metadata: { k: 'v' },
      reverses: null,
      groupId: null,
      holdId: null,
    });
  });
  it('returns the reason of a refusal, without balances', async () => {
    await send({ transactionId: 't1', amount: '5000', durability: 'persisted' });
    await send({ transactionId: 't2', amount: '5000', timestamp: iso(NOW - 1000) });
    const { status, json } = await api.get('/v1/transfers/t1');
    expect([status, json]).toMatchObject([
      200,
      { status: 'REJECTED', refusal: 'insufficient_funds', persisted: true, durability: 'persisted' },
    ]);
    expect(Object.keys(json)).not.toContain('sourceBalance');
    expect((await api.get('/v1/transfers/t2')).json).toMatchObject({ durability: 'cache', timestamp: iso(NOW - 1000) });
  });
  it('is available to transfer callers, without balances, and to balance readers', async () => {
    await send({ transactionId: 't1' });
    const writer = await api.get('/v1/transfers/t1', { key: keyWith('transfers:write') });
    expect(Object.keys(writer.json)).not.toContain('sourceBalance');
    const reader = await api.get('/v1/transfers/t1', { key: keyWith('balances:read') });
    expect(reader.json).toMatchObject({ sourceBalance: '87.66' });
  });
  it('returns 404 for a missing transfer and 400 for an invalid id', async () => {
    expect(await api.get('/v1/transfers/no')).toMatchObject({ status: 404, json: { code: 'transfer_not_found' } });
    expect(await api.get('/v1/transfers/a%2Fb')).toMatchObject({ status: 400 });
  });
  it('finds only a transfer from the given source account', async () => {
    await send({ transactionId: 't1' });
    expect(await api.get('/v1/transfers/t1?sourceAccount=a')).toMatchObject({
      status: 200,
      json: { status: 'POSTED' },
    });
    const other = { status: 404, json: { code: 'transfer_not_found' } };
    expect(await api.get('/v1/transfers/t1?sourceAccount=b')).toMatchObject(other);
    expect(await api.post('/v1/transfers/t1/reversal?sourceAccount=b', undefined)).toMatchObject(other);
    expect(await api.get('/v1/transfers/t1?source=a')).toMatchObject({ status: 400 });
  });
  it('shows a transfer between two shards as pending; it cannot be reversed yet', async () => {
    const leg = { name: 'out', source: 'a', destination: 'b', otherShard: 1 } as const;
    const order = orderOf({ transactionId: 't1', destination: '~transit:EUR:0', amount: 1234, leg }, NOW);
    api.ledger.failures.set('outcome', new TransferPending({ order: { ...order, source: 'a' }, acceptedAt: NOW }));
    const { status, json } = await api.get('/v1/transfers/t1');
    expect([status, json]).toMatchObject([
      200,
      { transactionId: 't1', status: 'PENDING', destinationAccount: 'b', amount: '12.34', persisted: false },
    ]);
    expect(Object.keys(json)).not.toContain('sourceVersion');
    expect(await api.post('/v1/transfers/t1/reversal', undefined)).toMatchObject({
      status: 503,
      json: { code: 'transfer_pending' },
    });
  });
});
