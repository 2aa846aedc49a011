import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../devstack/system/ports.mjs';
import { PodSession } from '../../authority/pod/pod-session.ts';
import { until } from '../../kernel/testing/until.ts';
import { newProcessId } from '../context.ts';
import { OpsStatus } from '../ops-status.ts';
import { type ContextUnderTest, testConfig, testContext } from '../testing/test-context.ts';

/** An address where nothing listens. */
let nowhere: { REDIS_URL: string };
let mysqlUrl: string;
beforeAll(async () => {
  const port = await freePort();
  nowhere = { REDIS_URL: `redis://127.0.0.1:${port}` };
  mysqlUrl = `mysql://u:p@127.0.0.1:${port}/db`;
});

describe('A context whose stores are unavailable', () => {
  let context: ContextUnderTest;
  beforeAll(async () => {
    context = await testContext(testConfig(mysqlUrl, { ...nowhere, BREAKER_VOLUME_THRESHOLD: '2' }));
  });
  afterAll(() => context[Symbol.asyncDispose]());

  it('is still created, counts the failures of the stores, and considers a store down after several failures', async () => {
    const caller = { epoch: 1, format: 1 as const, replid: 'r', podId: 'p' };
    for (let n = 0; n < 3; n++) {
      await expect(context.authority.read()).rejects.toMatchObject({ code: 'database_unavailable' });
      await expect(context.cache.read(caller, [])).rejects.toMatchObject({ kind: 'not_sent' });
    }
    const text = await context.process.metrics.text();
    expect(text).toContain('holdfast_mysql_errors_total 3');
    expect(text).toContain('holdfast_redis_errors_total 3');
    expect([context.detectors.mysql.state, context.detectors.redis.state]).toEqual(['open', 'open']);
  });

  it('shows operators that the state is unknown', async () => {
    const { authority, cache, clock, handOverStore, processId, scripts } = context;
    const session = new PodSession({
      authority,
      handOverStore,
      cache,
      retire: (caller, podId) => scripts.retire(caller, podId),
      clock,
      logger: context.logger.log,
      processId,
      heartbeatMs: 1000,
      closedAfterMs: 1000,
      newPodId: () => 'pod',
      redis: { ready: () => false, probe: async () => {}, cut: () => {} },
      onAuthority: () => {},
    });
    expect(await new OpsStatus(context, session).read()).toMatchObject({
      mode: 'UNKNOWN',
      epoch: null,
      redisNode: null,
      cursor: null,
      journal: null,
      pods: null,
      pod: { podId: 'pod', open: false, complaints: ['the authority has not been read from MySQL yet'] },
    });
  });
});

describe('A context', () => {
  it('creates traces only if an endpoint for traces is configured', async () => {
    const off = await testContext(testConfig(mysqlUrl, nowhere));
    expect(off.tracing).toBeNull();
    await off[Symbol.asyncDispose]();
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const on = await testContext(testConfig(mysqlUrl, { ...nowhere, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }));
    expect(on.tracing).not.toBeNull();
    await on[Symbol.asyncDispose]();
  });

  it('closes its connections when it is disposed of', async () => {
    const context = await testContext(testConfig(mysqlUrl, nowhere));
    await context[Symbol.asyncDispose]();
    await until('the connection is closed', () => context.redis.status === 'end');
    await expect(context.authority.read()).rejects.toMatchObject({ message: 'MySQL is unavailable (closed)' });
  });

  it('has a new process id after each start', () => {
    const ids = new Set(Array.from({ length: 20 }, newProcessId));
    expect(ids.size).toBe(20);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9.-]{1,40}:[0-9a-f]{12}$/);
  });
});
