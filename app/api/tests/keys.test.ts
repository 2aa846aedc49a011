import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { uuidV7Time } from '../../domain/ids.ts';
import { ApiUnderTest, keyWith, NOW, type Reply } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
});
afterEach(() => api.stop());

const wanted = (different: object = {}) => ({
  keyId: 'k1',
  user: 'card-processor',
  scopes: ['transfers:write', 'balances:read'],
  accountPrefixes: ['acme:'],
  ...different,
});
const create = (different: object = {}, headers: Record<string, string> = {}): Promise<Reply> =>
  api.post('/v1/ops/keys', wanted(different), { headers });
const pointersIn = ({ json }: Reply) => (json['errors'] as { pointer: string }[]).map(({ pointer }) => pointer);
const LATER = new Date(NOW + 86_400_000).toISOString();

describe('POST /v1/ops/keys', () => {
  it('returns the new key with its secret, which is never returned again', async () => {
    const { status, json, headers } = await create({ name: 'Cards', expiresAt: LATER });
    expect([status, headers.get('cache-control')]).toEqual([201, 'no-store']);
    expect(json).toEqual({
      keyId: 'k1',
      user: 'card-processor',
      name: 'Cards',
      scopes: ['balances:read', 'transfers:write'],
      accountPrefixes: ['acme:'],
      status: 'ACTIVE',
      createdAt: new Date(NOW).toISOString(),
      createdBy: 'tester',
      replaces: null,
      expiresAt: LATER,
      revokedAt: null,
      lastUsedAt: null,
      secret: 'secret-k1',
    });
    expect(await create({ name: 'Cards', expiresAt: LATER })).toMatchObject({ status: 200, json: { secret: null } });
    for (const path of ['/v1/ops/keys', '/v1/ops/keys/k1', '/v1/ops/key-log'])
      expect((await api.get(path)).text).not.toContain('secret');
  });

  it('takes the id from the body or the Idempotency-Key, or generates one', async () => {
    expect((await create({ keyId: null }, { 'Idempotency-Key': 'k2' })).json['keyId']).toBe('k2');
    expect((await create({ keyId: 'k2' }, { 'Idempotency-Key': 'k2' })).json['keyId']).toBe('k2');
    expect((await create({ keyId: 'k3' }, { 'Idempotency-Key': 'k2' })).status).toBe(400);
    const { keyId } = (await create({ keyId: null })).json;
    expect(uuidV7Time(keyId as string)).toBe(NOW);
  });

  it.each([
    ['/scopes', { scopes: [] }],
    ['/scopes/0', { scopes: ['everything'] }],
    ['/user', { user: '' }],
    ['/user', { user: 'JWT:ada' }],
    ['/user', { user: 'x'.repeat(65) }],
    ['/accountPrefixes', { accountPrefixes: [] }],
    ['/accountPrefixes/0', { accountPrefixes: [''] }],
    ['/accountPrefixes/0', { accountPrefixes: ['a b'] }],
    ['/accountPrefixes/0', { accountPrefixes: ['~transit'] }],
    ['/accountPrefixes', { scopes: ['ops'], accountPrefixes: ['acme:'] }],
    ['/expiresAt', { expiresAt: new Date(NOW).toISOString() }],
    ['/secret', { secret: 'chosen-by-the-client' }],
  ])('reports an error at %s for %j', async (pointer, different) => {
    const reply = await create(different);
    expect([reply.status, pointersIn(reply)]).toEqual([400, [pointer]]);
    expect(api.keys.stored.size).toBe(0);
  });

  it('cannot grant more rights than the caller has', async () => {
    const key = keyWith('ops', 'balances:read');
    const reply = await api.post('/v1/ops/keys', wanted(), { key });
    expect([reply.status, reply.json['code']]).toEqual([403, 'forbidden']);
    expect(reply.json['detail']).toContain('transfers:write');
    expect((await api.post('/v1/ops/keys', wanted({ scopes: ['balances:read'] }), { key })).status).toBe(201);
  });

  it('requires the scope ops', async () => {
    const key = keyWith('balances:read', 'accounts:write', 'transfers:write');
    for (const path of ['/v1/ops/keys', '/v1/ops/keys/k1/rotate', '/v1/ops/keys/k1/revoke'])
      expect((await api.post(path, wanted(), { key })).status).toBe(403);
    for (const path of ['/v1/ops/keys', '/v1/ops/keys/k1', '/v1/ops/key-log'])
      expect((await api.get(path, { key })).status).toBe(403);
  });
});

describe('Rotation and revocation', () => {
  it('a rotated key is replaced by another one with the same rights, and expires after the overlap', async () => {
    await create();
    const { status, json } = await api.post('/v1/ops/keys/k1/rotate', { keyId: 'k2', overlapSeconds: 60 });
    expect([status, json]).toMatchObject([
      201,
      { keyId: 'k2', replaces: 'k1', secret: 'secret-k2', scopes: ['balances:read', 'transfers:write'] },
    ]);
    const old = (await api.get('/v1/ops/keys/k1')).json;
    expect(old['expiresAt']).toBe(new Date(NOW + 60_000).toISOString());
  });

  it('the overlap is a day by default, and at most 30 days', async () => {
    await create();
    await api.request('POST', '/v1/ops/keys/k1/rotate');
    expect(api.keys.stored.get('k1')?.expiresAt).toBe(NOW + 86_400_000);
    for (const overlapSeconds of [-1, 0.5, 30 * 86_400 + 1])
      expect((await api.post('/v1/ops/keys/k1/rotate', { overlapSeconds })).status).toBe(400);
    expect((await api.post('/v1/ops/keys/k1/rotate', { keyId: 'k1' })).status).toBe(400);
  });

  it('a revoked key is shown as revoked', async () => {
    await create();
    const { status, json } = await api.post('/v1/ops/keys/k1/revoke', { reason: 'lost' });
    expect([status, json['status'], json['revokedAt']]).toEqual([200, 'REVOKED', new Date(NOW).toISOString()]);
    expect((await api.post('/v1/ops/keys/unknown/revoke', {})).json['code']).toBe('key_not_found');
  });
});

describe('Lists', () => {
  it('keys are paged in the order of their ids', async () => {
    for (const keyId of ['c', 'a', 'b']) await create({ keyId });
    const idsOf = (reply: Reply) => (reply.json['items'] as { keyId: string }[]).map(({ keyId }) => keyId);
    const first = await api.get('/v1/ops/keys?limit=2');
    expect([idsOf(first), first.json['nextCursor']]).toEqual([['a', 'b'], 'b']);
    const second = await api.get('/v1/ops/keys?limit=2&cursor=b');
    expect([idsOf(second), second.json['nextCursor']]).toEqual([['c'], null]);
  });

  it('the log is paged from the newest entry to the oldest', async () => {
    for (const keyId of ['a', 'b', 'c']) await create({ keyId });
    const idsOf = (reply: Reply) => (reply.json['items'] as { keyId: string }[]).map(({ keyId }) => keyId);
    const first = await api.get('/v1/ops/key-log?limit=2');
    expect(idsOf(first)).toEqual(['c', 'b']);
    expect(first.json['items']).toMatchObject([{ action: 'CREATED', user: 'tester', userKeyId: null }, {}]);
    expect(idsOf(await api.get(`/v1/ops/key-log?limit=2&cursor=${first.json['nextCursor']}`))).toEqual(['a']);
    for (const query of ['limit=0', 'limit=1001', 'cursor=x', 'cursor=-1', 'before=1'])
      expect((await api.get(`/v1/ops/key-log?${query}`)).status).toBe(400);
  });
});
