import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KeyRequest } from '../../domain/api-keys.ts';
import { type Identity, SCOPES } from '../../domain/identity.ts';
import { systemClock } from '../../kernel/clock.ts';
import { SecretBox } from '../../kernel/secret-box.ts';
import type { WantedWebhook } from '../../ledger/ports/webhooks.ts';
import { migratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { ApiKeyManagement } from './api-key-management.ts';
import { KEPT, WebhookLeaseStore } from './webhook-lease-store.ts';
import { WebhookStore } from './webhook-store.ts';

const box = new SecretBox(randomBytes(32).toString('base64'));
const LEASE_MS = 60_000;

let db: TestDatabase;
let store: WebhookStore;
let leases: WebhookLeaseStore;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  for (const table of ['webhooks', 'webhook_deliveries', 'api_keys']) await db.database.rows(`DELETE FROM ${table}`);
  await db.reset(1, 'CACHE', 2);
  store = new WebhookStore({ database: db.database, box, limits: { perUserMax: 3, max: 5 } });
  leases = new WebhookLeaseStore(db.database, box);
});

const by = (user = 'ann', more: Partial<Identity> = {}): KeyRequest => ({
  identity: { user, scopes: new Set(['webhooks:write'] as const), ...more },
  correlationId: 'c',
});
const OPERATOR = by('ops', { scopes: new Set(SCOPES) });
const wanted = (webhookId = 'w', more: Partial<WantedWebhook> = {}): WantedWebhook => ({
  webhookId,
  url: 'https://hooks.example/path?token=1',
  description: 'Bücher',
  accounts: ['ada', 'bob'],
  types: ['holdfast.transfer.posted'],
  details: true,
  after: null,
  position: '7',
  ...more,
});
const entries = async () =>
  (await db.database.rows<{ payload: Buffer }>('SELECT payload FROM unsealed ORDER BY `id`')).map(({ payload }) =>
    payload.toString(),
  );

