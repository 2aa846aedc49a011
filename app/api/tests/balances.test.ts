import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { ApiUnderTest } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: -250, held: 120, overdraftLimit: 1000, version: 42 });
});
afterEach(() => api.stop());

describe('GET /v1/accounts/{id}/balance', () => {
  it('returns the balance and the available amount, with their source and time', async () => {
    const reply = await api.get('/v1/accounts/a/balance');
    expect(reply.status).toBe(200);
    expect(reply.json).toEqual({
      accountId: 'a',
      currency: 'EUR',
      balance: '-2.50',
      held: '1.20',
      available: '6.30',
      overdraftLimit: '10.00',
      version: 42,
      asOf: '2026-01-31T12:00:00.000Z',
      source: 'cache',
    });
    expect(reply.headers.get('etag')).toBe('"42"');
  });
  it('returns 304 if the client has the current version', async () => {
    const status = async (tag: string) =>
      (await api.get('/v1/accounts/a/balance', { headers: { 'If-None-Match': tag } })).status;
    for (const known of ['"42"', 'W/"42"', '"41", "42"', '*']) expect(await status(known)).toBe(304);
    for (const other of ['"41"', '42', '"4"']) expect(await status(other)).toBe(200);
  });
  it('always returns a stale balance, marked as stale', async () => {
    api.ledger.open('a', { stale: true, source: 'database' });
    const reply = await api.get('/v1/accounts/a/balance', { headers: { 'If-None-Match': '"0"' } });
    expect(reply).toMatchObject({ status: 200, json: { stale: true, source: 'database' } });
  });
  it('is exact if the limit exceeds 2^53', async () => {
    api.ledger.open('a', { balance: Number.MAX_SAFE_INTEGER, overdraftLimit: Number.MAX_SAFE_INTEGER });
    expect((await api.get('/v1/accounts/a/balance')).json).toMatchObject({ available: '180143985094819.82' });
  });
  it('has no available amount for an external account', async () => {
    api.ledger.open('world', { external: true, balance: -1_000_000 });
    expect((await api.get('/v1/accounts/world/balance')).json).toMatchObject({ balance: '-10000.00', available: null });
  });
  it('names the missing account', async () => {
    expect(await api.get('/v1/accounts/no/balance')).toMatchObject({
      status: 404,
      json: { code: 'account_not_found', detail: 'There is no account no.' },
    });
  });
});

describe('POST /v1/balances/query', () => {
  const query = (accountIds: unknown) => api.post('/v1/balances/query', { accountIds });

  it('returns each account once, in request order, and lists the missing ones', async () => {
    api.ledger.open('b');
    expect(await query(['b', 'no', 'a', 'b'])).toMatchObject({
      status: 200,
      json: { items: [{ accountId: 'b' }, { accountId: 'a', balance: '-2.50' }], missing: ['no'] },
    });
  });
  it('accepts 1 to 1000 ids', async () => {
    const ids = (length: number) => Array.from({ length }, (_, i) => `x${i}`);
    expect(await query(ids(1000))).toMatchObject({ status: 200, json: { items: [] } });
    for (const wrong of [[], ids(1001), ['a b'], [7], 'a', undefined])
      expect(await query(wrong)).toMatchObject({ status: 400 });
  });
  it('fails as a whole if the ledger cannot be read', async () => {
    api.ledger.failures.set('read', new Problem('ledger_switching', 'Moving.'));
    expect(await query(['a'])).toMatchObject({ status: 503, json: { code: 'ledger_switching' } });
  });
});
