import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Identity } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import type { ApiDependencies } from '../api-dependencies.ts';
import { ApiUnderTest, keyWith, NOW } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 1000 });
  api.ledger.open('b');
});
afterEach(() => api.stop());

async function restart(overrides: Parameters<typeof ApiUnderTest.start>[0]): Promise<void> {
  await api.stop();
  api = await ApiUnderTest.start(overrides);
  api.ledger.open('a', { balance: 1000 });
}

const transfer = { sourceAccount: 'a', destinationAccount: 'b', amount: '1.00', currency: 'EUR' };

describe('the correlation id', () => {
  const given = (headers: Record<string, string>) => api.get('/livez', { headers });

  it('is echoed if it is a valid id', async () => {
    expect((await given({ 'X-Correlation-Id': 'order:42' })).headers.get('x-correlation-id')).toBe('order:42');
  });
  it('is replaced otherwise', async () => {
    for (const odd of ['two words', 'x'.repeat(65), '<script>']) {
      expect((await given({ 'X-Correlation-Id': odd })).headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
  it('is the trace id of the traceparent header if the client sends no correlation id', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { headers } = await given({ traceparent: `00-${trace}-00f067aa0ba902b7-01` });
    expect(headers.get('x-correlation-id')).toBe(trace);
    for (const no of [`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, 'nonsense']) {
      expect((await given({ traceparent: no })).headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
  it('appears in the order, the problem and the log', async () => {
    const headers = { 'X-Correlation-Id': 'c-1' };
    await api.post('/v1/transfers', transfer, { headers });
    expect(api.ledger.applied[0]?.orders[0]).toMatchObject({ correlationId: 'c-1', user: 'tester' });
    api.ledger.failures.set('read', new Problem('ledger_closed', 'Closed.'));
    const reply = await api.get('/v1/accounts/a/balance', { headers });
    expect(reply.json).toMatchObject({ correlationId: 'c-1' });
    expect(api.logged).toMatchObject([{ level: 'warn', fields: { correlationId: 'c-1', code: 'ledger_closed' } }]);
  });
});

describe('a problem', () => {
  it('follows RFC 9457, with a stable code', async () => {
    const reply = await api.get('/v1/accounts/nobody/balance?x=1', { headers: { 'X-Correlation-Id': 'c-1' } });
    expect(reply.status).toBe(404);
    expect(reply.headers.get('content-type')).toBe('application/problem+json');
    expect(reply.headers.get('cache-control')).toBe('no-store');
    expect(reply.headers.has('retry-after')).toBe(false);
    expect(reply.json).toEqual({
      type: 'urn:holdfast:problem:account_not_found',
      title: 'The account does not exist',
      status: 404,
      detail: 'There is no account nobody.',
      instance: '/v1/accounts/nobody/balance',
      code: 'account_not_found',
      correlationId: 'c-1',
    });
  });
  it('has a Retry-After header if the same request may be sent again', async () => {
    api.ledger.failures.set('read', new Problem('ledger_switching', 'Moving.'));
    expect((await api.get('/v1/accounts/a/balance')).headers.get('retry-after')).toBe('1');
    api.ledger.failures.set('read', new Problem('ledger_closed', 'Closed.', { retryAfterSeconds: 4.2 }));
    expect((await api.get('/v1/accounts/a/balance')).headers.get('retry-after')).toBe('5');
  });
  it('does not reveal an unexpected error, which is logged instead', async () => {
    api.ledger.failures.set('apply', new Error('connect ECONNREFUSED 10.1.2.3:6379'));
    const reply = await api.post('/v1/transfers', transfer);
    expect(reply).toMatchObject({ status: 500, json: { code: 'internal_error' } });
    expect(reply.text).not.toContain('10.1.2.3');
    expect(api.logged).toMatchObject([
      { level: 'error', fields: { err: { message: expect.stringContaining('10.1.2.3') } } },
    ]);
  });
});

describe('an address', () => {
  it('that does not exist returns 404, even without a key', async () => {
    expect(await api.get('/v2/nothing', { key: null })).toMatchObject({ status: 404, json: { code: 'not_found' } });
  });
  it('that supports other methods returns 405 with Allow', async () => {
    const reply = await api.request('DELETE', '/v1/accounts/a');
    expect(reply).toMatchObject({ status: 405, json: { code: 'method_not_allowed' } });
    expect(reply.headers.get('allow')).toBe('HEAD, GET, PATCH');
  });
  it('answers HEAD without a body', async () => {
    const reply = await api.request('HEAD', '/v1/accounts/a/balance');
    expect(reply).toMatchObject({ status: 200, text: '' });
    expect(reply.headers.get('etag')).toBe('"0"');
  });
});

describe('authentication', () => {
  it('requires a known bearer key', async () => {
    for (const headers of [
      undefined,
      { Authorization: 'Basic eDp5' },
      { Authorization: 'Bearer' },
      { Authorization: 'Bearer a b' },
    ]) {
      const reply = await api.get('/v1/accounts/a/balance', { key: null, ...(headers && { headers }) });
      expect(reply).toMatchObject({ status: 401, json: { code: 'unauthenticated' } });
      expect(reply.headers.get('www-authenticate')).toBe('Bearer');
    }
    expect(await api.get('/v1/accounts/a/balance', { key: 'unknown' })).toMatchObject({ status: 401 });
  });
  it('accepts the scheme in upper and lower case', async () => {
    const headers = { Authorization: 'bEaReR  balances:read' };
    expect(await api.get('/v1/accounts/a/balance', { key: null, headers })).toMatchObject({ status: 200 });
  });
  it('requires one of the scopes of the route', async () => {
    const reply = await api.get('/v1/accounts/a/balance', { key: keyWith('ops', 'transfers:write') });
    expect(reply).toMatchObject({
      status: 403,
      json: { code: 'forbidden', detail: 'This requires the scope balances:read.' },
    });
    const either = await api.get('/v1/transfers/x', { key: keyWith('ops') });
    expect(either.json).toMatchObject({ detail: 'This requires the scope transfers:write or balances:read.' });
  });
  it('passes everything that looks like a JWT, and nothing else, to the JWT verifier', async () => {
    const verify = vi.fn(async (): Promise<Identity> => ({ user: 'ada', scopes: new Set(['balances:read']) }));
    await restart({ jwt: { verify } });
    expect(await api.get('/v1/accounts/a/balance', { key: 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln' })).toMatchObject({
      status: 200,
    });
    expect(await api.get('/v1/accounts/a/balance', { key: 'not.a.jwt' })).toMatchObject({ status: 401 });
    expect(verify).toHaveBeenCalledOnce();
  });
  it('fails with the error of the key store', async () => {
    const identify = async () => {
      throw new Problem('database_unavailable', 'The keys cannot be read.');
    };
    await restart({ keys: { identify } });
    expect(await api.get('/v1/accounts/a/balance')).toMatchObject({
      status: 503,
      json: { code: 'database_unavailable' },
    });
  });
});

describe('the limits', () => {
  it('allow each user a number of requests per second, replenished over time', async () => {
    await restart({ limits: { ...api.deps.limits, requestsPerSecondPerUserMax: 2 } });
    let now = 0;
    api.clock.monotonic = () => now;
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await api.get('/v1/accounts/a/balance')).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect(await api.get('/livez')).toMatchObject({ status: 200 });
    now += 500;
    expect(await api.get('/v1/accounts/a/balance')).toMatchObject({ status: 200 });
    expect(await api.get('/v1/accounts/a/balance')).toMatchObject({ status: 429, json: { code: 'rate_limited' } });
  });
});

describe('the hooks', () => {
  it('get the pattern of the route and never text from the client', async () => {
    await api.get('/v1/accounts/a/balance');
    await api.request('DELETE', '/v1/made-up');
    expect(api.observed).toMatchObject([
      { route: '/v1/accounts/{id}/balance', method: 'GET', status: 200 },
      { route: 'unmatched', method: 'unmatched', status: 404 },
    ]);
    for (const { seconds } of api.observed) expect(seconds).toBeGreaterThanOrEqual(0);
  });
  it('get the code of every problem returned', async () => {
    await api.request('DELETE', '/v1/made-up');
    api.ledger.beforeOutcome = () => Promise.reject(new Error('a fault of ours'));
    await api.get('/v1/transfers/t');
    expect(api.problems).toEqual(['not_found', 'internal_error']);
  });
});

describe('tracing', () => {
  it("creates a span for each request, named after its route, in the caller's trace", async () => {
    const spans: { name: string; attributes: Record<string, unknown>; traceparent: unknown }[] = [];
    const tracing: NonNullable<ApiDependencies['tracing']> = {
      incomingSpan(headers, name, run) {
        const span = { name, attributes: {} as Record<string, unknown>, traceparent: headers['traceparent'] };
        spans.push(span);
        return run({
          rename: (to) => {
            span.name = to;
          },
          set: (attribute, value) => {
            span.attributes[attribute] = value;
          },
        });
      },
    };
    const traced = await ApiUnderTest.start({ tracing });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { headers } = await traced.request('GET', '/v1/accounts/nobody/balance', { headers: { traceparent } });
    await traced.request('GET', '/nowhere');
    await traced.stop();
    expect(spans[0]).toEqual({
      name: 'GET /v1/accounts/{id}/balance',
      attributes: { 'http.response.status_code': 404, 'holdfast.correlation_id': headers.get('x-correlation-id') },
      traceparent,
    });
    expect(spans[1]).toMatchObject({ name: 'GET', attributes: { 'http.response.status_code': 404 } });
  });
});

describe('shutting down', () => {
  it('asks each client to close its connection', async () => {
    let shuttingDown = false;
    await restart({ shuttingDown: () => shuttingDown });
    expect((await api.get('/v1/accounts/a/balance')).headers.get('connection')).toBe('keep-alive');
    shuttingDown = true;
    expect((await api.get('/v1/accounts/a/balance')).headers.get('connection')).toBe('close');
  });

  it('includes clients whose requests were in progress when it began', async () => {
    let shuttingDown = false;
    await restart({
      shuttingDown: () => shuttingDown,
      metrics: {
        contentType: 'text/plain',
        text: async () => {
          shuttingDown = true;
          return '';
        },
      },
    });
    expect((await fetch(`${api.url}/metrics`)).headers.get('connection')).toBe('close');
  });
});

describe('the server', () => {
  it('limits the time it waits for clients', () => {
    const { headersTimeout, requestTimeout, keepAliveTimeout } = api.server;
    expect({ headersTimeout, requestTimeout, keepAliveTimeout }).toEqual({
      headersTimeout: 10_000,
      requestTimeout: 60_000,
      keepAliveTimeout: 65_000,
    });
  });
  it('logs failures to send a response', async () => {
    await restart({ metrics: { contentType: 'bad\nheader', text: async () => '' } });
    await fetch(`${api.url}/metrics`).catch(() => {});
    expect(api.logged.length).toBeGreaterThan(0);
  });
  it('uses its own clock for the ids it generates', async () => {
    const { headers } = await api.get('/livez');
    expect(headers.get('x-correlation-id')?.replace('-', '').slice(0, 12)).toBe(NOW.toString(16).padStart(12, '0'));
  });
});