describe('WebhookStore', () => {
  it('creates a webhook once, and shows its secret once', async () => {
    const first = await store.create(wanted(), by());
    const { after: _, ...content } = wanted();
    expect(first.webhook).toMatchObject({ ...content, owner: 'ann', state: 'ACTIVE', secrets: 1 });
    expect(first.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    await store.change('w', { url: 'https://other.example/' }, by());
    const again = await store.create(wanted('w', { position: '9' }), by());
    expect(again).toMatchObject({ secret: null, webhook: { position: '7', url: 'https://other.example/' } });
    for (const other of [wanted('w', { details: false }), wanted('w', { after: 'oldest' })])
      await expect(store.create(other, by())).rejects.toMatchObject({ code: 'webhook_id_reused' });
    await expect(store.create(wanted(), by('bob'))).rejects.toMatchObject({ code: 'webhook_id_reused' });
  });

  it('stores secrets only encrypted, each readable only for its own webhook', async () => {
    const { secret } = await store.create(wanted(), by());
    await store.create(wanted('x'), by());
    const dump = JSON.stringify(await db.database.rows('SELECT * FROM webhooks'));
    expect(dump).not.toContain('whsec_');
    expect(dump).not.toContain(Buffer.from(secret?.slice(6) ?? '', 'base64').toString('base64'));
    expect((await leases.take('w', 'me', LEASE_MS))?.secrets).toEqual([secret]);
    await db.database.rows(
      "UPDATE webhooks a JOIN webhooks b ON a.webhook_id = 'x' AND b.webhook_id = 'w' SET a.secrets = b.secrets",
    );
    expect((await leases.take('x', 'me', LEASE_MS))?.secrets).toBeNull();
  });

  it('limits the webhooks of a user, and of all users, even for concurrent requests', async () => {
    const create = (user: string, count: number) =>
      Promise.allSettled(
        Array.from({ length: count }, (_, index) => store.create(wanted(`${user}-${index}`), by(user))),
      );
    const statuses = (await create('ann', 6)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 'fulfilled')).toHaveLength(3);
    await create('bob', 6);
    expect(await store.list(OPERATOR.identity, '', 100)).toHaveLength(5);
    await expect(store.create(wanted('z'), by('eve'))).rejects.toMatchObject({ code: 'too_many_webhooks' });
  });

  it('shows a webhook only to its owner and to operators', async () => {
    await store.create(wanted(), by());
    const bob = by('bob');
    const not = { code: 'webhook_not_found' };
    await expect(store.get('w', bob.identity)).rejects.toMatchObject(not);
    await expect(store.change('w', { details: false }, bob)).rejects.toMatchObject(not);
    await expect(store.rotate('w', { secretId: 's', overlapS: 1 }, bob)).rejects.toMatchObject(not);
    await expect(store.test('w', bob)).rejects.toMatchObject(not);
    await expect(store.moveTo('w', '1', bob)).rejects.toMatchObject(not);
    await expect(store.resume('w', bob)).rejects.toMatchObject(not);
    await expect(store.deliveries('w', bob.identity, 9, 9)).rejects.toMatchObject(not);
    await store.remove('w', bob);
    expect(await store.list(bob.identity, '', 9)).toEqual([]);
    expect(await store.get('w', OPERATOR.identity)).toMatchObject({ owner: 'ann' });
    await store.remove('w', OPERATOR);
    await store.remove('w', OPERATOR);
    await expect(store.get('w', by().identity)).rejects.toMatchObject(not);
  });

  it('lets restricted keys of a user manage only webhooks within their accounts', async () => {
    const wide = by('ann', { accountPrefixes: ['acme:', 'till'] });
    const narrow = by('ann', { accountPrefixes: ['acme:eu:'] });
    await store.create(wanted('all', { accounts: null }), by());
    await store.create(wanted('wide', { accounts: null }), wide);
    await store.create(wanted('narrow', { accounts: ['acme:eu:1'] }), narrow);
    const listed = async ({ identity }: KeyRequest) =>
      (await store.list(identity, '', 9)).map(({ webhookId }) => webhookId);
    expect(await listed(by())).toEqual(['all', 'narrow', 'wide']);
    expect(await listed(wide)).toEqual(['narrow', 'wide']);
    expect(await listed(narrow)).toEqual(['narrow']);
    // A key with `ops` is never restricted; a restricted one would still see only its own webhooks.
    expect(await listed(by('bob', { scopes: new Set(SCOPES), accountPrefixes: ['acme:'] }))).toEqual([]);
    await expect(store.change('narrow', { accounts: ['acme:us:1'] }, narrow)).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(store.create(wanted('n2', { accounts: ['zoe'] }), narrow)).rejects.toMatchObject({
      code: 'forbidden',
    });
  });

  it('rotates secrets with an overlap, once for each id', async () => {
    const { secret: first } = await store.create(wanted(), by());
    const rotate = (secretId: string, overlapS: number) => store.rotate('w', { secretId, overlapS }, by());
    const { secret: second, webhook } = await rotate('s2', 3600);
    expect(webhook.secrets).toBe(2);
    expect((await rotate('s2', 3600)).secret).toBeNull();
    expect((await leases.take('w', 'me', LEASE_MS))?.secrets).toEqual([second, first]);
    const { secret: third } = await rotate('s3', 0);
    const lease = { webhookId: 'w', fence: 1, revision: 0 };
    expect((await leases.read(lease, 'me'))?.secrets).toEqual([third]);
    for (const id of ['s4', 's5', 's6', 's7']) await rotate(id, 3600);
    await expect(rotate('s8', 3600)).rejects.toMatchObject({ code: 'too_many_secrets' });
  });

  it('notes each change in the sealed log, without personal or secret data', async () => {
    await store.create(wanted(), by());
    await store.change('w', { description: 'other' }, by());
    await store.rotate('w', { secretId: 's', overlapS: 1 }, by());
    await store.rotate('w', { secretId: 's', overlapS: 1 }, by());
    await store.moveTo('w', '3', by());
    await store.resume('w', by());
    await store.test('w', by());
    await store.remove('w', by());
    const noted = (await entries()).join('\n');
    const types = [...noted.matchAll(/webhook-[a-z-]+/g)].map(([type]) => type);
    expect(types).toEqual(
      ['created', 'changed', 'secret-rotated', 'moved', 'resumed', 'test-requested', 'deleted'].map(
        (type) => `webhook-${type}`,
      ),
    );
    expect(noted).not.toMatch(/whsec|hooks\.example|token|Bücher|ann/);
  });

  it('does not start a stopped webhook when it is changed, only when it is resumed', async () => {
    await store.create(wanted(), by());
    const lease = await leases.take('w', 'me', LEASE_MS);
    expect(lease && (await leases.stop(lease, 'failing'))).toBe(true);
    expect(await store.change('w', { state: 'ACTIVE' }, by())).toMatchObject({
      state: 'STOPPED',
      stopReason: 'failing',
    });
    expect(await store.resume('w', by())).toMatchObject({ state: 'ACTIVE', stopReason: null });
  });
});

