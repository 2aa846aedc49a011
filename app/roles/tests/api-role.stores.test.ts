import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent, createServer, request as httpRequest, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../../devstack/system/ports.mjs';
import { Problem } from '../../domain/problem.ts';
import { until } from '../../kernel/testing/until.ts';
import { startApi } from '../api-role.ts';
import { listen } from '../listen.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';
import { processOf } from '../testing/test-context.ts';

let roles: RolesUnderTest;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
});
afterAll(() => roles.stop());
afterEach(async () => {
  vi.restoreAllMocks();
  await roles.stopRoles();
});

const status = async (api: Role) => (await api.request('GET', '/v1/ops/status')).json;

describe('An API pod', () => {
  let api: Role;
  beforeEach(async () => {
    // This is the only pod, so the authority would move when it cannot reach Redis. The long
    // timeout prevents that.
    await roles.keeper({ REDIS_LOST_BY_PODS_AFTER_MS: '3600000' });
    api = await roles.api();
    await api.ready();
    await api.worksIn('CACHE');
    await roles.openAccounts(api);
  });

  it('serves clients: a transfer is posted, read, and found in MySQL once it is persisted', async () => {
    const before = Number(((await api.request('GET', '/v1/accounts/ada/balance')).json as { version: number }).version);
    expect(await api.transfer(`t-${before}`)).toMatchObject({ status: 201, json: { status: 'POSTED' } });
    expect((await api.request('GET', '/v1/accounts/ada/balance')).json).toMatchObject({ version: before + 1 });
    expect(await api.transfer(`p-${before}`, '2.00', { durability: 'persisted' })).toMatchObject({ status: 201 });
    expect(
      await roles.db.database.rows('SELECT 1 FROM transfers WHERE transaction_id = ?', [`p-${before}`]),
    ).toHaveLength(1);
  });

  it('shows operators the whole state: authority, cursor, journal, pods, and itself', async () => {
    await api.transfer(`status-${Date.now()}`, '1.00', { durability: 'persisted' });
    await until(
      'the tail is empty',
      async () => ((await status(api))['pod'] as { tail: { entries: number } }).tail.entries === 0,
    );
    const seen = await status(api);
    const { epoch } = await api.context.authority.read();
    expect(seen).toMatchObject({
      mode: 'CACHE',
      epoch,
      redisNode: roles.redis.node,
      cursor: { epoch, seq: expect.any(Number) },
      journal: { length: 0, ageMs: 0 },
      pods: [{ epoch, drained: false, retired: false }],
      breakers: { redis: 'closed', mysql: 'closed' },
      keepers: [{ keeperId: expect.stringMatching(/:[0-9a-f]{12}$/), silentMs: expect.any(Number) }],
      pod: { open: true, complaints: [], tail: { entries: 0, bytes: 0 } },
    });
    expect((seen['journal'] as { seq: number }).seq).toBe((seen['cursor'] as { seq: number }).seq);
  });

  it('reports the entries that wait in its tail while nothing is flushed', async () => {
    await roles.db.database.transaction(async (session) => {
      await session.rows('SELECT 1 FROM flush_cursor FOR UPDATE');
      await api.transfer(`tail-${Date.now()}`);
      const seen = await status(api);
      expect(seen['journal']).toMatchObject({ length: 1, ageMs: expect.any(Number) });
      expect((seen['pod'] as { tail: { entries: number } }).tail.entries).toBe(1);
      expect((await api.request('GET', '/metrics')).json['text']).toContain('holdfast_tail_entries 1');
    });
  });

  it('shows operators the available part of the state while MySQL is unavailable', async () => {
    const away = async () => {
      throw new Problem('database_unavailable', 'away');
    };
    const { authority, flushStore } = api.context.opsReads;
    for (const name of ['read', 'pods'] as const) vi.spyOn(authority, name).mockImplementation(away);
    vi.spyOn(flushStore, 'cursor').mockImplementation(away);
    expect(await status(api)).toMatchObject({
      mode: 'CACHE',
      cursor: null,
      pods: null,
      journal: { seq: expect.any(Number) },
    });
  });

  it('shows operators the available part of the state while Redis is unavailable, and is not ready', async () => {
    vi.spyOn(api.context.cache, 'read').mockRejectedValue(new Error('away'));
    expect(await status(api)).toMatchObject({ journal: null });
    vi.restoreAllMocks();
    api.context.redis.disconnect();
    const unready = await until('it is not ready', async () => {
      const answer = await api.request('GET', '/readyz');
      return answer.status === 503 ? answer : null;
    });
    expect(unready.json).toMatchObject({ reasons: ['Redis does not answer this pod as the server of this epoch'] });
    await until(
      'the detector has noticed',
      async () => ((await status(api))['breakers'] as { redis: string }).redis !== 'closed',
    );
    expect(await status(api)).toMatchObject({ mode: 'CACHE', journal: null, pod: { open: false, observedSeq: null } });
  });

  it('reconciles on demand: both stores while the pod can use Redis, otherwise only MySQL', async () => {
    await api.transfer(`rec-${Date.now()}`);
    const path = '/v1/ops/reconciliations';
    expect(await api.request('POST', path)).toMatchObject({ status: 200, json: { clean: true, cachedAccounts: 2 } });
    api.context.redis.disconnect();
    await until('it is not ready', async () => (await api.request('GET', '/readyz')).status === 503);
    expect(await api.request('POST', path)).toMatchObject({ status: 200, json: { clean: true, cachedAccounts: 0 } });
  });

  it('returns ledger_switching if Redis becomes unavailable during a reconciliation', async () => {
    await api.transfer(`gone-${Date.now()}`);
    vi.spyOn(api.context.scripts, 'read').mockRejectedValue(new Error('away'));
    expect(await api.request('POST', '/v1/ops/reconciliations')).toMatchObject({
      status: 503,
      json: { code: 'ledger_switching' },
    });
  });

  it('counts events', async () => {
    await api.transfer(`new-${Date.now()}`);
    await api.request('GET', '/v1/nowhere');
    const { text } = (await api.request('GET', '/metrics')).json;
    for (const line of [
      'holdfast_authority_mode{mode="CACHE"} 1',
      'holdfast_apply_batch_size_count',
      'holdfast_transfers_total{outcome="posted"}',
      'holdfast_errors_total{code="not_found"} 1',
      'holdfast_requests_in_flight 0',
      'holdfast_limit{name="queue_transfers"}',
      'holdfast_limit{name="webhooks_active"} 500',
    ]) {
      expect(text).toContain(line);
    }
  });

  it('removes its registration when it stops, and no longer answers requests', async () => {
    const podId = ((await status(api))['pod'] as { podId: string }).podId;
    await api.stop();
    expect(
      (await roles.db.database.rows<{ pod_id: string }>('SELECT pod_id FROM pods')).map((row) => row.pod_id),
    ).not.toContain(podId);
    await expect(api.request('GET', '/livez')).rejects.toThrow('fetch failed');
  });
});

