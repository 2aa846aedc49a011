import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiUnderTest, keyWith } from '../../api/testing/api-under-test.ts';
import { EventClient } from '../../api/testing/event-client.ts';
import { ChangeFeed } from '../../feed/change-feed.ts';
import { EVERY_ENTRY } from '../../feed/testing/every-entry.ts';
import { MemoryLog } from '../../feed/testing/memory-log.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { until } from '../../kernel/testing/until.ts';
import { VirtualClock } from '../../kernel/testing/virtual-clock.ts';

const KEY = keyWith('balances:read');

let clock: VirtualClock;
let log: MemoryLog;
let api: ApiUnderTest;
let ends: string[];
/** The server's ends of all connections. */
let sockets: Socket[];
beforeEach(async () => {
  clock = new VirtualClock();
  log = new MemoryLog();
  ends = [];
  sockets = [];
  const feed = new ChangeFeed({
    shards: [{ log, logger: keptLog(), requireActive: () => {} }],
    ledgerId: async () => '0f6c1d2e',
    clock,
    onEnd: (reason) => ends.push(reason),
    onBehind: () => {},
  });
  api = await ApiUnderTest.start({ clock, feed });
  api.server.on('connection', (socket) => sockets.push(socket));
});
afterEach(() => api.stop());

let groups = 0;
const GROUPS_PER_ROW = 50;
/** Seals a row with events of 8 KB each. */
function sealMuch(): void {
  const transactionIds = Array.from({ length: 100 }, (_, index) => `${groups}${'.'.repeat(60)}${index}`);
  const common = { split: null, acceptedAt: clock.now(), epoch: 1, seq: 1, accounts: ['ada'], transactionIds } as const;
  log.seal(
    ...Array.from({ length: GROUPS_PER_ROW }, () => {
      return { kind: 'group', status: 'POSTED', groupId: `g${groups++}`, ...common } as const;
    }),
  );
}

/** A client that sends a request and reads nothing. */
async function unread(): Promise<Socket> {
  const { port } = new URL(api.url);
  const socket = connect({ port: Number(port), host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.pause();
  await once(socket, 'connect');
  socket.write(`GET /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${KEY}\r\n\r\n`);
  return socket;
}

describe('A client that does not read its stream', () => {
  it('uses a limited amount of memory, delays no other client, and is disconnected', { timeout: 300_000 }, async () => {
    const open = async () => {
      const before = sockets.length;
      const client = await unread();
      await until('it is listening', () => sockets.length === before + 1 && api.lives.size === before + 1);
      return client;
    };
    const slow = [await open(), await open()];
    const quick = await EventClient.open(api.url, { key: KEY });
    groups = 0;
    // Continues until the buffers of the kernel are full, too.
    while (sockets.slice(0, 2).some(({ writableLength }) => writableLength === 0)) {
      sealMuch();
      await clock.pass(100);
    }
    for (let more = 0; more < 10; more++) {
      sealMuch();
      await clock.pass(100);
    }
    await until('the other has everything', async () => {
      await clock.pass(10);
      return quick.blocks.length > groups;
    });
    expect(quick.events.map(({ subject }) => subject)).toEqual(
      Array.from({ length: groups }, (_, index) => `g${index}`),
    );
    for (const { writableLength } of sockets.slice(0, 2)) expect(writableLength).toBeLessThan(128 * 1024);
    await clock.pass(25_000);
    await until('both are cut off', () => api.lives.size === 1);
    expect(ends).toEqual(['too_slow', 'too_slow']);
    for (const socket of slow) socket.destroy();
    quick.close();
  });

  it('does not keep the pod from shutting down', async () => {
    const client = await unread();
    await until('it is listening', () => api.lives.size === 1);
    while (sockets[0]?.writableLength === 0) {
      sealMuch();
      await clock.pass(100);
    }
    api.lives.end();
    const closed = new Promise((resolve) => api.server.close(resolve));
    await clock.pass(2_000);
    await closed;
    client.destroy();
  });
});

describe('Pages of events', () => {
  it('match their documentation for every kind of entry', async () => {
    log.seal(...EVERY_ENTRY);
    const reply = api.get('/v1/events/page', { key: KEY });
    let answered = false;
    const done = () => {
      answered = true;
    };
    reply.then(done, done);
    await until('it is answered', async () => {
      await clock.pass(10);
      return answered;
    });
    const { status, json } = await reply;
    expect([status, json['nextCursor'], json['caughtUp']]).toEqual([200, expect.stringMatching(/^1~/), true]);
    expect((json['items'] as unknown[]).length).toBe(EVERY_ENTRY.length - 6);
  });
});
