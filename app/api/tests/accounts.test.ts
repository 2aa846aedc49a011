import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { ApiUnderTest, keyWith } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
});
afterEach(() => api.stop());

const account = { accountId: 'a', currency: 'EUR' };
const faults = (json: Record<string, unknown>) =>
  Object.fromEntries(
    (json['errors'] as { pointer: string; detail: string }[]).map(({ pointer, detail }) => [pointer, detail]),
  );

describe('POST /v1/accounts', () => {
  it('opens an account, and returns what it was opened with', async () => {
    const body = { accountId: 'a', currency: 'JPY', overdraftLimit: '500', name: 'Ada Łoś 🦊', external: false };
    expect(await api.post('/v1/accounts', body)).toMatchObject({
      status: 201,
      json: { ...body, openedAt: '2026-01-31T12:00:00.000Z' },
    });
  });
  it('defaults to no overdraft, no name and not external', async () => {
    expect((await api.post('/v1/accounts', account)).json).toMatchObject({
      overdraftLimit: '0.00',
      name: null,
      external: false,
    });
  });
  it('accepts null for optional fields', async () => {
    const nulls = { overdraftLimit: null, name: null, external: null };
    expect(await api.post('/v1/accounts', { ...account, ...nulls })).toMatchObject({
      status: 201,
      json: { overdraftLimit: '0.00', name: null, external: false },
    });
    expect((await api.post('/v1/accounts/batch', { accounts: [{ ...account, ...nulls }] })).json).toMatchObject({
      results: [{ status: 200 }],
    });
    expect(await api.patch('/v1/accounts/a', { status: null, overdraftLimit: '5' })).toMatchObject({ status: 200 });
    expect(await api.patch('/v1/accounts/a', { status: null, overdraftLimit: null })).toMatchObject({ status: 400 });
  });
  it('accepts an @ in the id, in a body and in a path, escaped or not', async () => {
    for (const accountId of ['cash@acme', 'fees@acme']) {
      expect(await api.post('/v1/accounts', { ...account, accountId })).toMatchObject({ status: 201 });
      api.ledger.open(accountId, { balance: 500 });
    }
    for (const path of ['cash@acme', 'cash%40acme'])
      expect(await api.get(`/v1/accounts/${path}/balance`)).toMatchObject({ status: 200, json: { balance: '5.00' } });
    const order = { sourceAccount: 'cash@acme', destinationAccount: 'fees@acme', amount: '1.00', currency: 'EUR' };
    expect(await api.post('/v1/transfers', order)).toMatchObject({ status: 201, json: order });
  });
  it('refuses a ~, which is reserved for accounts of the ledger itself', async () => {
    for (const accountId of ['~transit:EUR:0', '~returns:EUR', 'a~b', 'cash@~acme']) {
      const reply = await api.post('/v1/accounts', { ...account, accountId });
      expect(faults(reply.json)).toEqual({ '/accountId': 'must be 1 to 64 characters of A-Z a-z 0-9 . _ : @ -' });
      const order = { sourceAccount: accountId, destinationAccount: 'b', amount: '1.00', currency: 'EUR' };
      expect(await api.post('/v1/transfers', order)).toMatchObject({ status: 400 });
      expect(await api.get(`/v1/accounts/${accountId}/balance`)).toMatchObject({ status: 400 });
    }
  });
  it('returns 200 for the same content again and 409 for different content', async () => {
    await api.post('/v1/accounts', account);
    expect(await api.post('/v1/accounts', account)).toMatchObject({ status: 200, json: account });
    const other = await api.post('/v1/accounts', { ...account, currency: 'USD' });
    expect(other).toMatchObject({ status: 409, json: { code: 'account_id_reused' } });
  });
  it('names each invalid field', async () => {
    const { status, json } = await api.post('/v1/accounts', {
      accountId: 'a b',
      currency: 'eur',
      overdraftLimit: 5,
      name: 'x'.repeat(141),
      external: 'no',
      color: 'red',
    });
    expect(status).toBe(400);
    expect(faults(json)).toEqual({
      '/accountId': 'must be 1 to 64 characters of A-Z a-z 0-9 . _ : @ -',
      '/currency': 'is not an upper-case ISO 4217 currency code',
      '/overdraftLimit': 'must be a string such as "12.34", not a JSON number',
      '/name': 'must have at most 140 characters',
      '/external': 'must be a boolean',
      '/color': 'is not a known field',
    });
    expect(faults((await api.post('/v1/accounts', {})).json)).toEqual({
      '/accountId': 'is required',
      '/currency': 'is required',
    });
  });
  it('rejects names that cannot be stored or shown', async () => {
    for (const name of ['', 'a\u0000b', 'line\nbreak', '\u009b31m', '\ud83e', 'x\udd8a']) {
      const { status, json } = await api.post('/v1/accounts', { ...account, name });
      expect([status, Object.keys(faults(json))]).toEqual([400, ['/name']]);
    }
  });
  it('rejects an id that a URL path cannot contain, and accepts any other', async () => {
    const open = (accountId: string) => api.post('/v1/accounts', { ...account, accountId });
    for (const id of ['.', '..']) {
      expect(await open(id)).toMatchObject({ status: 400, json: { errors: [{ pointer: '/accountId' }] } });
      const batch = await api.post('/v1/accounts/batch', { accounts: [{ ...account, accountId: id }] });
      expect(batch.json).toMatchObject({ results: [{ status: 400 }] });
    }
    for (const id of ['...', '-', ':', '_', '-rf', 'c:', 'a.', '.a', '__proto__', 'constructor', 'batch', 'query']) {
      expect(await open(id)).toMatchObject({ status: 201 });
      expect(await api.get(`/v1/accounts/${id}/balance`)).toMatchObject({ status: 200, json: { accountId: id } });
    }
  });
  it('rejects a limit with too many digits', async () => {
    const { json } = await api.post('/v1/accounts', { ...account, overdraftLimit: '1.005' });
    expect(faults(json)).toEqual({ '/overdraftLimit': 'has 3 decimals, but EUR allows at most 2' });
  });
});

