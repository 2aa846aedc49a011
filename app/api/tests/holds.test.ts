import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import { captureId } from '../holds/capture.ts';
import { ApiUnderTest, keyWith, NOW } from '../testing/api-under-test.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 10_000 });
  for (const id of ['b', 'c']) api.ledger.open(id);
});
afterEach(() => api.stop());

const holdOf = (different: object = {}) => ({
  holdId: 'h',
  account: 'a',
  destinationAccount: 'b',
  amount: '60.00',
  currency: 'EUR',
  ...different,
});
const place = (different: object = {}, headers: Record<string, string> = {}) =>
  api.post('/v1/holds', holdOf(different), { headers });
const capture = (body?: object, headers: Record<string, string> = {}) =>
  api.request('POST', '/v1/holds/h/capture', { headers, ...(body && { body }) });
const change = (body: object, ifMatch: string | null = '"1"') =>
  api.patch('/v1/holds/h', body, { headers: ifMatch === null ? {} : { 'If-Match': ifMatch } });
const voided = (body?: object) => api.request('POST', '/v1/holds/h/void', body ? { body } : {});
const read = async (id = 'h') => (await api.get(`/v1/holds/${id}`)).json;
const accountA = async () => (await api.get('/v1/accounts/a/balance')).json;

describe('POST /v1/holds', () => {
  it('reserves money: the balance is unchanged, and the available amount decreases', async () => {
    const { status, json, headers } = await place({ reference: 'Order 7', metadata: { order: '7' } });
    expect([status, headers.get('etag')]).toEqual([201, '"1"']);
    expect(json).toEqual({
      holdId: 'h',
      status: 'OPEN',
      account: 'a',
      destinationAccount: 'b',
      amount: '60.00',
      captured: '0.00',
      remaining: '60.00',
      currency: 'EUR',
      expiresAt: new Date(NOW + 7 * DAY_MS).toISOString(),
      revision: 1,
      reference: 'Order 7',
      metadata: { order: '7' },
      acceptedAt: new Date(NOW).toISOString(),
      durability: 'cache',
      replayed: false,
    });
    expect(await accountA()).toMatchObject({ balance: '100.00', held: '60.00', available: '40.00' });
  });

  it('returns the current hold if the content is the same, and 409 if it differs', async () => {
    await place();
    await capture({ transactionId: 't1', amount: '10.00', final: false });
    expect(await place()).toMatchObject({
      status: 200,
      json: { replayed: true, captured: '10.00', remaining: '50.00', revision: 2 },
    });
    expect(await place({ amount: '61.00' })).toMatchObject({
      status: 409,
      json: { code: 'hold_id_reused', holdId: 'h' },
    });
  });

  it('takes its id from the Idempotency-Key', async () => {
    const headers = { 'Idempotency-Key': '"k"' };
    const body = { ...holdOf(), holdId: undefined };
    expect(await api.post('/v1/holds', body, { headers })).toMatchObject({ status: 201, json: { holdId: 'k' } });
    expect(await api.post('/v1/holds', body, { headers })).toMatchObject({ status: 200, json: { replayed: true } });
    expect(await place({}, headers)).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/Idempotency-Key' }] },
    });
  });

  it('is refused permanently under its id', async () => {
    const refused = { status: 422, json: { code: 'insufficient_funds', holdId: 'h' } };
    expect(await place({ amount: '100.01' })).toMatchObject(refused);
    api.ledger.open('a', { balance: 20_000 });
    expect(await place({ amount: '100.01' })).toMatchObject(refused);
    expect(await read()).toMatchObject({
      status: 'REFUSED',
      refusal: 'insufficient_funds',
      amount: '100.01',
      remaining: '0.00',
      expiresAt: null,
      captures: [],
    });
    expect(await capture()).toMatchObject({ status: 404, json: { code: 'hold_not_found' } });
  });

  it.each<[string, object, string]>([
    ['an amount of zero', { amount: '0' }, '/amount'],
    ['an amount with too many decimals', { amount: '1.001' }, '/amount'],
    ['its own account as the destination', { destinationAccount: 'a' }, '/destinationAccount'],
    ['an end more than a year ahead', { expiresAt: new Date(NOW + 367 * DAY_MS).toISOString() }, '/expiresAt'],
    ['an id from the future', { holdId: newUuidV7(NOW + 120_000) }, '/holdId'],
    ['an unknown member', { until: 1 }, '/until'],
  ])('refuses %s', async (_, different, pointer) => {
    expect(await place(different)).toMatchObject({ status: 400, json: { errors: [{ pointer }] } });
  });

  it('requires the scope to make transfers, and that holds are active', async () => {
    expect(await api.post('/v1/holds', holdOf(), { key: keyWith('balances:read') })).toMatchObject({ status: 403 });
    api.holds.failure = new Problem('feature_not_active', 'not yet');
    expect(await place()).toMatchObject({ status: 503, json: { code: 'feature_not_active', holdId: 'h' } });
    expect(await api.get('/v1/accounts/a/holds')).toMatchObject({ status: 503 });
  });
});

