import { Agent, request as httpRequest } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { ApiUnderTest } from './testing/api-under-test.ts';

let api: ApiUnderTest;
afterEach(() => api.stop());

/** An API whose requests for transfers are held until `release`, and whose event loop is as busy as it is told. */
async function held(limits: { max: number; busyMax: number }) {
  const loop = { utilization: 0 };
  api = await ApiUnderTest.start(
    {
      limits: {
        bodyBytesMax: 1000,
        requestsInFlightMax: limits.max,
        requestsInFlightBusyMax: limits.busyMax,
        requestsPerSecondPerUserMax: null,
      },
    },
    () => ({ idle: 0, active: 0, utilization: loop.utilization }),
  );
  // A whole number: sums of fractions can fall short.
  let time = Math.ceil(api.clock.monotonic());
  api.clock.monotonic = () => time;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let inside = 0;
  api.ledger.beforeOutcome = async () => {
    inside += 1;
    await released;
  };
  const hold = async (count: number) => {
    const before = inside;
    const answers = Array.from({ length: count }, () => api.get('/v1/transfers/t'));
    await expect.poll(() => inside).toBe(before + count);
    return answers;
  };
  return { hold, release, pass: (ms: number) => (time += ms), beBusy: (share: number) => (loop.utilization = share) };
}

/** Whether a request was let in: there is no such account. */
async function served(): Promise<boolean> {
  const { status } = await api.get('/v1/accounts/nobody/balance');
  return status === 404;
}

it('refuses what is more than memory allows, with the problem and the headers of every other one', async () => {
  const { hold, release } = await held({ max: 2, busyMax: 1 });
  const answers = await hold(2);
  const refused = await api.get('/v1/accounts/a/balance?x=1', { headers: { 'X-Correlation-Id': 'mine' } });
  expect(refused).toMatchObject({
    status: 503,
    json: { code: 'overloaded', instance: '/v1/accounts/a/balance', correlationId: 'mine' },
  });
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(refused.headers.get('x-correlation-id')).toBe('mine');
  release();
  for (const answer of answers) expect((await answer).status).toBe(404);
  expect(await served()).toBe(true);
});

it('lets probes, metrics and operators pass', async () => {
  const { hold, release } = await held({ max: 1, busyMax: 1 });
  const answers = await hold(1);
  for (const path of ['/livez', '/readyz', '/metrics', '/v1/ops/status'])
    expect((await api.get(path)).status).toBe(200);
  release();
  await Promise.all(answers);
});

it('holds less while the pod is short of CPU, and more again when it only waits', async () => {
  const { hold, release, pass, beBusy } = await held({ max: 10, busyMax: 2 });
  const answers = await hold(3);
  beBusy(0.99);
  expect(await served()).toBe(true);
  pass(500);
  expect(await served()).toBe(false);
  beBusy(0.6);
  expect(await served()).toBe(false);
  pass(500);
  expect(await served()).toBe(true);
  release();
  await Promise.all(answers);
});

it('counts every refusal, and logs them together', async () => {
  const { hold, release, pass } = await held({ max: 1, busyMax: 1 });
  const answers = await hold(1);
  for (let n = 0; n < 5; n++) await api.post('/v1/transfers', {});
  pass(1000);
  await api.post('/v1/transfers', {});
  const seen = { route: 'refused', method: 'refused', status: 503, seconds: 0 };
  expect(api.observed.filter(({ status }) => status === 503)).toEqual(Array.from({ length: 6 }, () => seen));
  expect(api.problems).toEqual(Array.from({ length: 6 }, () => 'overloaded'));
  const lines = api.logged.filter(({ message }) => message === 'requests refused at the door');
  expect(lines.map(({ fields }) => fields)).toMatchObject([{ refused: 1 }, { refused: 5 }]);
  release();
  await Promise.all(answers);
});

it('answers at once who was not refused lately, and lets wait who asks again without a pause', async () => {
  const { hold, release, pass } = await held({ max: 1, busyMax: 1 });
  const answers = await hold(1);
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
  release();
  await Promise.all(answers);
});
