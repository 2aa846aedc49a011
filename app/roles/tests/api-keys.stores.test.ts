import { createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

const SHORT = {
  MYSQL_QUERY_TIMEOUT_MS: '1000',
  MYSQL_LOCK_WAIT_TIMEOUT_S: '1',
  REDIS_LOST_BY_PODS_AFTER_MS: '3600000',
};

let roles: RolesUnderTest;
let pods: [Role, Role];
beforeAll(async () => {
  roles = await RolesUnderTest.start();
});
afterAll(() => roles.stop());
beforeEach(async () => {
  await roles.keeper({ REDIS_LOST_BY_PODS_AFTER_MS: '3600000' });
  pods = [await roles.api(SHORT), await roles.api(SHORT)];
  for (const pod of pods) {
    await pod.ready();
    await pod.worksIn('CACHE');
  }
  await roles.openAccounts(pods[0]);
});
afterEach(() => roles.stopRoles());

const create = async (body: object): Promise<{ keyId: string; secret: string }> => {
  const reply = await pods[0].request('POST', '/v1/ops/keys', { user: 'client', scopes: ['balances:read'], ...body });
  expect(reply).toMatchObject({ status: 201 });
  return reply.json as { keyId: string; secret: string };
};
const balance = async (pod: Role, key: string, accountId = 'ada') =>
  (await pod.request('GET', `/v1/accounts/${accountId}/balance`, undefined, key)).status;

/** Runs work while no statement on the table of API keys returns, as if MySQL hung. */
async function withoutKeys(work: () => Promise<void>): Promise<void> {
  const connection = await createConnection(roles.db.url);
  try {
    await connection.query('LOCK TABLES api_keys WRITE');
    await work();
  } finally {
    await connection.end();
  }
}

describe('API keys of a ledger with two pods', () => {
  it('work on every pod, and revoked keys are rejected by every pod within seconds', async () => {
    const { keyId, secret } = await create({});
    for (const pod of pods) expect(await balance(pod, secret)).toBe(200);
    const revokedAt = performance.now();
    expect(await pods[0].request('POST', `/v1/ops/keys/${keyId}/revoke`, {})).toMatchObject({ status: 200 });
    expect(await balance(pods[0], secret)).toBe(401);
    await until('the other pod rejects it', async () => (await balance(pods[1], secret)) === 401);
    expect(performance.now() - revokedAt).toBeLessThan(25_000);
  });

  it('can be rotated without a failed request', async () => {
    const old = await create({});
    const path = `/v1/ops/keys/${old.keyId}/rotate`;
    const { json } = await pods[0].request('POST', path, { overlapSeconds: 3600 });
    for (const pod of pods)
      for (const secret of [old.secret, json['secret'] as string]) expect(await balance(pod, secret)).toBe(200);
    const ended = await pods[0].request('POST', `/v1/ops/keys/${json['keyId']}/rotate`, { overlapSeconds: 0 });
    expect(ended.status).toBe(201);
    for (const pod of pods)
      await until('it is rejected', async () => (await balance(pod, json['secret'] as string)) === 401);
  });

  it('can be restricted to accounts with a prefix', async () => {
    const scopes = ['balances:read', 'transfers:write', 'accounts:write'];
    const { secret } = await create({ accountPrefixes: ['ad'], scopes });
    expect(await balance(pods[1], secret)).toBe(200);
    expect(await balance(pods[1], secret, 'world')).toBe(403);
    const transfer = { sourceAccount: 'world', destinationAccount: 'ada', amount: '1.00', currency: 'EUR' };
    expect(await pods[1].request('POST', '/v1/transfers', transfer, secret)).toMatchObject({ status: 403 });
    expect(await pods[0].transfer('in', '1.00')).toMatchObject({ status: 201 });
    const read = await pods[1].request('GET', '/v1/transfers/in', undefined, secret);
    expect(read).toMatchObject({
      status: 200,
      json: { sourceAccount: 'world', destinationBalance: expect.any(String) },
    });
    expect(read.json).not.toHaveProperty('sourceVersion');
    expect((await pods[1].request('GET', '/v1/ops/status', undefined, secret)).status).toBe(403);
  });

  it('work, while MySQL does not answer, only if the pod knows them and they have not expired', async () => {
    const [known, unused, revoked] = [await create({}), await create({}), await create({})];
    const expiring = await create({ expiresAt: new Date(Date.now() + 8_000).toISOString() });
    for (const { secret } of [known, revoked, expiring]) expect(await balance(pods[1], secret)).toBe(200);
    await pods[0].request('POST', `/v1/ops/keys/${revoked.keyId}/revoke`, {});
    await until('it is rejected', async () => (await balance(pods[1], revoked.secret)) === 401);
    await withoutKeys(async () => {
      expect(await balance(pods[1], known.secret)).toBe(200);
      expect(await balance(pods[1], unused.secret)).toBe(503);
      expect([401, 503]).toContain(await balance(pods[1], revoked.secret));
      await until('it has expired', async () => (await balance(pods[1], expiring.secret)) === 503);
      expect(await balance(pods[1], known.secret)).toBe(200);
    });
    await until('MySQL answers', async () => (await balance(pods[1], unused.secret)) === 200);
    expect(await balance(pods[1], revoked.secret)).toBe(401);
    await until('the expired key is rejected', async () => (await balance(pods[1], expiring.secret)) === 401);
  });

  it('are listed with the time of their last use, and the log shows who created them', async () => {
    const { keyId, secret } = await create({ name: 'Screen' });
    await balance(pods[0], secret);
    const { json } = await pods[0].request('GET', '/v1/ops/keys?limit=1000');
    const items = json['items'] as Record<string, unknown>[];
    expect(items.find((item) => item['keyId'] === keyId)).toMatchObject({ name: 'Screen', createdBy: 'bootstrap' });
    const bootstrap = items.find((item) => item['user'] === 'bootstrap');
    const log = (await pods[1].request('GET', '/v1/ops/key-log?limit=1')).json['items'];
    expect(log).toMatchObject([{ action: 'CREATED', keyId, user: 'bootstrap', userKeyId: bootstrap?.['keyId'] }]);
    expect(await pods[0].request('POST', `/v1/ops/keys/${bootstrap?.['keyId']}/revoke`, {})).toMatchObject({
      status: 409,
      json: { code: 'last_ops_key' },
    });
  });
});
