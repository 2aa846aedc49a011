import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { OutgoingAddresses } from '../../kernel/outgoing-addresses.ts';
import { until } from '../../kernel/testing/until.ts';
import { accept, hang, Receiver, refuse } from '../testing/receiver.ts';
import { WebhookSender } from '../webhook-sender.ts';

const LOCAL = new OutgoingAddresses({ allowed: ['127.0.0.0/8'], denied: [], http: true });
const STRICT = new OutgoingAddresses({ allowed: [], denied: [], http: true });
const NEVER = new AbortController().signal;
const TIMEOUT_MS = 700;

let receiver: Receiver;
let sender: WebhookSender;
const others: { close(): void }[] = [];
beforeEach(async () => {
  receiver = await Receiver.start();
  receiver.secrets = ['whsec_AAAA'];
  sender = new WebhookSender({ addresses: LOCAL, clock: systemClock, timeoutMs: TIMEOUT_MS });
});
afterEach(async () => {
  sender[Symbol.dispose]();
  await receiver.kill();
  for (const other of others.splice(0)) other.close();
});

const send = (url = receiver.url, from = sender, stopped = NEVER) =>
  from.send({ url, headers: { 'Content-Length': '2', 'Content-Type': 'application/json' }, body: '[]' }, stopped);
const resolving = (addresses: OutgoingAddresses, ...found: string[][]) =>
  new WebhookSender({
    addresses,
    clock: systemClock,
    timeoutMs: TIMEOUT_MS,
    resolve: async () => (found.length > 1 ? found.shift() : found[0]) ?? [],
  });
/** A server that sends these bytes and then calls a function of the test. */
async function raw(answer: (socket: import('node:net').Socket) => void): Promise<string> {
  const server: TcpServer = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  others.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe('WebhookSender', () => {
  it('returns the status of the response, and reuses connections', async () => {
    expect(await send()).toMatchObject({ status: 204, failure: null });
    receiver.behavior = refuse(500);
    expect(await send()).toMatchObject({ status: 500, failure: 'status' });
    receiver.behavior = refuse(503, { 'Retry-After': '7' });
    expect(await send()).toMatchObject({ status: 503, failure: 'status', retryAfterMs: 7_000 });
    expect(receiver.connections).toBe(1);
  });

  it('does not follow redirects', async () => {
    const target = await Receiver.start();
    receiver.behavior = refuse(307, { Location: target.url });
    expect(await send()).toMatchObject({ status: 307, failure: 'redirect' });
    expect(target.requests).toEqual([]);
    await target.kill();
  });

  it('ends a request whose receiver hangs, and one that sends its headers slowly', async () => {
    receiver.behavior = hang;
    expect(await send()).toMatchObject({ status: null, failure: 'timeout' });
    const url = await raw((socket) => {
      const timer = setInterval(() => socket.write('X'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await send(url)).toMatchObject({ status: null });
    const endless = await raw((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await send(endless)).toMatchObject({ status: null, failure: 'timeout' });
  });

  it('uses the status of a response whose body never ends, without waiting for the body', async () => {
    let written = 0;
    const flood = await raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n');
      const part = Buffer.alloc(64 * 1024, 'x');
      const more = () => {
        while (!socket.destroyed && written < 1e9) {
          written += part.length;
          if (!socket.write(part)) return;
        }
      };
      socket.on('drain', more);
      more();
    });
    expect(await send(flood)).toMatchObject({ status: 200, failure: null });
    expect(written).toBeLessThan(50e6);
    let isClosed = false;
    const drip = await raw((socket) => {
      socket.on('close', () => {
        isClosed = true;
      });
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx');
    });
    expect(await send(drip)).toMatchObject({ status: 200, failure: null });
    await until('the connection is closed', () => isClosed);
  });

  it('reports receivers that are unreachable, break connections, or do not speak HTTP', async () => {
    const away = receiver.url;
    await receiver.kill();
    expect(await send(away)).toMatchObject({ status: null, failure: 'not_connected' });
    expect(await send(await raw((socket) => socket.destroy()))).toMatchObject({ failure: 'connection_lost' });
    expect(await send(await raw((socket) => socket.end('SSH-2.0-OpenSSH\r\n')))).toMatchObject({ status: null });
    const huge = await raw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`);
    });
    expect(await send(huge)).toMatchObject({ status: null, failure: 'connection_lost' });
    await receiver.listen();
  });

  it('sends a request once more if the receiver has just closed the idle connection used for it', async () => {
    expect(await send()).toMatchObject({ status: 204 });
    let breaks = 0;
    receiver.behavior = (response, request, self) => {
      if (breaks++ > 0) return accept(response, request, self);
      request.socket.resetAndDestroy();
      return false;
    };
    expect(await send()).toMatchObject({ status: 204, failure: null });
    expect(breaks).toBe(2);
  });

  it('aborts when it is stopped', async () => {
    receiver.behavior = hang;
    const stop = new AbortController();
    const sent = send(receiver.url, sender, stop.signal);
    await until('it has arrived', () => receiver.requests.length === 1);
    stop.abort();
    expect(await sent).toMatchObject({ failure: 'connection_lost' });
    expect(await send(receiver.url, sender, stop.signal)).toMatchObject({ failure: 'connection_lost' });
    expect(receiver.requests).toHaveLength(1);
  });

  it('requires a valid certificate', async () => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'hooks.example' }]);
    const server = createHttpsServer({ key, cert }, (_request, response) => response.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    others.push(server);
    const { port } = server.address() as AddressInfo;
    expect(await send(`https://127.0.0.1:${port}/`)).toMatchObject({ status: null, failure: 'tls_failed' });
  });
});

describe('Addresses', () => {
  const named = () => receiver.url.replace('127.0.0.1', 'hooks.example');

  it('that are not public are refused, in the URL and in the look-up', async () => {
    for (const [url, from] of [
      [receiver.url, resolving(STRICT, ['8.8.8.8'])],
      [named(), resolving(STRICT, ['127.0.0.1'])],
      [named(), resolving(STRICT, ['8.8.8.8', '127.0.0.1'])],
      [named(), resolving(STRICT, ['::ffff:127.0.0.1'])],
      [named(), resolving(STRICT, ['169.254.169.254'])],
      [named(), resolving(STRICT, ['64:ff9b::7f00:1'])],
    ] as const) {
      expect(await send(url, from)).toMatchObject({ status: null, failure: 'address_not_allowed' });
      from[Symbol.dispose]();
    }
    expect(receiver.requests).toEqual([]);
  });

  it('are looked up and checked for each connection, even if a name changes between two look-ups', async () => {
    const rebinding = resolving(LOCAL, ['127.0.0.1'], ['10.0.0.1']);
    receiver.behavior = (response) => {
      response.writeHead(200, { Connection: 'close' }).end();
      return true;
    };
    expect(await send(named(), rebinding)).toMatchObject({ status: 200 });
    expect(await send(named(), rebinding)).toMatchObject({ failure: 'address_not_allowed' });
    rebinding[Symbol.dispose]();
  });

  it('of a name that does not exist are not found', async () => {
    const nowhere = resolving(LOCAL, []);
    expect(await send(named(), nowhere)).toMatchObject({ failure: 'name_not_resolved' });
    nowhere[Symbol.dispose]();
  });

  it('are not reached through a proxy', async () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      HTTP_PROXY: 'http://127.0.0.1:1',
      http_proxy: 'http://127.0.0.1:1',
      NODE_USE_ENV_PROXY: '1',
    });
    try {
      expect(await send()).toMatchObject({ status: 204 });
    } finally {
      process.env = before;
    }
  });
});