describe('WebhookLeaseStore', () => {
  const taken = async (holder: string) => {
    const lease = await leases.take('w', holder, LEASE_MS);
    if (!lease) throw new Error('not taken');
    return lease;
  };
  const delivery = { messageId: 'm', kind: 'events', events: 1, from: '7', to: '8', durationMs: 3 } as const;
  const accepted = (attempt: number) => ({
    delivery: { ...delivery, attempt, at: 0, status: 200, failure: null },
    count: attempt,
    retryInMs: null,
  });
  const refused = (attempt: number) => ({
    delivery: { ...delivery, attempt, at: 0, status: 500, failure: 'status' as const },
    count: attempt,
    retryInMs: 30_000,
  });
  const expire = () => db.database.rows('UPDATE webhooks SET leased_until = NOW(3) - INTERVAL 1 SECOND');
  beforeEach(async () => {
    await store.create(wanted(), by());
  });

  it('gives a webhook to one holder, and to another when the lease has expired or is released', async () => {
    const first = await taken('a');
    expect(await leases.take('w', 'b', LEASE_MS)).toBeNull();
    expect((await leases.glance('a')).webhooks).toMatchObject([{ isMine: true, isFree: false }]);
    await expire();
    expect((await leases.glance('b')).webhooks).toMatchObject([{ isMine: false, isFree: true }]);
    const second = await taken('b');
    expect(second.fence).toBe(first.fence + 1);
    await leases.release('a');
    expect(await leases.read(second, 'b')).not.toBeNull();
    await leases.release('b', ['w']);
    expect((await taken('a')).fence).toBe(second.fence + 1);
  });

  it('ignores everything that an earlier holder writes', async () => {
    const stale = await taken('a');
    await expire();
    const current = await taken('b');
    expect(await leases.isCurrent(stale, 'a')).toBe(false);
    expect(await leases.isCurrent(current, 'b')).toBe(true);
    expect(await leases.recordEvents(stale, accepted(1))).toBe(false);
    expect(await leases.recordEvents(stale, refused(1))).toBe(false);
    expect(await leases.skip(stale, '9')).toBe(false);
    expect(await leases.stop(stale, 'failing')).toBe(false);
    expect(await store.get('w', by().identity)).toMatchObject({ position: '7', state: 'ACTIVE', failingSince: null });
    expect(await leases.recordEvents(current, accepted(1))).toBe(true);
    expect(await store.get('w', by().identity)).toMatchObject({ position: '8' });
  });

  it('ignores what a holder writes about the webhook as it was before a change', async () => {
    const before = await taken('a');
    await store.moveTo('w', '2', by());
    expect(await leases.isCurrent(before, 'a')).toBe(false);
    expect(await leases.recordEvents(before, accepted(1))).toBe(false);
    expect(await store.get('w', by().identity)).toMatchObject({ position: '2' });
    const after = await leases.read(before, 'a');
    expect(after).toMatchObject({ position: '2', revision: before.revision + 1 });
  });

  it('remembers the failures, and when to try again, even for the next holder', async () => {
    const lease = await taken('a');
    await leases.recordEvents(lease, refused(1));
    await leases.release('a');
    const next = await taken('b');
    expect(next).toMatchObject({ failures: 1, failed: 1, position: '7' });
    expect(next.waitMs).toBeGreaterThan(20_000);
    await store.resume('w', by());
    expect(await leases.read(next, 'b')).toMatchObject({ failures: 0, waitMs: 0 });
  });

  it('keeps a limited number of attempts, and never drops failures because of successes', async () => {
    const lease = await taken('a');
    await leases.recordEvents(lease, refused(1));
    const more = KEPT.succeeded + 5;
    for (let count = 1; count <= more; count++) await leases.recordEvents(lease, { ...accepted(count + 1), count });
    const found = await store.deliveries('w', by().identity, Number.MAX_SAFE_INTEGER, 1000);
    expect(found).toHaveLength(KEPT.succeeded + 1);
    expect(found.at(0)).toMatchObject({ attempt: more + 1, status: 200 });
    expect(found.at(-1)).toMatchObject({ attempt: 1, failure: 'status' });
    await store.remove('w', by());
    expect(await db.database.rows('SELECT 1 FROM webhook_deliveries')).toEqual([]);
  });

  it('shows that the key with which a webhook was created is revoked', async () => {
    const keys = new ApiKeyManagement({ database: db.database, clock: systemClock, changed() {} });
    const key = { keyId: 'k', user: 'ann', name: null, scopes: ['webhooks:write'] as const, accountPrefixes: null };
    await keys.create({ ...key, expiresAt: null }, OPERATOR);
    await store.create(wanted('x'), by('ann', { keyId: 'k' }));
    const revoked = async () => (await leases.glance('a')).webhooks.map(({ isKeyRevoked }) => isKeyRevoked);
    expect(await revoked()).toEqual([false, false]);
    await keys.revoke('k', null, OPERATOR);
    expect(await revoked()).toEqual([false, true]);
    await store.resume('x', OPERATOR);
    expect(await revoked()).toEqual([false, false]);
  });

  it('shows that the key that directed the events of a webhook to another address is revoked', async () => {
    const keys = new ApiKeyManagement({ database: db.database, clock: systemClock, changed() {} });
    const key = {
      user: 'ann',
      name: null,
      scopes: ['webhooks:write'] as const,
      accountPrefixes: null,
      expiresAt: null,
    };
    for (const keyId of ['mine', 'stolen']) await keys.create({ ...key, keyId }, OPERATOR);
    const stolen = by('ann', { keyId: 'stolen' });
    await store.create(wanted('x'), by('ann', { keyId: 'mine' }));
    await store.create(wanted('y'), by('ann', { keyId: 'mine' }));
    await store.change('x', { url: 'https://thief.example/' }, stolen);
    await store.change('y', { url: wanted().url, description: 'the same address' }, stolen);
    await keys.revoke('stolen', null, OPERATOR);
    const { webhooks } = await leases.glance('a');
    expect(webhooks.map(({ webhookId, isKeyRevoked }) => [webhookId, isKeyRevoked])).toEqual([
      ['w', false],
      ['x', true],
      ['y', false],
    ]);
  });

  it('leases an inactive webhook only if a test was requested', async () => {
    await store.change('w', { state: 'PAUSED' }, by());
    expect(await leases.take('w', 'a', LEASE_MS)).toBeNull();
    await store.test('w', by());
    const lease = await taken('a');
    const test = { ...accepted(1), delivery: { ...accepted(1).delivery, kind: 'test' as const } };
    expect(await leases.recordTest(lease, lease.testId ?? '', test)).toBe(true);
    expect(await leases.recordTest(lease, lease.testId ?? '', test)).toBe(false);
    expect((await leases.read(lease, 'a'))?.testId).toBeNull();
  });
});
