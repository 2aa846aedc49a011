import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiUnderTest } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 10_000 });
  for (const id of ['b', 'c']) api.ledger.open(id);
});
afterEach(() => api.stop());

const NOT_FOUND = { status: 404, json: { code: 'hold_not_found' } };

describe('a hold', () => {
  beforeEach(async () => {
    await api.post('/v1/holds', { holdId: 'h', account: 'a', amount: '60.00', currency: 'EUR' });
  });

  it('is found by its account, and not by another one', async () => {
    expect(await api.get('/v1/holds/h?account=a')).toMatchObject({ status: 200, json: { account: 'a' } });
    expect(await api.get('/v1/holds/h?account=b')).toMatchObject(NOT_FOUND);
    expect(await api.get('/v1/holds/h?account=')).toMatchObject({ status: 400 });
  });

  it('is changed, captured and voided only under its account', async () => {
    const change = (account: string) =>
      api.patch(`/v1/holds/h?account=${account}`, { amount: '50.00' }, { headers: { 'If-Match': '*' } });
    const capture = (account: string) =>
      api.post(`/v1/holds/h/capture?account=${account}`, {
        transactionId: 't',
        amount: '1.00',
        destinationAccount: 'b',
        final: false,
      });
    const voided = (account: string) => api.request('POST', `/v1/holds/h/void?account=${account}`, {});
    for (const ask of [change, capture, voided]) expect(await ask('c')).toMatchObject(NOT_FOUND);
    expect(await change('a')).toMatchObject({ status: 200, json: { amount: '50.00' } });
    expect(await capture('a')).toMatchObject({ status: 201 });
    expect(await voided('a')).toMatchObject({ status: 200, json: { status: 'VOIDED', captured: '1.00' } });
  });
});

describe('a group', () => {
  it('is found by each of its accounts, and not by another one', async () => {
    const transfers = [{ sourceAccount: 'a', destinationAccount: 'b', amount: '1.00', currency: 'EUR' }];
    const group = { groupId: 'g', transfers: [...transfers, ...transfers] };
    expect(await api.post('/v1/transfers/group', group)).toMatchObject({ status: 201 });
    for (const account of ['a', 'b'])
      expect(await api.get(`/v1/transfers/group/g?account=${account}`)).toMatchObject({ status: 200 });
    expect(await api.get('/v1/transfers/group/g?account=c')).toMatchObject({
      status: 404,
      json: { code: 'group_not_found' },
    });
  });
});
