import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../devstack/system/ports.mjs';
import { newUuidV7 } from '../domain/ids.ts';
import { until } from '../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../mysql/testing/test-database.ts';
import { OwnRedis, randomPrefix } from '../redis/testing/own-redis.ts';
import { OtlpReceiver, type ReceivedSpan } from './testing/otlp-receiver.ts';

const KEY = 'k'.repeat(24);
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER_SPAN = '00f067aa0ba902b7';
/** A trace that the caller does not sample is never continued, whatever the ratio. */
const unsampled = (n: number) => `00-${n.toString(16).padStart(32, 'a')}-${CALLER_SPAN}-00`;

let db: TestDatabase;
let redis: OwnRedis;
let collector: OtlpReceiver;
let port: string;
let api: string;
const prefix = randomPrefix();
const children: ChildProcess[] = [];
const ended: Promise<unknown>[] = [];

/** Starts a role as a separate process that sends its spans to the collector. */
function start(role: 'api' | 'keeper'): void {
  const child = spawn(process.execPath, ['--import', 'tsx', 'app/main.ts', role], {
    env: {
      PATH: process.env['PATH'] ?? '',
      REDIS_URL: redis.url,
      MYSQL_URL: db.url,
      KEY_PREFIX: prefix,
      HOST: '127.0.0.1',
      PORT: port,
      BOOTSTRAP_API_KEY: KEY,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_RESOURCE_ATTRIBUTES: `k8s.pod.name=${role}-7f9c,k8s.namespace.name=bank`,
      // Every trace that a process begins itself is exported.
      TRACE_SAMPLE_RATIO: '1',
    },
    stdio: 'ignore',
  });
  children.push(child);
  ended.push(new Promise((resolve) => child.once('close', resolve)));
}

/** A pod without a keeper: MySQL has the authority. */
beforeAll(async () => {
  [db, redis, collector] = await Promise.all([migratedDatabase(), OwnRedis.start(), OtlpReceiver.start()]);
  port = String(await freePort());
  api = `http://127.0.0.1:${port}`;
  start('api');
  await until('the pod is ready', async () => (await fetch(`${api}/readyz`).catch(() => null))?.status === 200);
  await call('/v1/accounts', unsampled(1), { accountId: 'ada', currency: 'EUR', overdraftLimit: '1000.00' });
  await call('/v1/accounts', unsampled(2), { accountId: 'bob', currency: 'EUR' });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(ended);
  await Promise.all([db.drop(), redis.stop(), collector[Symbol.asyncDispose]()]);
});

