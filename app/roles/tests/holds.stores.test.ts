import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

let roles: RolesUnderTest;
let api: Role;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper({ REDIS_LOST_AFTER_MS: '500', REDIS_LOST_BY_PODS_AFTER_MS: '250' });
  api = await roles.api();
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
});
afterAll(() => roles.stop());

const newId = () => newUuidV7(systemClock.now());
let account: string;
let shop: string;
beforeEach(async () => {
  [account, shop] = [`a-${newId()}`, `s-${newId()}`];
  for (const accountId of [account, shop]) await api.request('POST', '/v1/accounts', { accountId, currency: 'EUR' });
  await api.transfer(newId(), '100.00', { destinationAccount: account });
});

const holdOf = (holdId: string, more: object = {}) => ({
  holdId,
  account,
  destinationAccount: shop,
  amount: '60.00',
  currency: 'EUR',
  ...more,
});
const place = (holdId: string, more: object = {}) => api.request('POST', '/v1/holds', holdOf(holdId, more));
const on = (holdId: string, what: string, body?: object) => api.request('POST', `/v1/holds/${holdId}/${what}`, body);
const change = (holdId: string, revision: number, body: object) =>
  api.request('PATCH', `/v1/holds/${holdId}`, body, API_KEY, { 'If-Match': `"${revision}"` });
const read = async (holdId: string) => (await api.request('GET', `/v1/holds/${holdId}`)).json;
const balance = async (id = account) => {
  const { balance, held, available } = (await api.request('GET', `/v1/accounts/${id}/balance`)).json;
  return [balance, held, available];
};

describe.each(['CACHE', 'DIRECT'] as const)('In %s, the API of holds', (mode) => {
  beforeAll(async () => {
    if (mode === 'CACHE') return;
    await roles.redis.stop();
    await api.worksIn('DIRECT');
  });

  it('places, changes and captures a hold in parts', async () => {
    const id = newId();
    expect(await place(id, { dryRun: true })).toMatchObject({ status: 200, json: { available: '40.00' } });
    expect(await place(id)).toMatchObject({ status: 201, json: { status: 'OPEN', remaining: '60.00', revision: 1 } });
    expect(await balance()).toEqual(['100.00', '60.00', '40.00']);
    expect(await place(id)).toMatchObject({ status: 200, json: { replayed: true } });
    expect(await place(id, { amount: '1.00' })).toMatchObject({ status: 409, json: { code: 'hold_id_reused' } });
    const pay = { sourceAccount: account, destinationAccount: shop };
    expect(await api.transfer(newId(), '40.01', pay)).toMatchObject({
      status: 422,
      json: { code: 'insufficient_funds' },
    });
    expect(await change(id, 1, { amount: '80.00' })).toMatchObject({ status: 200, json: { revision: 2 } });
    expect(await change(id, 1, { amount: '70.00' })).toMatchObject({ status: 412, json: { code: 'hold_changed' } });
    const transactionId = newId();
    const part = { transactionId, amount: '30.00', final: false };
    expect(await on(id, 'capture', part)).toMatchObject({ status: 201, json: { hold: { remaining: '50.00' } } });
    expect(await on(id, 'capture', part)).toMatchObject({ status: 200, json: { hold: { remaining: '50.00' } } });
    expect(await on(id, 'capture', { ...part, final: true })).toMatchObject({ status: 409 });
    expect(await on(id, 'capture', { amount: '50.01' })).toMatchObject({
      status: 422,
      json: { code: 'hold_exceeded' },
    });
    expect(await on(id, 'capture', { amount: '20.00' })).toMatchObject({ status: 201, json: { amount: '20.00' } });
    expect(await on(id, 'capture', { amount: '20.00' })).toMatchObject({ status: 200, json: { replayed: true } });
    expect(await read(id)).toMatchObject({
      status: 'CAPTURED',
      captured: '50.00',
      revision: 4,
      captures: [{ transactionId, amount: '30.00' }, { amount: '20.00' }],
    });
    expect([await balance(), await balance(shop)]).toEqual([
      ['50.00', '0.00', '50.00'],
      ['50.00', '0.00', '50.00'],
    ]);
    expect(await on(id, 'void')).toMatchObject({ status: 422, json: { code: 'hold_not_open' } });
    expect(await api.request('POST', `/v1/transfers/${transactionId}/reversal`)).toMatchObject({ status: 201 });
  });

  it('voids a hold, lists holds, and reports holds that do not exist or were refused', async () => {
    const [id, other] = [newId(), newId()];
    await place(id);
    await place(other, { amount: '5.00', reference: 'Order 7', metadata: { order: '7' }, durability: 'persisted' });
    expect(await on(id, 'void', { durability: 'persisted' })).toMatchObject({
      status: 200,
      json: { status: 'VOIDED', durability: 'persisted' },
    });
    expect(await on(id, 'void')).toMatchObject({ status: 200, json: { status: 'VOIDED', revision: 2 } });
    const list = async (query: string) =>
      (await api.request('GET', `/v1/accounts/${account}/holds?${query}`)).json['items'];
    expect(await list('status=OPEN')).toMatchObject([
      { holdId: other, reference: 'Order 7', metadata: { order: '7' } },
    ]);
    expect(await list('')).toMatchObject([id, other].sort().map((holdId) => ({ holdId })));
    for (const what of ['capture', 'void'])
      expect(await on(newId(), what)).toMatchObject({ status: 404, json: { code: 'hold_not_found' } });
    expect(await api.request('GET', '/v1/holds/nothing')).toMatchObject({ status: 404 });
    const refused = newId();
    expect(await place(refused, { account: 'world' })).toMatchObject({
      status: 422,
      json: { code: 'hold_not_allowed' },
    });
    expect(await read(refused)).toMatchObject({ status: 'REFUSED', refusal: 'hold_not_allowed' });
  });

  it('counts holds in the limits of their account, and reports which limit refused a hold', async () => {
    const [id, refused] = [newId(), newId()];
    const limits = { dailyDebitMax: '50.00' };
    await api.request('PATCH', `/v1/accounts/${account}`, { limits });
    const by = (remaining: string) => ({ code: 'limit_exceeded', limit: 'dailyDebitMax', value: '50.00', remaining });
    expect(await place(refused, { dryRun: true })).toMatchObject({ status: 422, json: by('50.00') });
    expect(await place(refused)).toMatchObject({ status: 422, json: by('50.00') });
    expect(await place(id, { amount: '30.00' })).toMatchObject({ status: 201 });
    expect(await change(id, 1, { amount: '50.01' })).toMatchObject({ status: 422, json: by('20.00') });
    expect(await place(refused)).toMatchObject({ status: 422, json: by('50.00') });
    expect(await on(id, 'void')).toMatchObject({ status: 200 });
    expect(await place(newId(), { amount: '50.00' })).toMatchObject({ status: 201 });
  });

  it('refuses captures once the hold has expired', async () => {
    const id = newId();
    const expiresAt = new Date(systemClock.now() + 1_500).toISOString();
    expect(await place(id, { expiresAt })).toMatchObject({ status: 201, json: { expiresAt } });
    const late = await until('the hold has expired', async () => {
      const answer = await on(id, 'capture', { dryRun: true });
      return answer.status === 200 ? null : answer;
    });
    expect(late).toMatchObject({ status: 422, json: { code: 'hold_expired' } });
    expect(await on(id, 'capture')).toMatchObject({ status: 422, json: { code: 'hold_expired' } });
    expect(await change(id, 1, { amount: '1.00' })).toMatchObject({ status: 422 });
  });
});

