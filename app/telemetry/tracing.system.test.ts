import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { Redis } from 'ioredis';
import mysql from 'mysql2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../config/config.ts';
import { createLogger } from './logger.ts';
import type { Tracing } from './span.ts';
import { startTracing } from './tracing.ts';

const CALLER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const CALLER_TRACE = '0af7651916cd43dd8448eb211c80319c';
const PROCESS = { role: 'api', instanceId: 'host:1' };

const servers: Server[] = [];
async function listening<S extends Server>(server: S): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
afterAll(() => {
  for (const server of servers) server.close();
});

/** An OTLP collector over HTTP; protobuf leaves text unencoded, so searching the bodies for text is enough. */
async function collector() {
  const posts: { path: string; body: Buffer }[] = [];
  const port = await listening(
    createHttpServer(async (request, response) => {
      posts.push({ path: request.url ?? '', body: Buffer.concat(await request.toArray()) });
      response.end();
    }),
  );
  return { url: `http://127.0.0.1:${port}`, posts, received: () => Buffer.concat(posts.map(({ body }) => body)) };
}

/** Replies OK to every command. */
const fakeRedis = () =>
  listening(
    createTcpServer((socket) =>
      socket.on('data', (data) => {
        for (const _ of data.toString('latin1').matchAll(/\*\d+\r\n\$/g)) socket.write('+OK\r\n');
      }),
    ),
  );

interface ServerSide extends mysql.Connection {
  sequenceId: number;
  serverHandshake(greeting: object): void;
  writeOk(result: object): void;
}

/** Accepts every login and replies OK to every query. The typings of mysql2 do not cover its server side. */
async function fakeMysql(): Promise<number> {
  const server = mysql.createServer((incoming) => {
    const connection = incoming as unknown as ServerSide;
    const nextCommand = () => {
      connection.sequenceId = 0;
    };
    connection.on('error', () => {});
    connection.on('query', () => {
      connection.sequenceId = 1;
      connection.writeOk({ affectedRows: 1 });
      nextCommand();
    });
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: '8.0.0',
      connectionId: 1,
      statusFlags: 2,
      characterSet: 33,
      capabilityFlags: 0xffffff & ~0x800,
      authCallback: (_: unknown, done: (error: null, refusal: null) => void) => {
        done(null, null);
        setImmediate(nextCommand);
      },
    });
  });
  return listening((server as unknown as { _server: Server })._server);
}

function telemetry(env: Record<string, string>) {
  return loadConfig({ REDIS_URL: 'redis://r', MYSQL_URL: 'mysql://m/d', TRACE_SAMPLE_RATIO: '1', ...env }).telemetry;
}

function logged() {
  const lines: string[] = [];
  const { log } = createLogger('info', {}, { write: (line) => void lines.push(line), flushSync() {} });
  return { log, lines };
}

describe('without an endpoint', () => {
  it('traces nothing, and everything works', async () => {
    await using tracing = await startTracing(telemetry({}), PROCESS, logged().log);
    const done = await tracing.incomingSpan({ traceparent: CALLER }, 'GET', async (span) => {
      span.rename('GET /x');
      span.set('a', 1);
      expect(span.traceId).toBeNull();
      return tracing.withSpan('inner', async () => 'done');
    });
    expect(done).toBe('done');
  });
});

