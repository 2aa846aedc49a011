import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type KeyRequest, newKeySecret, type WantedKey } from '../../domain/api-keys.ts';
import { type Identity, SCOPES, type Scope } from '../../domain/identity.ts';
import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase, waitsForALock } from '../testing/test-database.ts';
import { ApiKeyManagement } from './api-key-management.ts';
import { ApiKeyStore, hashOfKey } from './api-keys.ts';

const HOUR_MS = 3_600_000;
let db: TestDatabase;
let store: ApiKeyStore;
let management: ApiKeyManagement;
let changed: string[];
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.database.rows('DELETE FROM api_keys');
  await db.database.rows('DELETE FROM api_key_log');
  store = new ApiKeyStore(db.database, systemClock, SCOPES);
  changed = [];
  management = new ApiKeyManagement({
    database: db.database,
    clock: systemClock,
    changed: (hashes) => {
      changed.push(...hashes);
      store.forget(hashes);
    },
  });
});

const wanted = (different: Partial<WantedKey> = {}): WantedKey => ({
  keyId: 'k1',
  user: 'cards',
  name: null,
  scopes: ['transfers:write'],
  accountPrefixes: null,
  expiresAt: null,
  ...different,
});
const by = (scopes: readonly Scope[] = SCOPES, more: Partial<Identity> = {}): KeyRequest => ({
  identity: { user: 'boss', scopes: new Set(scopes), keyId: 'root', ...more },
  correlationId: 'c-1',
});
const create = async (different: Partial<WantedKey> = {}): Promise<string> => {
  const { secret } = await management.create(wanted(different), by());
  if (secret === null) throw new Error('the key existed');
  return secret;
};
const actions = async () => (await management.log(1e15, 100)).map(({ action, keyId }) => `${action} ${keyId}`);
/** What a process of the previous release reads. */
const olderScopes = async (secret: string) => {
  const [row] = await db.database.rows<{ scopes: string }>(
    'SELECT `user`, scopes FROM api_keys WHERE key_hash = ? AND revoked_at IS NULL',
    [hashOfKey(secret)],
  );
  return row?.scopes;
};

describe('A created key', () => {
  it('works with its rights, and is stored as a hash', async () => {
    const secret = await create({ scopes: ['balances:read'], accountPrefixes: ['acme:', 'till'] });
    expect(secret).toMatch(/^hfk_[\w-]{43}$/);
    expect(await store.identify(secret)).toEqual({
      user: 'cards',
      scopes: new Set(['balances:read']),
      accountPrefixes: ['acme:', 'till'],
      keyId: 'k1',
    });
    const rows = JSON.stringify([
      await db.database.rows('SELECT * FROM api_keys'),
      await db.database.rows('SELECT * FROM api_key_log'),
    ]);
    expect(rows).not.toContain(secret.slice(0, 12));
  });

  it('is returned without its secret if created again, and is created once even by concurrent requests', async () => {
    const issued = await Promise.all(Array.from({ length: 8 }, () => management.create(wanted(), by())));
    expect(issued.filter(({ secret }) => secret !== null)).toHaveLength(1);
    expect(await management.create(wanted(), by())).toMatchObject({ key: { keyId: 'k1' }, secret: null });
    expect(await db.database.rows('SELECT 1 FROM api_keys')).toHaveLength(1);
    expect(await actions()).toEqual(['CREATED k1']);
    await expect(management.create(wanted({ user: 'other' }), by())).rejects.toMatchObject({ code: 'key_id_reused' });
  });

  it('cannot have more rights than its creator, and the attempt is recorded', async () => {
    const weak = by(['ops', 'balances:read']);
    await expect(management.create(wanted(), weak)).rejects.toMatchObject({ code: 'forbidden' });
    const restricted = by(SCOPES, { accountPrefixes: ['acme:'] });
    for (const accountPrefixes of [null, ['acm'], ['acme:x', 'other:']])
      await expect(management.create(wanted({ accountPrefixes }), restricted)).rejects.toMatchObject({
        code: 'forbidden',
      });
    expect((await management.create(wanted({ accountPrefixes: ['acme:x'] }), restricted)).secret).not.toBeNull();
    expect(await actions()).toEqual(['CREATED k1', 'REFUSED k1', 'REFUSED k1', 'REFUSED k1', 'REFUSED k1']);
  });

  it('with an expiry or a restriction has no rights in an older process, which would not enforce it', async () => {
    expect(await olderScopes(await create())).toBe('transfers:write');
    expect(await olderScopes(await create({ keyId: 'k2', accountPrefixes: ['a'] }))).toBe('');
    expect(await olderScopes(await create({ keyId: 'k3', expiresAt: Date.now() + HOUR_MS }))).toBe('');
  });

  it('is rejected once it has expired', async () => {
    const secret = await create({ expiresAt: Date.now() + HOUR_MS });
    expect(await store.identify(secret)).not.toBeNull();
    await db.database.rows('UPDATE api_keys SET expires_at = NOW(3)');
    store.forget([hashOfKey(secret)]);
    expect(await store.identify(secret)).toBeNull();
    expect(await management.key('k1')).toMatchObject({ status: 'EXPIRED' });
  });
});