describe('POST /v1/holds/{holdId}/capture', () => {
  beforeEach(() => place());

  it('without a body takes all that is left, once', async () => {
    const { status, json } = await capture();
    expect(status).toBe(201);
    expect(json).toMatchObject({
      transactionId: captureId('h', 0),
      sourceAccount: 'a',
      destinationAccount: 'b',
      amount: '60.00',
      sourceBalance: '40.00',
      destinationBalance: '60.00',
      hold: { status: 'CAPTURED', captured: '60.00', remaining: '0.00', revision: 2 },
    });
    expect(await capture()).toMatchObject({ status: 200, json: { replayed: true, amount: '60.00' } });
    expect(await capture({ amount: '1.00' })).toMatchObject({ status: 409, json: { code: 'transaction_id_reused' } });
    expect(await accountA()).toMatchObject({ balance: '40.00', held: '0.00' });
  });

  it('without an id is tried again under the next derived id if it was refused', async () => {
    const refused = { status: 422, json: { code: 'hold_exceeded', holdId: 'h' } };
    expect(await capture({ amount: '60.01' })).toMatchObject(refused);
    expect((await capture({ amount: '60.01' })).json).toMatchObject({ transactionId: captureId('h', 1) });
    // The earlier attempt, with different content, was refused, too, so it does not block this one.
    expect(await capture({ amount: '5.00' })).toMatchObject({
      status: 201,
      json: { transactionId: captureId('h', 2), amount: '5.00', hold: { status: 'CAPTURED', remaining: '0.00' } },
    });
  });

  it('of a part keeps the rest reserved, and requires an id', async () => {
    expect(await capture({ amount: '10.00', final: false })).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/transactionId' }] },
    });
    expect(await capture({ amount: '10.00', final: false }, { 'Idempotency-Key': 't1' })).toMatchObject({
      status: 201,
      json: { transactionId: 't1', hold: { status: 'OPEN', captured: '10.00', remaining: '50.00' } },
    });
    expect(await capture({ transactionId: 't1', amount: '10.00', final: false })).toMatchObject({ status: 200 });
    expect(await capture({ transactionId: 't1', amount: '10.00' })).toMatchObject({ status: 409 });
    api.holds.lateCaptures = 2;
    expect(await read()).toMatchObject({
      status: 'OPEN',
      captures: [{ transactionId: 't1', amount: '10.00', destinationAccount: 'b' }],
    });
  });

  it('is a transfer, which can be read and reversed', async () => {
    await capture({ transactionId: 't1', amount: '10.00', reference: 'Parcel 1' });
    expect((await api.get('/v1/transfers/t1')).json).toMatchObject({
      kind: 'capture',
      holdId: 'h',
      amount: '10.00',
      reference: 'Parcel 1',
    });
    expect(await api.post('/v1/transfers/t1/reversal')).toMatchObject({
      status: 201,
      json: { sourceAccount: 'b', destinationAccount: 'a', amount: '10.00' },
    });
    await capture({ transactionId: 't2', amount: '99.00' });
    expect((await api.get('/v1/transfers/t2')).json).toMatchObject({ status: 'REJECTED', refusal: 'hold_not_open' });
  });

  it('names the destination only if the hold has none', async () => {
    expect(await capture({ destinationAccount: 'c' })).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/destinationAccount' }] },
    });
    await place({ holdId: 'i', destinationAccount: null, amount: '10.00' });
    const free = (body: object) => api.post('/v1/holds/i/capture', body);
    expect(await free({})).toMatchObject({ status: 400, json: { errors: [{ pointer: '/destinationAccount' }] } });
    expect(await free({ destinationAccount: 'a' })).toMatchObject({ status: 400 });
    expect(await free({ destinationAccount: 'c' })).toMatchObject({ status: 201, json: { destinationAccount: 'c' } });
  });

  it.each<[string, object, string]>([
    ['an amount of zero', { amount: '0.00' }, '/amount'],
    ['an id from the future', { transactionId: newUuidV7(NOW + 120_000) }, '/transactionId'],
    ['a reserved id', { transactionId: 'capture:x' }, '/transactionId'],
  ])('refuses %s', async (_, body, pointer) => {
    expect(await capture(body)).toMatchObject({ status: 400, json: { errors: [{ pointer }] } });
  });

  it('of a hold that does not exist returns 404', async () => {
    expect(await api.post('/v1/holds/nothing/capture')).toMatchObject({
      status: 404,
      json: { code: 'hold_not_found', holdId: 'nothing' },
    });
  });

  it('is refused once the hold has expired', async () => {
    api.clock.time = NOW + 7 * DAY_MS;
    expect(await capture()).toMatchObject({ status: 422, json: { code: 'hold_expired' } });
  });
});

