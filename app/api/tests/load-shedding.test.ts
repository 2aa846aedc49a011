import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { ApiUnderTest, connectionsOf, keyWith } from '../testing/api-under-test.ts';

let api: ApiUnderTest;

/**
 * An API whose transfer requests are held until `release`, which waits for their answers, and whose event-loop
 * utilization the test controls.
 */
async function held(limits: { max: number; busyMax: number }, waitingForDatabase = 0) {
  const loop = { utilization: 0 };
  api = await ApiUnderTest.start(
    {
      limits: {
        bodyBytesMax: 1000,
        requestsInFlightMax: limits.max,
        requestsInFlightBusyMax: limits.busyMax,
        connectionsMax: 2_000,
        connectionAgeMaxMs: null,
        requestsPerSecondPerUserMax: null,
      },
      waitingForDatabase: () => waitingForDatabase,
    },
    () => ({ idle: 0, active: 0, utilization: loop.utilization }),
  );
  // A whole number, because a sum of fractions can be slightly below the exact value.
  let time = Math.ceil(api.clock.monotonic());
  api.clock.monotonic = () => time;
  let letGo = () => {};
  const released = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let inside = 0;
  api.ledger.beforeOutcome = async () => {
    inside += 1;
    await released;
  };
  const answers: Promise<unknown>[] = [];
  const hold = async (count: number) => {
    const before = inside;
    const asked = Array.from({ length: count }, () => api.get('/v1/transfers/t'));
    answers.push(...asked);
    await expect.poll(() => inside).toBe(before + count);
    return asked;
  };
  const release = async () => {
    letGo();
    await Promise.all(answers);
  };
  // Released even if the test fails: a request that is still held when the server stops would cause a second error.
  onTestFinished(async () => {
    await release();
    await api.stop();
  });
  const pass = (ms: number) => (time += ms);
  const beBusy = (share: number) => (loop.utilization = share);
  return { hold, answers, released, release, pass, beBusy };
}

/** Whether a request was admitted: the response is then a 404 for a missing account. */
async function served(): Promise<boolean> {
  const { status } = await api.get('/v1/accounts/nobody/balance');
  return status === 404;
}

it('rejects requests beyond the memory limit, with the usual problem document and headers', async () => {
  const { hold, release } = await held({ max: 2, busyMax: 1 });
  const answers = await hold(2);
  const refused = await api.get('/v1/accounts/a/balance?x=1', { headers: { 'X-Correlation-Id': 'mine' } });
  expect(refused).toMatchObject({
    status: 503,
    json: { code: 'overloaded', instance: '/v1/accounts/a/balance', correlationId: 'mine' },
  });
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(refused.headers.get('x-correlation-id')).toBe('mine');
  await release();
  for (const answer of answers) expect((await answer).status).toBe(404);
  expect(await served()).toBe(true);
});

it('admits probes and metrics', async () => {
  const { hold } = await held({ max: 1, busyMax: 1 });
  await hold(1);
  for (const path of ['/livez', '/readyz', '/metrics']) expect((await api.get(path)).status).toBe(200);
});

it('lowers the limit while the pod is short of CPU, and raises it again when the pod only waits', async () => {
  const { hold, pass, beBusy } = await held({ max: 10, busyMax: 2 });
  await hold(3);
  beBusy(0.99);
  expect(await served()).toBe(true);
  pass(500);
  expect(await served()).toBe(false);
  beBusy(0.6);
  expect(await served()).toBe(false);
  pass(500);
  expect(await served()).toBe(true);
});

it('counts requests that wait for MySQL against the memory limit, but not against the limit of a pod that is short of CPU', async () => {
  const { hold, pass, beBusy } = await held({ max: 6, busyMax: 2 }, 3);
  await hold(4);
  beBusy(0.99);
  pass(500);
  expect(await served()).toBe(true);
  await hold(1);
  expect(await served()).toBe(false);
});

it('admits operators that were authenticated before, and few others', async () => {
  const { hold, answers, released, release } = await held({ max: 1, busyMax: 1 });
  const statuses: number[] = [];
  const slow = async (): Promise<object> => {
    await released;
    return { mode: 'CACHE' };
  };
  const operator = keyWith('ops');
  const stranger = keyWith('ops', 'balances:read');
  expect((await api.get('/v1/ops/status', { key: operator })).status).toBe(200);
  // No key, an unknown key, an unknown route: none of these makes a caller an operator.
  await api.get('/v1/ops/status', { key: 'nobody' });
  await api.get('/v1/ops/nothing', { key: stranger });
  await hold(1);
  vi.spyOn(api.deps.ops, 'status').mockImplementation(slow);
  const ask = async (key: string) => statuses.push((await api.get('/v1/ops/status', { key })).status);
  answers.push(...Array.from({ length: 8 }, () => ask(stranger)));
  await expect.poll(() => statuses).toEqual([503, 503, 503]);
  answers.push(...Array.from({ length: 10 }, () => ask(operator)));
  await expect.poll(() => vi.mocked(api.deps.ops.status).mock.calls.length).toBe(15);
  await release();
  expect(statuses.filter((status) => status === 200)).toHaveLength(15);
});

