import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiUnderTest, connectionsOf } from '../testing/api-under-test.ts';

const GET = 'GET /v1/accounts/a HTTP/1.1\r\nHost: x\r\n\r\n';
const LIMITS = {
  bodyBytesMax: 65_536,
  requestsInFlightMax: 1_000,
  requestsInFlightBusyMax: 1_000,
  connectionsMax: 100,
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
    // More than the kernel buffers for a connection that is not read.
    const get = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n';
    socket.write(get.repeat(16));
    await expect.poll(() => api.connections.waiting).toBe(1);
    api.connections.sweep();
    passed += 31_000;
    socket.resume();
    await expect.poll(() => api.connections.waiting).toBe(0);
    socket.pause();
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