it('Holds that were placed in Redis continue in MySQL, and then in Redis again', async () => {
  await roles.redis.startAgain();
  await api.worksIn('CACHE');
  const [id, other] = [newId(), newId()];
  expect(await place(id)).toMatchObject({ status: 201 });
  expect(await place(other, { amount: '10.00' })).toMatchObject({ status: 201 });
  const first = { transactionId: newId(), amount: '10.00', final: false };
  expect(await on(id, 'capture', first)).toMatchObject({ status: 201 });
  await roles.redis.kill();
  await api.worksIn('DIRECT');
  expect(await read(id)).toMatchObject({
    status: 'OPEN',
    captured: '10.00',
    revision: 2,
    captures: [first].map(shown),
  });
  expect(await on(id, 'capture', first)).toMatchObject({ status: 200, json: { replayed: true } });
  const second = { transactionId: newId(), amount: '20.00', final: false };
  expect(await on(id, 'capture', second)).toMatchObject({ status: 201, json: { hold: { remaining: '30.00' } } });
  expect(await on(other, 'void')).toMatchObject({ status: 200 });
  await roles.redis.startAgain();
  await api.worksIn('CACHE');
  expect(await on(id, 'capture', second)).toMatchObject({ status: 200, json: { replayed: true } });
  expect(await on(id, 'capture')).toMatchObject({
    status: 201,
    json: { amount: '30.00', hold: { status: 'CAPTURED' } },
  });
  expect(await on(other, 'void')).toMatchObject({ status: 200, json: { status: 'VOIDED', revision: 2 } });
  expect(await place(id)).toMatchObject({ status: 200, json: { status: 'CAPTURED', revision: 4 } });
  expect([await balance(), await balance(shop)]).toEqual([
    ['40.00', '0.00', '40.00'],
    ['60.00', '0.00', '60.00'],
  ]);
});

const shown = ({ transactionId, amount }: { transactionId: string; amount: string }) => ({ transactionId, amount });