describe('POST /v1/accounts/batch', () => {
  it('returns an outcome for each item in order; an invalid item does not affect the others', async () => {
    await api.post('/v1/accounts', account);
    const accounts = [
      account,
      { accountId: 'b' },
      { accountId: 'c', currency: 'USD' },
      { accountId: 'a', currency: 'USD' },
      7,
    ];
    const { status, json } = await api.post('/v1/accounts/batch', { accounts });
    expect(status).toBe(200);
    expect(json['results']).toMatchObject([
      { status: 200, accountId: 'a' },
      { status: 400, code: 'validation_failed', errors: [{ pointer: '/currency', detail: 'is required' }] },
      { status: 201, accountId: 'c' },
      { status: 409, code: 'account_id_reused', instance: '/v1/accounts/batch' },
      { status: 400, detail: 'The request must be an object.' },
    ]);
  });
  it('accepts 1 to 1000 items', async () => {
    expect(await api.post('/v1/accounts/batch', { accounts: [] })).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/accounts', detail: 'must have at least 1 item' }] },
    });
    const accounts = Array.from({ length: 1001 }, (_, i) => ({ accountId: `a${i}`, currency: 'EUR' }));
    expect(await api.post('/v1/accounts/batch', { accounts })).toMatchObject({ status: 400 });
    expect(api.ledger.accounts.size).toBe(0);
  });
  it('does not call the ledger if no item is valid', async () => {
    api.ledger.failures.set('openAccounts', new Error('asked'));
    expect(await api.post('/v1/accounts/batch', { accounts: [{}] })).toMatchObject({ status: 200 });
  });
  it('fails as a whole if the database is unavailable', async () => {
    api.ledger.failures.set('openAccounts', new Problem('database_unavailable', 'Away.'));
    expect(await api.post('/v1/accounts/batch', { accounts: [account] })).toMatchObject({ status: 503 });
  });
});

