import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Holdfast } from '../client.ts';
import { collect } from '../testing/collect.ts';
import { answer, HostileServer, problem } from '../testing/hostile-server.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { type Block, blocksOf } from './event-source.ts';

const bodyOf = (...parts: (string | Uint8Array)[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const part of parts) controller.enqueue(typeof part === 'string' ? new TextEncoder().encode(part) : part);
      controller.close();
    },
  });
const eventOf = (id: string) => ({ specversion: '1.0', id, type: 'holdfast.transfer.posted', subject: id, data: {} });
const blockOf = (id: string) => `id: ${id}\ndata: ${JSON.stringify(eventOf(id))}\n\n`;

describe('blocksOf', () => {
  it.each([
    ['an event', 'id: 1\ndata: {}\n\n', [{ id: '1', data: '{}' }]],
    [
      'all kinds of line ends',
      'id: 1\r\ndata: a\r\n\r\nid: 2\rdata: b\r\rid:3\ndata:c\n\n',
      [
        { id: '1', data: 'a' },
        { id: '2', data: 'b' },
        { id: '3', data: 'c' },
      ],
    ],
    ['several lines of data', 'data: a\ndata:\ndata:  b\n\n', [{ data: 'a\n\n b' }]],
    ['a heartbeat', ':\nid: 7\n\n', [{ id: '7' }]],
    ['a time to wait', 'retry: 2500\n\nretry: soon\n\n', [{ retryMs: 2500 }, {}]],
    ['a named block', 'event: end\ndata: {}\n\n', [{ event: 'end', data: '{}' }]],
    ['unknown fields and repeated blank lines', '\n\n\nnew: 1\ndata\n\n\n', [{ data: '' }]],
    ['nothing from a block that is cut off', 'data: a\n\ndata: b\n', [{ data: 'a' }]],
  ] as [string, string, Block[]][])('reads %s', async (_, text, expected) => {
    expect(await collect(blocksOf(bodyOf(text)))).toEqual(expected);
    // One byte at a time.
    const bytes = new TextEncoder().encode(text);
    expect(await collect(blocksOf(bodyOf(...Array.from(bytes, (byte) => new Uint8Array([byte])))))).toEqual(expected);
  });
  it('does not buffer an endless event', async () => {
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024).fill(0x61)),
    });
    await expect(collect(blocksOf(endless))).rejects.toThrow(/characters/);
  });
});