describe('POST /v1/holds/{holdId}/void', () => {
  beforeEach(() => place());

  it('releases what is left, and has the same result when repeated', async () => {
    await capture({ transactionId: 't1', amount: '10.00', final: false });
    const after = { status: 200, json: { status: 'VOIDED', captured: '10.00', remaining: '0.00', revision: 3 } };
    expect(await voided()).toMatchObject(after);
    expect(await voided({ durability: 'persisted' })).toMatchObject(after);
    expect(await accountA()).toMatchObject({ balance: '90.00', held: '0.00' });
    expect(api.holds.asked.at(-1)).toEqual({ what: 'void', durability: 'persisted' });
  });

  it('is refused for a captured hold', async () => {
    await capture();
    expect(await voided()).toMatchObject({ status: 422, json: { code: 'hold_not_open' } });
  });

  it('takes no Idempotency-Key, because it can be repeated safely without one', async () => {
    const headers = { 'Idempotency-Key': 'k' };
    expect(await api.request('POST', '/v1/holds/h/void', { headers })).toMatchObject({ status: 400 });
  });
});

describe('PATCH /v1/holds/{holdId}', () => {
  beforeEach(() => place());

  it('changes the amount and the end, at the revision that the client knows', async () => {
    const expiresAt = new Date(NOW + HOUR_MS).toISOString();
    const { status, json, headers } = await change({ amount: '80.00', expiresAt });
    expect([status, headers.get('etag')]).toEqual([200, '"2"']);
    expect(json).toMatchObject({ amount: '80.00', remaining: '80.00', expiresAt, revision: 2 });
    expect(await change({ amount: '70.00' })).toMatchObject({ status: 412, json: { code: 'hold_changed' } });
    expect(await change({ amount: '70.00' }, 'W/"2"')).toMatchObject({ status: 200, json: { revision: 3 } });
    expect(await change({ amount: '50.00' }, '*')).toMatchObject({ status: 200, json: { revision: 4 } });
    expect(await accountA()).toMatchObject({ held: '50.00' });
  });

  it('returns 428 without If-Match', async () => {
    expect(await change({ amount: '80.00' }, null)).toMatchObject({
      status: 428,
      json: { code: 'precondition_required' },
    });
    expect(await change({ amount: '80.00' }, '"1", "2"')).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/If-Match' }] },
    });
  });

  it('is refused without being remembered', async () => {
    expect(await change({ amount: '100.01' })).toMatchObject({ status: 422, json: { code: 'insufficient_funds' } });
    await capture({ transactionId: 't1', amount: '10.00', final: false });
    expect(await change({ amount: '10.00' }, '"2"')).toMatchObject({ status: 422, json: { code: 'hold_exceeded' } });
    expect(await read()).toMatchObject({ amount: '60.00', revision: 2 });
  });

  it.each<[string, object, string]>([
    ['nothing to change', {}, ''],
    ['an amount of zero', { amount: '0.00' }, '/amount'],
    ['an end more than a year ahead', { expiresAt: new Date(NOW + 367 * DAY_MS).toISOString() }, '/expiresAt'],
    ['another account', { account: 'c' }, '/account'],
  ])('refuses %s', async (_, body, pointer) => {
    expect(await change(body)).toMatchObject({ status: 400, json: { errors: [{ pointer }] } });
  });
});