describe('GET /v1/accounts/{id}', () => {
  it('returns status, limits and balance, and a weak ETag of the settings', async () => {
    api.ledger.open('a', { name: 'Ada', balance: 1234, version: 7, overdraftLimit: 500, settingsVersion: 3 });
    const reply = await api.get('/v1/accounts/a');
    expect(reply).toMatchObject({
      status: 200,
      json: {
        accountId: 'a',
        status: 'ACTIVE',
        name: 'Ada',
        balance: '12.34',
        available: '17.34',
        overdraftLimit: '5.00',
        version: 7,
        settingsVersion: 3,
        external: false,
        source: 'cache',
      },
    });
    expect(reply.headers.get('etag')).toBe('W/"3"');
    expect(reply.headers.get('cache-control')).toBe('no-store');
  });
  it('returns 404 for a missing account and 400 for an invalid id', async () => {
    expect(await api.get('/v1/accounts/nobody')).toMatchObject({ status: 404, json: { code: 'account_not_found' } });
    expect(await api.get('/v1/accounts/a%20b')).toMatchObject({ status: 400, json: { errors: [{ pointer: '/id' }] } });
  });
});

describe('PATCH /v1/accounts/{id}', () => {
  const patch = (body: unknown, ifMatch?: string) =>
    api.patch('/v1/accounts/a', body, ifMatch === undefined ? {} : { headers: { 'If-Match': ifMatch } });

  beforeEach(() => api.ledger.open('a', { currency: 'JPY', balance: 5, settingsVersion: 3 }));

  it('changes the status, under its own change id', async () => {
    const reply = await patch({ status: 'SUSPENDED' });
    expect(reply).toMatchObject({ status: 200, json: { status: 'SUSPENDED', settingsVersion: 4 } });
    expect(reply.headers.get('etag')).toBe('W/"4"');
    expect(api.ledger.changes).toEqual([
      {
        accountId: 'a',
        status: 'SUSPENDED',
        changeId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
        user: 'tester',
        correlationId: reply.headers.get('x-correlation-id'),
      },
    ]);
  });
  it('changes the limit, in the currency of the account', async () => {
    expect(await patch({ overdraftLimit: '700' })).toMatchObject({ status: 200, json: { overdraftLimit: '700' } });
    expect((await patch({ overdraftLimit: '7.5' })).json).toMatchObject({
      errors: [{ pointer: '/overdraftLimit', detail: 'has 1 decimal, but JPY allows at most 0' }],
    });
  });
  it('shows no balance, because its scope does not allow it', async () => {
    const { json } = await api.patch('/v1/accounts/a', { status: 'FROZEN' }, { key: keyWith('accounts:write') });
    expect(Object.keys(json)).not.toContain('balance');
  });
  it('changes the account only at the settings version in If-Match, in either notation', async () => {
    for (const stale of ['"2"', '2', 'W/"2"']) {
      expect(await patch({ status: 'FROZEN' }, stale)).toMatchObject({
        status: 412,
        json: { code: 'settings_version_mismatch' },
      });
    }
    for (const current of ['"3"', '4', 'W/"5"', '*'])
      expect(await patch({ status: 'ACTIVE' }, current)).toMatchObject({ status: 200 });
    for (const nonsense of ['"x"', '"1", "2"', '-1', ''])
      expect([nonsense, (await patch({ status: 'ACTIVE' }, nonsense)).status]).toEqual([nonsense, 400]);
  });
  it('requires a change of at least one setting, and accepts no other field', async () => {
    expect(await patch({})).toMatchObject({
      status: 400,
      json: { detail: 'The request must change status, overdraftLimit or limits.' },
    });
    expect((await patch({ currency: 'EUR' })).json).toMatchObject({
      errors: [{ pointer: '/currency', detail: 'is not a known field' }],
    });
    expect((await patch({ status: 'OPEN' })).json).toMatchObject({
      errors: [{ pointer: '/status', detail: 'must be one of ACTIVE, SUSPENDED, FROZEN, CLOSED' }],
    });
  });
  it("passes on the ledger's refusals", async () => {
    expect(await patch({ status: 'CLOSED' })).toMatchObject({ status: 409, json: { code: 'account_not_empty' } });
    expect(await api.patch('/v1/accounts/no', { status: 'CLOSED' })).toMatchObject({ status: 404 });
    expect(await api.patch('/v1/accounts/no', { overdraftLimit: '1' })).toMatchObject({ status: 404 });
  });
});