describe('A rotated key', () => {
  it('keeps working during the overlap, and its successor has the same rights', async () => {
    const rights = { user: 'cards', scopes: ['balances:read', 'transfers:write'], accountPrefixes: ['a:'] } as const;
    const old = await create({ ...rights, name: 'Cards' });
    const rotation = { keyId: 'k1', newKeyId: 'k2', expiresAt: null, overlapS: 3600 };
    const { key, secret } = await management.rotate(rotation, by());
    expect(key).toMatchObject({ ...rights, name: 'Cards', replaces: 'k1', expiresAt: null, createdBy: 'boss' });
    expect(await store.identify(secret ?? '')).toMatchObject({ user: 'cards', accountPrefixes: ['a:'], keyId: 'k2' });
    expect(await store.identify(old)).toMatchObject({ user: 'cards', keyId: 'k1' });
    const { expiresAt } = await management.key('k1');
    expect(expiresAt).toBeGreaterThan(Date.now() + HOUR_MS - 60_000);
    expect(expiresAt).toBeLessThan(Date.now() + HOUR_MS + 60_000);
    expect(await management.rotate(rotation, by())).toMatchObject({ key: { keyId: 'k2' }, secret: null });
    expect(await actions()).toEqual(['ROTATED k1', 'CREATED k1']);
  });

  it('without an overlap is rejected immediately, and a repeated rotation still returns the new key', async () => {
    const old = await create();
    await store.identify(old);
    const rotation = { keyId: 'k1', newKeyId: 'k2', expiresAt: null, overlapS: 0 };
    await management.rotate(rotation, by());
    expect(await store.identify(old)).toBeNull();
    expect(await management.rotate(rotation, by())).toMatchObject({ key: { keyId: 'k2' }, secret: null });
    await expect(management.rotate({ ...rotation, newKeyId: 'k3' }, by())).rejects.toMatchObject({
      code: 'key_not_active',
    });
  });

  it('never expires later than before, nor works in a process of the previous release after its overlap', async () => {
    const soon = Date.now() + HOUR_MS;
    const old = await create({ expiresAt: soon });
    await management.rotate({ keyId: 'k1', newKeyId: 'k2', expiresAt: null, overlapS: 86_400 }, by());
    expect((await management.key('k1')).expiresAt).toBe(soon);
    expect(await olderScopes(old)).toBe('');
  });

  it('cannot be rotated by a caller with fewer rights, who would receive them with the secret', async () => {
    await create();
    const rotation = { keyId: 'k1', newKeyId: 'k2', expiresAt: null, overlapS: 0 };
    await expect(management.rotate(rotation, by(['ops']))).rejects.toMatchObject({ code: 'forbidden' });
    expect(await actions()).toEqual(['REFUSED k1', 'CREATED k1']);
    expect((await management.key('k1')).expiresAt).toBeNull();
  });

  it('cannot take the place of another key', async () => {
    await create();
    await create({ keyId: 'k2' });
    await expect(
      management.rotate({ keyId: 'k1', newKeyId: 'k2', expiresAt: null, overlapS: 0 }, by()),
    ).rejects.toMatchObject({ code: 'key_id_reused' });
    await expect(
      management.rotate({ keyId: 'none', newKeyId: 'k3', expiresAt: null, overlapS: 0 }, by()),
    ).rejects.toMatchObject({ code: 'key_not_found' });
  });
});

