import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiUnderTest, connectionsOf } from '../testing/api-under-test.ts';

const GET = 'GET /v1/accounts/a HTTP/1.1\r\nHost: x\r\n\r\n';
const LIMITS = {
  bodyBytesMax: 65_536,
  requestsInFlightMax: 1_000,
  requestsInFlightBusyMax: 1_000,
  connectionsMax: 100,
  connectionAgeMaxMs: null,
  requestsPerSecondPerUserMax: null,
};

let api: ApiUnderTest;
let clients: Socket[];
beforeEach(() => {
  clients = [];
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  await api.stop();
});

function client(): Socket {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1').on('error', () => {});
  clients.push(socket);
  return socket;
}

/** Everything that the server sends on a connection until it is closed. */
async function received(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  await once(socket, 'close');
  return text;
}

const answersIn = (text: string) => text.split('HTTP/1.1 ').length - 1;

describe('a connection', () => {
  it('may have sixteen unanswered requests, and is closed at the seventeenth', async () => {
    api = await ApiUnderTest.start({ limits: LIMITS });
    const socket = client();
    socket.write(GET.repeat(16));
    const text = received(socket);
    await expect.poll(() => api.problems.length).toBe(16);
    socket.write('GET /v1/accounts/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(answersIn(await text)).toBe(17);
    const greedy = client();
    greedy.write(GET.repeat(1000));
    await received(greedy);
    await expect.poll(() => api.problems.filter((code) => code === 'overloaded')).toHaveLength(1);
    expect(api.problems.length).toBeLessThanOrEqual(17 + 16 + 1);
    expect(api.logged.at(-1)).toMatchObject({ message: 'request refused', fields: { detail: 'too_many_pipelined' } });
  });

  it('is closed and counted when it exceeds the limit', async () => {
    api = await ApiUnderTest.start({ limits: { ...LIMITS, connectionsMax: 2 } });
    await Promise.all([client(), client()].map((socket) => once(socket, 'connect')));
    await expect.poll(() => connectionsOf(api.server)).toBe(2);
    await received(client());
    expect(api.logged).toMatchObject([{ fields: { detail: 'too_many_connections', code: 'overloaded' } }]);
  });

  it('is closed if its client does not read its responses, but not while it reads', async () => {
    api = await ApiUnderTest.start({ limits: LIMITS });
    const monotonic = api.clock.monotonic.bind(api.clock);
    let passed = 0;
    api.clock.monotonic = () => monotonic() + passed;
    const socket = client();
    // The responses exceed what the kernel buffers for a connection that is not read.
    const get = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n';
    socket.write(get.repeat(16));
    await expect.poll(() => api.connections.waiting).toBe(1);
    api.connections.sweep();
    socket.resume();
    await expect.poll(() => api.connections.waiting).toBe(0);
    socket.pause();
    // Only now, because the server also sweeps once a second.
    passed += 31_000;
    socket.write(get.repeat(16));
    await expect.poll(() => api.connections.waiting).toBe(1);
    expect(api.problems).toEqual([]);
    api.connections.sweep();
    passed += 31_000;
    api.connections.sweep();
    expect(api.problems).toEqual(['overloaded']);
    await expect.poll(() => api.connections.open).toBe(0);
    expect(api.logged).toMatchObject([{ fields: { detail: 'answers_not_read' } }]);
  });
});

describe('an old connection', () => {
  const AGE_MAX_MS = 30_000;

  /** An API with aging connections, whose clock the test controls. */
  async function aging(jitter = 1) {
    api = await ApiUnderTest.start({ limits: { ...LIMITS, connectionAgeMaxMs: AGE_MAX_MS } });
    let time = 1_000;
    api.clock.monotonic = () => time;
    api.clock.random = () => jitter;
    return { pass: (ms: number) => (time += ms) };
  }

  it('is closed after a response, and only once it is old', async () => {
    const { pass } = await aging();
    const socket = client();
    const text = received(socket);
    socket.write(GET);
    await expect.poll(() => api.problems.length).toBe(1);
    pass(AGE_MAX_MS - 1);
    socket.write(GET);
    await expect.poll(() => api.problems.length).toBe(2);
    pass(1);
    expect(api.expired).toBe(0);
    socket.write(GET);
    const [, first, second, last] = (await text).split('HTTP/1.1 ');
    expect(first).toContain('Connection: keep-alive');
    expect(second).toContain('Connection: keep-alive');
    expect(last).toContain('Connection: close');
    expect(api.expired).toBe(1);
  });

  it('reaches its age limit no earlier than at half the maximum age', async () => {
    const { pass } = await aging(0);
    const socket = client();
    const text = received(socket);
    socket.write(GET);
    await expect.poll(() => api.problems.length).toBe(1);
    pass(AGE_MAX_MS / 2);
    socket.write(GET);
    expect(answersIn(await text)).toBe(2);
  });

  it('stays open while its client pipelines, so that no request is lost', async () => {
    const { pass } = await aging();
    const socket = client();
    const text = received(socket);
    socket.write(GET.repeat(3));
    await expect.poll(() => api.problems.length).toBe(3);
    pass(2 * AGE_MAX_MS);
    socket.write(GET.repeat(3));
    await expect.poll(() => api.problems.length).toBe(6);
    socket.write('GET /v1/accounts/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(answersIn(await text)).toBe(7);
    expect(api.expired).toBe(0);
  });

  it('stays open while a request body is still arriving', async () => {
    const { pass } = await aging();
    const socket = client();
    const text = received(socket);
    await once(socket, 'connect');
    pass(AGE_MAX_MS);
    // The request is answered with 401 before its body is read.
    socket.write('POST /v1/transfers HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{');
    await expect.poll(() => api.problems.length).toBe(1);
    expect(api.expired).toBe(0);
    socket.write(`}${GET}`);
    expect(answersIn(await text)).toBe(2);
    expect(api.expired).toBe(1);
  });

  it('is also closed when its request is refused by load shedding', async () => {
    api = await ApiUnderTest.start({ limits: { ...LIMITS, requestsInFlightMax: 0, connectionAgeMaxMs: 0.001 } });
    const socket = client();
    const text = received(socket);
    socket.write(GET);
    await expect.poll(() => api.problems).toEqual(['overloaded']);
    // The first rejection is sent before its request has been read completely, the second one at the end of the turn.
    socket.write(GET);
    const [, first, last] = (await text).split('HTTP/1.1 ');
    expect(first).toContain('Connection: keep-alive');
    expect(last).toContain('503 Service Unavailable');
    expect(last).toContain('Connection: close');
  });

  it('fails no request of a client with a connection pool under constant load', async () => {
    api = await ApiUnderTest.start({ limits: { ...LIMITS, connectionAgeMaxMs: 100 } });
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const sockets = new Set<Socket>();
    const get = () =>
      new Promise<number>((resolve, reject) => {
        const sent = request(`${api.url}/v1/accounts/a`, { agent }, (response) => {
          sockets.add(response.socket);
          response.resume().on('end', () => resolve(response.statusCode ?? 0));
        });
        sent.on('error', reject).end();
      });
    let answers = 0;
    const work = async () => {
      while (api.expired < 80) {
        expect(await get()).toBe(401);
        answers += 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    agent.destroy();
    expect(sockets.size).toBeGreaterThanOrEqual(80);
    expect(answers).toBeGreaterThan(sockets.size);
  });
});

describe('Input that is not an HTTP request', () => {
  it.each([
    ['nonsense\r\n\r\n', '400 Bad Request', 'validation_failed'],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431 Request Header', 'headers_too_large'],
  ])('is rejected, counted and logged: %.10s', async (text, status, code) => {
    api = await ApiUnderTest.start({ limits: LIMITS });
    const socket = client();
    socket.write(text);
    const answer = await received(socket);
    expect(answer).toContain(`HTTP/1.1 ${status}`);
    expect(answer).toContain(`"code":"${code}"`);
    expect(api.problems).toEqual([code]);
    expect(api.logged).toMatchObject([{ message: 'request refused', fields: { code, route: 'unmatched' } }]);
  });
});