describe('with a collector', () => {
  let tracing: Tracing;
  let spans: Awaited<ReturnType<typeof collector>>;
  beforeAll(async () => {
    spans = await collector();
    tracing = await startTracing(telemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: `${spans.url}/` }), PROCESS, logged().log);
  });

  it("continues the caller's trace, or starts a new one", async () => {
    const { incomingSpan } = tracing;
    await expect(incomingSpan({ traceparent: CALLER }, 'GET', async ({ traceId }) => traceId)).resolves.toBe(
      CALLER_TRACE,
    );
    const own = await incomingSpan({ traceparent: 'nonsense' }, 'GET', async ({ traceId }) => traceId);
    expect(own).toMatch(/^[0-9a-f]{32}$/);
    expect(own).not.toBe(CALLER_TRACE);
  });

  it('passes on a failure, and omits its message from the trace', async () => {
    const boom = new TypeError('private words');
    await tracing.incomingSpan({}, 'POST', async () => {
      await expect(tracing.withSpan('failing', () => Promise.reject(boom))).rejects.toBe(boom);
      await expect(tracing.withSpan('failing', () => Promise.reject('words'))).rejects.toBe('words');
    });
    for (const failing of [
      tracing.sharedSpan('failing call', [CALLER], {}, () => Promise.reject(boom)),
      tracing.linkedSpan({ root: 'failing flush', inEach: 'never' }, [CALLER], {}, () => Promise.reject(boom)),
    ])
      await expect(failing).rejects.toBe(boom);
  });

  it('begins traces only with requests, or with work that is linked to them', async () => {
    const run = async () => {
      expect(tracing.currentTrace()).toBeNull();
      return 'done';
    };
    await expect(tracing.withSpan('alone', run)).resolves.toBe('done');
    const unsampled = CALLER.replace(/01$/, '00');
    for (const traces of [[], [unsampled], ['nonsense', `${CALLER}-more`, 'ff'.concat(CALLER.slice(2))]]) {
      await expect(tracing.sharedSpan('alone', traces, {}, run)).resolves.toBe('done');
      await expect(tracing.linkedSpan({ root: 'alone', inEach: 'alone' }, traces, {}, run)).resolves.toBe('done');
    }
    await expect(tracing.incomingSpan({ traceparent: unsampled }, 'alone', run)).resolves.toBe('done');
  });

  it('creates a bounded number of spans for a call that serves many traces', async () => {
    const traces = Array.from(
      { length: 300 },
      (_, n) => `00-${(n + 1).toString(16).padStart(32, '0')}-b7ad6b7169203331-01`,
    );
    await tracing.sharedSpan('crowded', traces, {}, async () => {});
    await tracing.linkedSpan({ root: 'crowd', inEach: 'counted' }, traces, {}, async () => {});
  });

  it('passes on the trace of the current request', async () => {
    await tracing.incomingSpan({ traceparent: CALLER }, 'POST', async () => {
      expect(tracing.currentTrace()).toMatch(new RegExp(`^00-${CALLER_TRACE}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
    });
  });

  it('records calls to Redis and MySQL as child spans of the request, without their arguments', async () => {
    const redis = new Redis({ port: await fakeRedis(), enableReadyCheck: false });
    const mysqlPort = await fakeMysql();
    const db = mysql.createConnection({ host: '127.0.0.1', port: mysqlPort, user: 'u' });
    db.on('error', () => {});

    await tracing.incomingSpan({}, 'POST', async (span) => {
      span.rename('POST /v1/transfers');
      span.set('correlationId', 'c-77');
      await redis.set('private-key', 'private-value');
      await db.promise().query('INSERT INTO people VALUES (?, 42)', ['private-name']);
      await db
        .promise()
        .query(`UPDATE people SET name = 'private-name', note = "private" ${' '.repeat(150)} 'private-cut'`);
    });
    redis.disconnect();
    db.destroy();
  });

  it('sends all spans when it ends, and only to the path for traces', async () => {
    await tracing[Symbol.asyncDispose]();
    expect(spans.posts.map(({ path }) => path)).toEqual(spans.posts.map(() => '/v1/traces'));
    const text = spans.received().toString('latin1');
    for (const word of [
      'holdfast',
      'POST /v1/transfers',
      'c-77',
      'failing',
      'TypeError',
      'redis',
      'INSERT INTO people',
      'UPDATE',
    ]) {
      expect(text).toContain(word);
    }
    expect(spans.received().includes(Buffer.from(CALLER_TRACE, 'hex'))).toBe(true);
    expect(text).not.toMatch(/private|alone|never/);
    const times = (name: string) => text.split(name).length - 1;
    expect([times('crowded'), times('crowd') - times('crowded'), times('counted')]).toEqual([128, 1, 128]);
  });
});

describe('a process', () => {
  const run = async (endpoint: string | null) => {
    const script = `
      import { Redis } from 'ioredis';
      import { loadConfig } from './app/config/config.ts';
      import { createLogger } from './app/telemetry/logger.ts';
      import { linesTo } from './app/telemetry/lines.ts';
      import { startTracing } from './app/telemetry/tracing.ts';
      const { log } = createLogger('info', {}, linesTo(1, () => {}));
      const tracing = await startTracing(loadConfig(process.env).telemetry, { role: 'api', instanceId: 'host:1' }, log);
      const redis = new Redis(process.env.REDIS_URL, { enableReadyCheck: false });
      const started = performance.now();
      for (let i = 0; i < 3000; i++) await tracing.incomingSpan({}, 'GET /child', () => redis.get('k'));
      const workMs = performance.now() - started;
      redis.disconnect();
      const stopped = performance.now();
      await tracing[Symbol.asyncDispose]();
      const loaded = Object.keys((await import('node:module')).default._cache);
      log.info({ workMs, stopMs: performance.now() - stopped, loaded: loaded.some((file) => file.includes('opentelemetry')) }, 'end');`;
    const env = {
      PATH: process.env['PATH'],
      REDIS_URL: `redis://127.0.0.1:${await fakeRedis()}`,
      MYSQL_URL: 'mysql://m/d',
      TRACE_SAMPLE_RATIO: '1',
      ...(endpoint !== null && { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }),
    };
    const args = ['--import', 'tsx', '--input-type=module', '-e', script];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const out = Buffer.concat(await child.stdout.toArray()).toString();
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    // `end` is not always the last line: a warning about the collector may follow it.
    return {
      code: child.exitCode ?? (await once(child, 'close'))[0],
      lines,
      end: lines.find(({ msg }) => msg === 'end'),
    };
  };

  it('without an endpoint loads no part of OpenTelemetry', async () => {
    const { code, end } = await run(null);
    expect(code).toBe(0);
    expect(end).toMatchObject({ msg: 'end', loaded: false });
  });

  it('sends the spans of its requests and of its Redis commands', async () => {
    const { url, received } = await collector();
    const { code, end } = await run(url);
    expect(code).toBe(0);
    expect(end).toMatchObject({ msg: 'end', loaded: true });
    expect(received().toString('latin1')).toContain('GET /child');
    expect(received().toString('latin1')).toContain('redis');
  });

  it.each([
    ['refuses', async () => 'http://127.0.0.1:9'],
    ['never answers', async () => `http://127.0.0.1:${await listening(createTcpServer(() => {}))}`],
  ])('is not slowed down, kept alive or broken by a collector that %s', async (_, endpoint) => {
    const { code, lines, end } = await run(await endpoint());
    expect(code).toBe(0);
    expect(end.workMs).toBeLessThan(60_000);
    expect(end.stopMs).toBeLessThan(60_000);
    expect(lines.filter(({ msg }) => msg === 'traces are not exported').length).toBeLessThanOrEqual(1);
  });
});

describe('a dead collector', () => {
  it('is logged once, not for every batch', async () => {
    const { log, lines } = logged();
    const api = await import('@opentelemetry/api');
    const dead = telemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
    await using _ = await startTracing(dead, PROCESS, log);
    api.diag.error('first');
    api.diag.error('second');
    api.diag.warn('third');
    expect(lines.filter((line) => line.includes('traces are not exported'))).toHaveLength(1);
  });
});