async function post(path: string, traceparent: string, body: object): Promise<{ status: number; json: unknown }> {
  const headers = { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json', traceparent };
  const response = await fetch(`${api}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, json: await response.json() };
}

async function call(path: string, traceparent: string, body: object): Promise<void> {
  const { status, json } = await post(path, traceparent, body);
  expect(status, JSON.stringify(json)).toBe(201);
}

const aTransfer = () => ({
  transactionId: newUuidV7(Date.now()),
  sourceAccount: 'ada',
  destinationAccount: 'bob',
  amount: '1.00',
  currency: 'EUR',
  timestamp: new Date().toISOString(),
});
const transfer = (traceparent: string) => call('/v1/transfers', traceparent, aTransfer());

const inTrace = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);
const only = (name: string, traceId: string): ReceivedSpan => {
  const [span, ...others] = inTrace(traceId).filter((one) => one.name === name);
  if (!span || others.length > 0) throw new Error(`${others.length + (span ? 1 : 0)} spans ${name} in ${traceId}`);
  return span;
};
/** The pod and the keeper export their spans independently. The span of a request ends after all others of the pod. */
const untilExported = (traceId: string, ...names: string[]) =>
  until(`${names.join(' and ')} have been exported`, () =>
    names.every((name) => inTrace(traceId).some((span) => span.name === name)),
  );
const flushesOf = (traceId: string) =>
  collector.named('flush').filter(({ links }) => links.some((link) => link.traceId === traceId));

describe('The trace of a transfer in MySQL', () => {
  it('contains the request, the ledger, and the transaction', async () => {
    const trace = 'd'.repeat(32);
    await transfer(`00-${trace}-${CALLER_SPAN}-01`);
    await untilExported(trace, 'POST /v1/transfers');
    const direct = only('mysql apply', trace);
    expect(direct.parentSpanId).toBe(only('ledger apply', trace).spanId);
    const statements = inTrace(trace).filter(({ parentSpanId }) => parentSpanId === direct.spanId);
    expect(statements.map(({ name }) => name)).toEqual(expect.arrayContaining(['START', 'INSERT', 'COMMIT']));
  });
});

describe('The trace of a transfer in Redis', () => {
  beforeAll(async () => {
    start('keeper');
    const inCache = () => db.database.rows("SELECT 1 FROM authority WHERE mode LIKE 'CACHE%'");
    await until('Redis has the authority', async () => (await inCache()).length > 0);
    // From now on the accounts are in Redis, so a transfer takes a single call.
    await transfer(unsampled(3));
  });

  it("contains the request, the ledger, the Redis script, and the keeper's flush, linked in both directions", async () => {
    await transfer(`00-${TRACE}-${CALLER_SPAN}-01`);
    await untilExported(TRACE, 'POST /v1/transfers', 'persist');
    await until('the flush has been exported', () => flushesOf(TRACE).length > 0);

    const request = only('POST /v1/transfers', TRACE);
    const ledger = only('ledger apply', TRACE);
    const script = only('redis apply', TRACE);
    const evalsha = inTrace(TRACE).filter(({ parentSpanId }) => parentSpanId === script.spanId);
    const persist = only('persist', TRACE);
    expect(request.parentSpanId).toBe(CALLER_SPAN);
    expect(ledger.parentSpanId).toBe(request.spanId);
    expect(script.parentSpanId).toBe(ledger.spanId);
    expect(evalsha.map(({ name }) => name)).toContain('EVALSHA');
    expect(persist.parentSpanId).toBe(ledger.spanId);

    const [flush] = flushesOf(TRACE);
    expect(flush?.parentSpanId).toBe('');
    expect(flush?.links).toEqual([{ traceId: TRACE, spanId: ledger.spanId }]);
    expect(persist.links).toEqual([{ traceId: flush?.traceId, spanId: flush?.spanId }]);
    expect(persist.startNs).toBeGreaterThan(script.startNs);
    const statements = inTrace(flush?.traceId ?? '').filter(({ parentSpanId }) => parentSpanId === flush?.spanId);
    expect(statements.map(({ name }) => name)).toEqual(expect.arrayContaining(['START', 'INSERT', 'COMMIT']));
  });

  it('shows which process each span comes from', () => {
    const resourceOf = (name: string) => collector.named(name)[0]?.resource;
    const pod = resourceOf('redis apply');
    const keeper = resourceOf('flush');
    const of = (role: string) => ({
      'service.name': 'holdfast',
      'holdfast.role': role,
      'k8s.pod.name': `${role}-7f9c`,
      'k8s.namespace.name': 'bank',
      'service.instance.id': expect.stringMatching(/:[0-9a-f]{12}$/),
    });
    expect(pod).toMatchObject(of('api'));
    expect(keeper).toMatchObject(of('keeper'));
    expect(pod?.['service.instance.id']).not.toBe(keeper?.['service.instance.id']);
  });

  it('is complete for each transfer that shares a script call, even if others in the call are not traced', async () => {
    const traces = Array.from({ length: 20 }, (_, n) => (n + 1).toString(16).padStart(32, 'c'));
    await Promise.all(
      traces.flatMap((trace, n) => [transfer(`00-${trace}-${CALLER_SPAN}-01`), transfer(unsampled(100 + n))]),
    );
    await Promise.all(traces.map((trace) => untilExported(trace, 'POST /v1/transfers', 'persist')));
    for (const trace of traces) {
      expect(only('redis apply', trace).parentSpanId).toBe(only('ledger apply', trace).spanId);
      expect(only('persist', trace).parentSpanId).toBe(only('ledger apply', trace).spanId);
    }
    expect(collector.spans.filter(({ traceId }) => traceId.startsWith('aaaa'))).toEqual([]);
  });

  it('is not part of the transfer: a retry in another trace, or in none, gets the first outcome', async () => {
    const body = aTransfer();
    await call('/v1/transfers', `00-${'e'.repeat(32)}-${CALLER_SPAN}-01`, body);
    for (const retry of [`00-${'f'.repeat(32)}-${CALLER_SPAN}-01`, unsampled(4)]) {
      const { status, json } = await post('/v1/transfers', retry, body);
      expect([status, json]).toEqual([200, expect.objectContaining({ replayed: true })]);
    }
  });

  it('is a single one for a batch request: each transfer is applied and flushed in it', async () => {
    const batch = 'b'.repeat(32);
    const transfers = Array.from({ length: 3 }, aTransfer);
    await post('/v1/transfers/batch', `00-${batch}-${CALLER_SPAN}-01`, { transfers });
    await untilExported(batch, 'POST /v1/transfers/batch', 'persist');
    expect(only('ledger apply', batch).attributes).toMatchObject({ 'holdfast.transfers': 3 });
    expect(only('redis apply', batch).attributes).toMatchObject({ 'holdfast.transfers': 3 });
  });
});

describe('A trace', () => {
  it('begins with a request or a flush: polls of Redis and MySQL in the background begin none', async () => {
    // The slowest loop is the keeper's housekeeping.
    const rounds = new Set<number>();
    await until('every loop has completed some rounds', async () => {
      const rows = await db.database.rows<{ at: Date }>('SELECT heartbeat_at AS at FROM keepers');
      for (const { at } of rows) rounds.add(at.getTime());
      return rounds.size >= 3;
    });
    const roots = collector.spans.filter(({ parentSpanId }) => parentSpanId === '');
    const beginnings = new Set(roots.map(({ name }) => name));
    expect([...beginnings].filter((name) => name !== 'flush' && !/^(GET|POST) \//.test(name))).toEqual([]);
    // Each flush includes a traced transfer: a flush of untraced transfers or account changes begins no trace.
    for (const root of roots) if (root.name === 'flush') expect(root.links.length).toBeGreaterThan(0);
  });
});