it('Changes of keys are noted for the sealed log, without personal data', async () => {
  await db.reset(1, 'CACHE', 2);
  await create({ name: 'Till of Ada', scopes: ['ops'], accountPrefixes: null });
  await management.rotate({ keyId: 'k1', newKeyId: 'k2', expiresAt: null, overlapS: 60 }, by());
  await management.revoke('k1', 'Ada has left', by());
  const refused = management.create(wanted({ keyId: 'k3', scopes: ['ops'] }), by(['balances:read']));
  await expect(refused).rejects.toMatchObject({ code: 'forbidden' });
  const rows = await db.database.rows<{ payload: Buffer }>('SELECT payload FROM unsealed ORDER BY `id`');
  const entries = rows.map(({ payload }) => JSON.parse(payload.toString()) as unknown[]);
  const at = expect.any(Number);
  expect(entries).toEqual([
    ['a', 'api-key-created', 'k1', at, { scopes: ['ops'], accountPrefixes: null, expiresAt: null, by: 'root' }, null],
    ['a', 'api-key-rotated', 'k1', at, { newKeyId: 'k2', overlapS: 60, expiresAt: null, by: 'root' }, null],
    ['a', 'api-key-revoked', 'k1', at, { by: 'root' }, null],
  ]);
});

describe('A revoked key', () => {
  it('is rejected by this pod immediately, and stays revoked', async () => {
    const secret = await create();
    expect(await store.identify(secret)).not.toBeNull();
    expect(await management.revoke('k1', 'lost', by())).toMatchObject({ status: 'REVOKED' });
    expect(changed).toEqual([hashOfKey(secret)]);
    expect(await store.identify(secret)).toBeNull();
    const { revokedAt } = await management.key('k1');
    expect((await management.revoke('k1', null, by())).revokedAt).toBe(revokedAt);
    expect(await actions()).toEqual(['REVOKED k1', 'CREATED k1']);
  });

  it('stays revoked if its deployment adds it again', async () => {
    await create({ keyId: 'other', scopes: ['ops'] });
    const key = newKeySecret();
    await store.add(key, 'bootstrap', SCOPES);
    const [seeded] = (await management.keys('', 10)).filter(({ user }) => user === 'bootstrap');
    await management.revoke(seeded?.keyId ?? '', null, by());
    await store.add(key, 'bootstrap', SCOPES);
    expect(await store.identify(key)).toBeNull();
  });
});

