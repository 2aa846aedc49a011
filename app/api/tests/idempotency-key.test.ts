import { request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { ApiUnderTest, keyWith, NOW } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 10_000 });
  api.ledger.open('b');
});
afterEach(() => api.stop());

const transfer = { sourceAccount: 'a', destinationAccount: 'b', amount: '25.00', currency: 'EUR' };
const send = (key: string, fields: object = {}) =>
  api.post('/v1/transfers', { ...transfer, ...fields }, { headers: { 'Idempotency-Key': key } });
const sendBatch = (key: string, transfers: object[]) =>
  api.post('/v1/transfers/batch', { transfers }, { headers: { 'Idempotency-Key': key } });
const refusal = (detail: string | RegExp = /./) => ({
  status: 400,
  json: {
    code: 'validation_failed',
    errors: [{ pointer: '/Idempotency-Key', detail: expect.stringMatching(detail) }],
  },
});

describe('Idempotency-Key on a transfer', () => {
  it('is used as its id, so sending the same key twice moves the money once', async () => {
    expect(await send('key-1')).toMatchObject({ status: 201, json: { transactionId: 'key-1', replayed: false } });
    expect(await send('key-1')).toMatchObject({ status: 200, json: { transactionId: 'key-1', replayed: true } });
    expect(api.ledger.accounts.get('b')?.balance).toBe(2500);
  });
  it('is recognized with quotes, without them, and as transactionId in the body', async () => {
    const id = newUuidV7(NOW);
    const statuses = [await send(`"${id}"`), await send(id), await send(id, { transactionId: id })];
    expect(statuses.map(({ status }) => status)).toEqual([201, 200, 200]);
    expect(await api.post('/v1/transfers', { ...transfer, transactionId: id })).toMatchObject({ status: 200 });
    expect(await send(id, { transactionId: null })).toMatchObject({ status: 200 });
  });
  it('returns 409 for different content', async () => {
    await send('key-1');
    expect(await send('key-1', { amount: '26.00' })).toMatchObject({
      status: 409,
      json: { code: 'transaction_id_reused' },
    });
  });
  it('is rejected together with a different id in the body', async () => {
    expect(await send('key-1', { transactionId: 'key-2' })).toMatchObject(refusal('must equal the transactionId'));
    expect(await send('KEY-1', { transactionId: 'key-1' })).toMatchObject(refusal('must equal the transactionId'));
    expect(api.ledger.applied).toEqual([]);
  });
  it.each([
    ['', /1 to 64/],
    ['""', /1 to 64/],
    ['a b', /1 to 64/],
    ['a,b', /1 to 64/],
    ['"a', /1 to 64/],
    ['a"', /1 to 64/],
    ['"a";p=1', /1 to 64/],
    [String.raw`"a\"b"`, /1 to 64/],
    ['?1', /1 to 64/],
    ['x'.repeat(65), /1 to 64/],
    ['..', /a URL path cannot contain/],
    ['"."', /a URL path cannot contain/],
    ['reversal:x:0', /reserved/],
    ['"reversal:x:0"', /reserved/],
    [newUuidV7(NOW + 61_000), /ahead of the ledger's clock/],
  ])('is rejected as %s', async (key, detail) => {
    expect(await send(key)).toMatchObject(refusal(detail));
    expect(await sendBatch(key, [transfer])).toMatchObject(
      detail.source.includes('ahead') ? { status: 200 } : refusal(detail),
    );
  });
  it('is rejected if it is repeated', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(`${api.url}/v1/transfers`, {
        method: 'POST',
        headers: [
          ['Authorization', `Bearer ${keyWith('transfers:write')}`],
          ['Content-Type', 'application/json'],
          ['Idempotency-Key', 'k'],
          ['Idempotency-Key', 'k'],
        ].flat(),
      });
      request.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
      request.end(JSON.stringify(transfer));
    });
    expect(status).toBe(400);
    expect(api.ledger.applied).toEqual([]);
  });
});

describe('Idempotency-Key on a batch', () => {
  it('is combined with the index of each item that has no id, to form its id', async () => {
    const items = [transfer, { ...transfer, transactionId: 'own' }, { ...transfer, amount: '1.00' }];
    const ids = [{ transactionId: 'key.0' }, { transactionId: 'own' }, { transactionId: 'key.2' }];
    expect((await sendBatch('"key"', items)).json['results']).toMatchObject(ids.map((id) => ({ status: 201, ...id })));
    expect((await sendBatch('key', items)).json['results']).toMatchObject(ids.map((id) => ({ status: 200, ...id })));
    expect(api.ledger.accounts.get('b')?.balance).toBe(5100);
  });
  it('leaves room for the index', async () => {
    const eleven = Array.from({ length: 11 }, () => ({ ...transfer, amount: '0.01' }));
    expect(await sendBatch('k'.repeat(62), eleven)).toMatchObject(refusal('must have at most 61 characters'));
    expect(api.ledger.applied).toEqual([]);
    const { json } = await sendBatch('k'.repeat(61), eleven);
    expect((json['results'] as object[]).at(-1)).toMatchObject({
      status: 201,
      transactionId: `${'k'.repeat(61)}.10`,
    });
    expect(await sendBatch('k'.repeat(62), [transfer])).toMatchObject({ status: 200 });
  });
});

describe('Idempotency-Key on a route that does not support it', () => {
  it.each([
    ['POST', '/v1/accounts', { accountId: 'x', currency: 'EUR' }],
    ['POST', '/v1/accounts/batch', { accounts: [{ accountId: 'x', currency: 'EUR' }] }],
    ['PATCH', '/v1/accounts/a', { status: 'FROZEN' }],
    ['POST', '/v1/balances/query', { accountIds: ['a'] }],
    ['POST', '/v1/transfers/t/reversal', {}],
    ['POST', '/v1/ops/reconciliations', undefined],
    ['POST', '/v1/ops/loss-acceptances', { epoch: 1, reason: 'the server is gone' }],
    ['GET', '/v1/accounts/a/balance', undefined],
    ['GET', '/v1/transfers/t', undefined],
    ['GET', '/livez', undefined],
  ])('is rejected: %s %s', async (method, path, body) => {
    for (const key of ['k', '"k"', '']) {
      const reply = await api.request(method, path, { body, headers: { 'Idempotency-Key': key } });
      expect(reply).toMatchObject(refusal('is accepted only by'));
    }
    expect(api.ledger.accounts.get('a')).toMatchObject({ status: 'ACTIVE' });
    expect(api.ledger.accounts.has('x')).toBe(false);
  });
});