describe('Following the feed', () => {
  let server: HostileServer;
  beforeAll(async () => {
    server = await HostileServer.start(() => undefined);
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    server.requests.length = 0;
  });
  const client = () => new Holdfast({ url: server.url, apiKey: 'k' });
  const STREAM = { 'Content-Type': 'text/event-stream' };
  const lastIds = () => server.requests.map(({ headers }) => headers['last-event-id']);

  /** The ids of the first events, each with the cursor after it. */
  async function first(count: number, filters = {}, options = {}): Promise<string[]> {
    const ids: string[] = [];
    for await (const { event, cursor } of client().events.follow(filters, options)) {
      expect(cursor).toBe(event.id);
      if (ids.push(event.id) === count) break;
    }
    return ids;
  }

  it('continues from the same place after a lost connection', async () => {
    const lost: (Error | null)[] = [];
    server.handler = (_, response) => {
      response.writeHead(200, STREAM);
      if (server.requests.length === 1)
        response.write(`retry: 1\nid: 0\n\n${blockOf('1')}${blockOf('2')}data: {"ha`, () => response.destroy());
      else response.write(`${blockOf('3')}${blockOf('4')}`);
    };
    const filters = { accounts: ['a', 'b'], types: ['holdfast.transfer.posted'], after: 'oldest' };
    const ids = await first(4, filters, { onReconnect: (error: Error | null) => lost.push(error) });
    expect(ids).toEqual(['1', '2', '3', '4']);
    expect(lastIds()).toEqual([undefined, '2']);
    expect(lost).toEqual([expect.any(Error)]);
    expect(server.requests[0]?.path).toBe('/v1/events?account=a%2Cb&type=holdfast.transfer.posted&after=oldest');
    expect(server.requests[0]?.headers.accept).toBe('text/event-stream');
  });

  it('continues after the service has ended the stream, from the position of a heartbeat if that came last', async () => {
    const cursors: string[] = [];
    server.handler = (_, response) => {
      response.writeHead(200, STREAM);
      if (server.requests.length === 1)
        return void response.end('retry: 1\nid: 5\n\n:\nid: 6\n\nevent: end\ndata: {"reason":"shutting_down"}\n\n');
      response.write(blockOf('7'));
    };
    expect(await first(1, {}, { onCursor: (cursor: string) => cursors.push(cursor) })).toEqual(['7']);
    expect(lastIds()).toEqual([undefined, '6']);
    expect(cursors).toEqual(['5', '6']);
  });

  it('tries again while the service is unavailable or something else answers', async () => {
    server.handler = (_, response) => {
      switch (server.requests.length) {
        case 1:
          return answer(response, 503, problem('shutting_down', 503), { 'Retry-After': '0' });
        case 2:
          return answer(response, 429, problem('too_many_listeners', 429), { 'Retry-After': '0' });
        case 3:
          return void response.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>Welcome</h1>');
        default:
          return void response.writeHead(200, STREAM).write(blockOf('1'));
      }
    };
    expect(await first(1)).toEqual(['1']);
    expect(server.requests).toHaveLength(4);
  });

  it.each([
    ['events_gone', 410],
    ['unauthenticated', 401],
    ['validation_failed', 400],
    ['feature_not_active', 503],
  ])('ends with %s, because waiting would not change this', async (code, status) => {
    server.handler = (_, response) => answer(response, status, problem(code, status));
    await expect(first(1)).rejects.toMatchObject({ name: 'ProblemError', code });
    expect(server.requests).toHaveLength(1);
  });

  it('ends when it is aborted, or no longer read, and closes the connection', async () => {
    let closed = 0;
    server.handler = (_, response) => {
      response.on('close', () => closed++);
      response.writeHead(200, STREAM).write(blockOf('1'));
    };
    const controller = new AbortController();
    for await (const _ of client().events.follow({}, { signal: controller.signal })) controller.abort();
    await expect.poll(() => closed).toBe(1);
    await first(1);
    await expect.poll(() => closed).toBe(2);
  });

  it('treats a connection as dead if nothing arrives on it', async () => {
    const clock = new VirtualClock();
    const connections: (string | null)[] = [];
    const fetchSilent: typeof fetch = async (_, init) => {
      connections.push(new Headers(init?.headers).get('last-event-id'));
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          init?.signal?.addEventListener('abort', () => controller.error(init.signal?.reason));
          controller.enqueue(new TextEncoder().encode(blockOf(String(connections.length))));
        },
      });
      return new Response(body, { headers: STREAM });
    };
    const holdfast = new Holdfast({ url: 'http://model', apiKey: 'k', clock, fetch: fetchSilent });
    const ids: string[] = [];
    const work = (async () => {
      for await (const { event } of holdfast.events.follow()) if (ids.push(event.id) === 3) break;
    })();
    await clock.run(work);
    expect(ids).toEqual(['1', '2', '3']);
    expect(connections).toEqual([null, '1', '2']);
    expect(clock.elapsedMs).toBeGreaterThanOrEqual(90_000);
  });

  it('can also be read page by page, without a stream', async () => {
    server.handler = (_, response) => answer(response, 200, { items: [eventOf('1')], nextCursor: 'c', caughtUp: true });
    expect(await client().events.page({ after: 'b', limit: 5 })).toMatchObject({ nextCursor: 'c', caughtUp: true });
    expect(server.requests[0]?.path).toBe('/v1/events/page?after=b&limit=5');
  });
});