describe('The last key that can manage keys', () => {
  beforeEach(() => create({ keyId: 'ops', scopes: ['ops'] }));

  it('cannot be revoked, whatever other keys exist', async () => {
    await create({ keyId: 'plain', scopes: ['balances:read'] });
    await create({ keyId: 'short', scopes: ['ops'], expiresAt: Date.now() + HOUR_MS / 2 });
    await create({ keyId: 'gone', scopes: ['ops'] });
    await management.revoke('gone', null, by());
    await expect(management.revoke('ops', null, by())).rejects.toMatchObject({ code: 'last_ops_key' });
    expect(await management.key('ops')).toMatchObject({ status: 'ACTIVE' });
    expect((await actions())[0]).toBe('REFUSED ops');
    await create({ keyId: 'second', scopes: ['ops'], expiresAt: Date.now() + 2 * HOUR_MS });
    expect(await management.revoke('ops', null, by())).toMatchObject({ status: 'REVOKED' });
  });

  it('cannot be replaced by one that expires within the hour', async () => {
    const rotation = { keyId: 'ops', newKeyId: 'next', overlapS: 0 };
    await expect(management.rotate({ ...rotation, expiresAt: Date.now() + HOUR_MS / 2 }, by())).rejects.toMatchObject({
      code: 'last_ops_key',
    });
    expect((await management.key('ops')).expiresAt).toBeNull();
    expect((await management.rotate({ ...rotation, expiresAt: null }, by())).secret).not.toBeNull();
  });

  it('is not lost if the last two are revoked at the same time', async () => {
    await create({ keyId: 'second', scopes: ['ops'] });
    const settled: string[] = [];
    // Locks the keys, so that both revocations are in progress before either of them can read.
    await db.database.transaction(async (session) => {
      await session.rows('SELECT COUNT(*) FROM api_keys FOR UPDATE');
      const both = Promise.allSettled(['ops', 'second'].map((id) => management.revoke(id, null, by())));
      await until('one waits', () => waitsForALock(db.database, 'SELECT COUNT(*) FROM api_keys%'));
      void both.then((results) => settled.push(...results.map(({ status }) => status)));
    });
    await until('both are decided', async () => settled.length === 2);
    expect([...settled].sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('Keys of a deployment', () => {
  const seedOf = (key: string, different: Partial<WantedKey> = {}) => ({
    hash: hashOfKey(key),
    wanted: wanted(different),
  });

  it('are created once by any number of pods, and the log shows by whom', async () => {
    await Promise.all(
      Array.from({ length: 4 }, (_, n) =>
        management.seed([seedOf('one', { keyId: `a${n}` }), seedOf('two', { keyId: `b${n}` })]),
      ),
    );
    expect(await store.identify('one')).toMatchObject({ user: 'cards', scopes: new Set(['transfers:write']) });
    const entries = await management.log(1e15, 10);
    expect(entries).toHaveLength(2);
    expect(entries).toMatchObject([{ action: 'SEEDED', by: 'deployment', byKeyId: null, correlationId: null }, {}]);
  });

  it('are not changed or revived when a pod starts again', async () => {
    await create({ keyId: 'ops', scopes: ['ops'] });
    await management.seed([seedOf('one'), seedOf('two', { keyId: 'k2' })]);
    await management.revoke('k1', null, by());
    await management.rotate({ keyId: 'k2', newKeyId: 'k3', expiresAt: null, overlapS: 0 }, by());
    await management.seed([
      seedOf('one', { keyId: 'n1', scopes: ['ops'] }),
      seedOf('two', { keyId: 'n2', user: 'eve' }),
    ]);
    expect(await store.identify('one')).toBeNull();
    expect(await store.identify('two')).toBeNull();
    expect(await management.key('k1')).toMatchObject({ status: 'REVOKED', scopes: ['transfers:write'] });
  });
});

describe('The lists of keys and of their changes', () => {
  it('include keys that were inserted directly or by a previous release, which get an id', async () => {
    await db.database.rows("INSERT INTO api_keys (key_hash, `user`, scopes) VALUES (?, 'old', 'ops')", [
      'a'.repeat(64),
    ]);
    await create();
    const [first, second] = await management.keys('', 10);
    expect([first, second].map((key) => key?.user).sort()).toEqual(['cards', 'old']);
    const old = [first, second].find((key) => key?.user === 'old');
    expect(old).toMatchObject({ keyId: expect.stringMatching(/^[0-9a-f-]{36}$/), createdBy: null, scopes: ['ops'] });
    expect(await management.keys(second?.keyId ?? '', 10)).toEqual([]);
    expect(await management.keys('', 1)).toHaveLength(1);
  });

  it('record who did what, when, with which key and under which correlation id', async () => {
    await create({ accountPrefixes: ['a:'] });
    await create({ keyId: 'ops', scopes: ['ops'] });
    await management.revoke('k1', 'lost', by());
    const [latest, , first] = await management.log(1e15, 10);
    expect(latest).toMatchObject({
      action: 'REVOKED',
      keyId: 'k1',
      by: 'boss',
      byKeyId: 'root',
      correlationId: 'c-1',
      content: { reason: 'lost' },
    });
    expect(first?.content).toMatchObject({ user: 'cards', scopes: ['transfers:write'], accountPrefixes: ['a:'] });
    expect(Math.abs((latest?.at ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await management.log(latest?.seq ?? 0, 1)).toMatchObject([{ keyId: 'ops' }]);
  });
});