describe('Stopping', () => {
  it('is first reported by the readiness probe, while requests are still served', async () => {
    await roles.keeper();
    const api = await roles.api({ PRE_STOP_DELAY_MS: '4000' });
    await api.ready();
    const stopped = api.stop();
    expect(await api.request('GET', '/readyz')).toMatchObject({
      status: 503,
      json: { reasons: ['it is shutting down'] },
    });
    expect((await api.request('GET', '/livez')).status).toBe(200);
    await stopped;
  });

  it('does not wait for a connection on which no request was sent', async () => {
    const api = await roles.api({ KEEP_ALIVE_TIMEOUT_MS: '3600000' });
    const { port } = api.server.address() as AddressInfo;
    const accepted = once(api.server, 'connection');
    const socket = connect({ port, host: '127.0.0.1' }).resume();
    await accepted;
    await api.stop();
    await until('it is closed', () => socket.closed);
  });

  it('waits for a request in progress, but not for its connection', async () => {
    const api = await roles.api();
    const agent = new Agent({ keepAlive: true });
    const { port } = api.server.address() as AddressInfo;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await until('the key is known', async () => (await api.request('GET', '/v1/ops/status')).status === 200);
    let reached = false;
    vi.spyOn(api.context.opsReads.authority, 'pods').mockImplementation(async () => {
      reached = true;
      await held;
      return [];
    });
    const answered = new Promise<number>((resolve, reject) => {
      const headers = { Authorization: 'Bearer a-bootstrap-key-for-tests-alone' };
      httpRequest({ port, host: '127.0.0.1', path: '/v1/ops/status', agent, headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      })
        .on('error', reject)
        .end();
    });
    await until('the request is under way', () => reached);
    const stopped = api.stop().then(() => 'stopped');
    await until('no request is admitted anymore', () => !api.server.listening);
    release();
    expect(await answered).toBe(200);
    expect(await stopped).toBe('stopped');
    agent.destroy();
  });
});