it('admits what an operator needs to open the console, without treating every caller as an operator', async () => {
  const { hold, release, answers, released } = await held({ max: 1, busyMax: 1 });
  const payer = keyWith('transfers:write');
  expect((await api.get('/v1/caller', { key: payer })).status).toBe(200);
  await hold(1);
  expect((await api.get('/v1/caller', { key: payer })).status).toBe(200);
  expect((await api.get('/console')).json.code).not.toBe('overloaded');
  expect((await api.get('/consoles')).json).toMatchObject({ code: 'overloaded' });
  const statuses: number[] = [];
  vi.spyOn(api.deps.ops, 'status').mockImplementation(async () => {
    await released;
    return {};
  });
  const asked = keyWith('ops');
  answers.push(
    ...Array.from({ length: 5 }, async () => statuses.push((await api.get('/v1/ops/status', { key: asked })).status)),
  );
  // The slots for callers who were not authenticated before are taken, and the payer has no others.
  await expect.poll(() => vi.mocked(api.deps.ops.status).mock.calls.length).toBe(5);
  expect((await api.get('/v1/caller', { key: payer })).json).toMatchObject({ code: 'overloaded' });
  await release();
});

it('counts a request in absolute form, or in any other spelling', async () => {
  const { hold, release } = await held({ max: 1, busyMax: 1 });
  await hold(1);
  const targets = [
    'http://anything/v1/accounts/nobody/balance',
    '//v1/accounts/nobody/balance',
    '/V1/ops/status',
    '/v1/%6fps/status',
    '/livez/',
    '/livez?x',
    'http://anything/v1/ops/nothing',
  ];
  for (const target of targets) expect([target, await statusOf('GET', target)]).toEqual([target, 503]);
  expect(await statusOf('OPTIONS', '*')).toBe(503);
  await release();
  const key = { Authorization: `Bearer ${keyWith('balances:read')}` };
  expect(await statusOf('GET', 'http://anything/v1/accounts/nobody/balance', key)).toBe(404);
  expect(api.observed.at(-1)).toMatchObject({ route: '/v1/accounts/{id}/balance', status: 404 });
});

function statusOf(method: string, path: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(api.url);
    httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    })
      .once('error', reject)
      .end();
  });
}

it('a request keeps its slot exactly until its handler has finished, even if the client has disconnected', async () => {
  const { hold, release } = await held({ max: 2, busyMax: 2 });
  await hold(1);
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  // Pipelined: Node.js emits nothing for the second response when the connection ends.
  const get = `GET /v1/transfers/t HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keyWith('balances:read')}\r\n\r\n`;
  socket.write(get + get);
  await expect.poll(() => api.problems).toEqual(['overloaded']);
  socket.destroy();
  await expect.poll(() => connectionsOf(api.server)).toBe(1);
  expect(await served()).toBe(false);
  await release();
  await expect.poll(served).toBe(true);
});

it('counts every rejection, and logs a few of them and the number of the rest', async () => {
  const { hold } = await held({ max: 1, busyMax: 1 });
  await hold(1);
  // A list, because other code sets timers, too: on a busy machine, the search for slow bodies does.
  const waiting: (() => void)[] = [];
  api.clock.after = (_ms, action) => {
    waiting.push(action);
    return () => {};
  };
  for (let n = 0; n < 15; n++) await api.post('/v1/transfers', {});
  const seen = { route: 'refused', method: 'refused', status: 503, seconds: 0 };
  expect(api.observed.filter(({ status }) => status === 503)).toEqual(Array.from({ length: 15 }, () => seen));
  expect(api.problems).toEqual(Array.from({ length: 15 }, () => 'overloaded'));
  const line = {
    level: 'warn',
    message: 'request refused',
    fields: { code: 'overloaded', status: 503, route: 'refused' },
  };
  expect(api.logged).toMatchObject(Array.from({ length: 10 }, () => line));
  for (const action of [...waiting]) action();
  expect(api.logged.slice(10)).toEqual([
    { level: 'warn', message: 'refused requests not logged', fields: { code: 'overloaded', suppressed: 5 } },
  ]);
});

it('defers a limited number of rejections, and drops those whose clients have disconnected', async () => {
  const { hold } = await held({ max: 1, busyMax: 1 });
  await hold(1);
  const turns: (() => void)[] = [];
  api.clock.endOfTurn = (action) => void turns.push(action);
  const port = Number(new URL(api.url).port);
  const get = 'GET /v1/x HTTP/1.1\r\nHost: x\r\n\r\n';
  // The first request on each connection is rejected immediately; the rejections of the other fifteen are deferred.
  const sockets = Array.from({ length: 68 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  for (const socket of sockets) socket.resume().write(get.repeat(16));
  await expect.poll(() => api.problems.length).toBe(68 + 68 * 15 - 1000);
  expect(turns).toHaveLength(1);
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => connectionsOf(api.server)).toBe(1);
  for (const turn of turns) turn();
  expect(turns).toHaveLength(20);
  expect(api.problems).toHaveLength(88);
});

it('rejects immediately on a connection without recent rejections, and defers immediate retries', async () => {
  const { hold, pass } = await held({ max: 1, busyMax: 1 });
  await hold(1);
  const turns: (() => void)[] = [];
  api.clock.endOfTurn = (action) => void turns.push(action);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const refused = () =>
    new Promise<number | undefined>((resolve, reject) => {
      const asked = httpRequest(`${api.url}/v1/transfers/t`, { agent }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode));
      });
      asked.once('error', reject).end();
    });
  expect(await refused()).toBe(503);
  const again = refused();
  await expect.poll(() => turns.length).toBe(1);
  turns[0]?.();
  expect(await again).toBe(503);
  pass(1000);
  expect(await refused()).toBe(503);
  expect(turns).toHaveLength(1);
  agent.destroy();
});