describe('GET /v1/accounts/{id}/holds', () => {
  it('lists holds in pages, by status', async () => {
    for (const holdId of ['h1', 'h2', 'h3']) await place({ holdId, amount: '10.00' });
    await place({ holdId: 'h4', amount: '999.00' });
    await api.post('/v1/holds/h2/void');
    const list = async (query: string) => (await api.get(`/v1/accounts/a/holds?${query}`)).json;
    const idsIn = ({ items }: Record<string, unknown>) => (items as { holdId: string }[]).map(({ holdId }) => holdId);
    const first = await list('limit=2');
    expect(idsIn(first)).toEqual(['h1', 'h2']);
    const second = await list(`limit=2&cursor=${first['nextCursor']}`);
    expect([idsIn(second), second['nextCursor']]).toEqual([['h3'], null]);
    expect(idsIn(await list('status=OPEN'))).toEqual(['h1', 'h3']);
    expect(idsIn(await list('status=VOIDED'))).toEqual(['h2']);
  });

  it('returns an empty list for an account without holds, and 404 for an unknown account', async () => {
    expect((await api.get('/v1/accounts/c/holds')).json).toEqual({ items: [], nextCursor: null });
    expect(await api.get('/v1/accounts/nobody/holds')).toMatchObject({ status: 404 });
  });

  it.each(['status=REFUSED', 'limit=0', 'cursor=x', 'cursor=djEu'])('refuses %s', async (query) => {
    expect(await api.get(`/v1/accounts/a/holds?${query}`)).toMatchObject({ status: 400 });
  });

  it('needs the scope to read balances', async () => {
    expect(await api.get('/v1/accounts/a/holds', { key: keyWith('transfers:write') })).toMatchObject({ status: 403 });
  });
});

describe('A dry run', () => {
  const dryRun = true;

  it('shows the hold that would be placed, and what would be available', async () => {
    const { json } = await place({ dryRun });
    expect(json).toMatchObject({ dryRun, holdId: 'h', status: 'OPEN', remaining: '60.00', available: '40.00' });
    const withoutId = await api.post('/v1/holds', { ...holdOf({ dryRun }), holdId: undefined });
    expect(withoutId.json).not.toHaveProperty('holdId');
    expect(await place({ dryRun, amount: '100.01' })).toMatchObject({
      status: 422,
      json: { code: 'insufficient_funds' },
    });
    const key = keyWith('transfers:write');
    expect((await api.post('/v1/holds', holdOf({ dryRun }), { key })).json).not.toHaveProperty('available');
    expect(await accountA()).toMatchObject({ held: '0.00' });
    expect(await place()).toMatchObject({ status: 201 });
    expect(await place({ dryRun })).toMatchObject({ status: 200, json: { replayed: true } });
    expect(await place({ dryRun, amount: '1.00' })).toMatchObject({ status: 409 });
  });

  it('shows a capture, a change and a void', async () => {
    await place();
    expect(await capture({ dryRun, amount: '10.00' })).toMatchObject({
      status: 200,
      json: {
        dryRun,
        amount: '10.00',
        sourceBalance: '90.00',
        destinationBalance: '10.00',
        hold: { status: 'CAPTURED', captured: '10.00', remaining: '0.00', available: '90.00' },
      },
    });
    expect(await capture({ dryRun, amount: '60.01' })).toMatchObject({ status: 422, json: { code: 'hold_exceeded' } });
    expect(await change({ dryRun, amount: '70.00' })).toMatchObject({
      json: { dryRun, remaining: '70.00', revision: 2 },
    });
    expect(await voided({ dryRun })).toMatchObject({ json: { dryRun, status: 'VOIDED', available: '100.00' } });
    expect(await read()).toMatchObject({ status: 'OPEN', revision: 1 });
    await capture({ transactionId: 't1', amount: '10.00', final: false });
    const again = { dryRun, transactionId: 't1', amount: '10.00', final: false };
    expect(await capture(again)).toMatchObject({ status: 200, json: { replayed: true } });
  });
});