describe('At startup', () => {
  it('a port in use is reported by name, and startup is aborted', async () => {
    const other: Server = createServer().listen(0, '127.0.0.1');
    await until('it listens', () => other.listening);
    const { port } = other.address() as AddressInfo;
    const context = await roles.context({ PORT: String(port) });
    const reads = vi.spyOn(context.authority, 'read');
    await expect(startApi(processOf(context))).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: it is in use: stop the process that uses it, or set another PORT`,
    );
    expect(reads).not.toHaveBeenCalled();
    await context[Symbol.asyncDispose]();
    other.close();
  });

  it('a separate port for metrics removes the metrics from the client port; probes are on both ports', async () => {
    const port = await freePort();
    const api = await roles.api({ ADMIN_PORT: String(port), PRE_STOP_DELAY_MS: '500' });
    await api.ready();
    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: response.status, text: await response.text() };
    };
    expect((await ask('/metrics')).text).toContain('holdfast_queue_transfers');
    expect((await ask('/livez')).status).toBe(200);
    expect((await ask('/readyz')).status).toBe(200);
    expect((await ask('/v1/ops/status')).status).toBe(404);
    expect((await api.request('GET', '/livez')).status).toBe(200);
    expect((await api.request('GET', '/metrics')).status).toBe(404);
    const stopped = api.stop();
    expect(await ask('/readyz')).toEqual({ status: 503, text: '{"ready":false,"reasons":["it is shutting down"]}' });
    await stopped;
    await expect(ask('/livez')).rejects.toThrow();
  });

  it('the bootstrap key is stored as soon as MySQL accepts it', async () => {
    const context = await roles.context();
    const { database } = context;
    const rows = database.rows.bind(database);
    let refusals = 0;
    vi.spyOn(database, 'rows').mockImplementation((sql, values) => {
      if (!String(sql).includes('INSERT INTO api_keys') || refusals++ > 0) return rows(sql, values);
      return Promise.reject(new Problem('database_unavailable', 'away'));
    });
    const running = await startApi(processOf(context));
    await until('it was tried again', () => refusals > 1);
    expect(context.messages('warn')).toContain('the first API keys could not be stored yet');
    await running.stop();
    await context[Symbol.asyncDispose]();
  });

  it('a stop does not wait for the bootstrap key', async () => {
    const context = await roles.context();
    vi.spyOn(context.database, 'rows').mockRejectedValue(new Problem('database_unavailable', 'away'));
    const running = await startApi(processOf(context));
    const tries = () =>
      context.messages('warn').filter((said) => said === 'the first API keys could not be stored yet').length;
    await until('it was refused', () => tries() > 0);
    await running.stop();
    const before = tries();
    await context[Symbol.asyncDispose]();
    expect(tries()).toBe(before);
  });

  it('JWTs are accepted only if issuer, audience and keys are set', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwksFile = join(roles.redis.dir, 'jwks.json');
    writeFileSync(jwksFile, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256' }] }));
    const names = { JWT_ISSUER: 'https://issuer.test', JWT_AUDIENCE: 'holdfast' };
    const token = await new SignJWT({ sub: 'ada', scope: 'ops' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(names.JWT_ISSUER)
      .setAudience(names.JWT_AUDIENCE)
      .setExpirationTime('1 minute')
      .sign(privateKey);
    const taking = await roles.api({ ...names, JWT_JWKS_FILE: jwksFile });
    expect((await taking.request('GET', '/v1/ops/status', undefined, token)).status).toBe(200);
    const other = await roles.api();
    expect((await other.request('GET', '/v1/ops/status', undefined, token)).status).toBe(401);
  });

  it('the keys of JWTs are found through their issuer, and the longest user name fits into every table', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256' }] });
    const server = createServer((request, response) => {
      const discovery = { issuer, jwks_uri: `${issuer}/keys` };
      response.end(request.url === '/keys' ? jwks : JSON.stringify(discovery));
    });
    await listen(server, 0, '127.0.0.1');
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      await roles.keeper();
      const api = await roles.api({ JWT_ISSUER: issuer, JWT_AUDIENCE: 'holdfast' });
      await api.ready();
      await api.worksIn('CACHE');
      const sub = `auth0|${'山'.repeat(249)}`;
      const token = await new SignJWT({ sub, scp: ['accounts:write', 'transfers:write', 'balances:read'] })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(issuer)
        .setAudience('holdfast')
        .setExpirationTime('1 hour')
        .sign(privateKey);
      const send = (method: string, path: string, body?: object) => api.request(method, path, body, token);
      await send('POST', '/v1/accounts', { accountId: 'jwt-a', currency: 'EUR', external: true });
      await send('POST', '/v1/accounts', { accountId: 'jwt-b', currency: 'EUR' });
      expect((await send('PATCH', '/v1/accounts/jwt-b', { overdraftLimit: '1' })).status).toBe(200);
      const accounts = { sourceAccount: 'jwt-a', destinationAccount: 'jwt-b' };
      const transfer = { ...accounts, amount: '1.00', currency: 'EUR', durability: 'persisted' };
      expect((await send('POST', '/v1/transfers', transfer)).status).toBe(201);
      const { json } = await send('GET', '/v1/accounts/jwt-b/postings');
      expect(json['items']).toMatchObject([{ user: `jwt:${sub}` }]);
      const users = await roles.db.database.rows(
        "SELECT opened_by AS `user` FROM accounts WHERE account_id = 'jwt-a' UNION ALL SELECT `user` FROM account_changes WHERE account_id = 'jwt-b'",
      );
      expect(users).toEqual([{ user: `jwt:${sub}` }, { user: `jwt:${sub}` }]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
