import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiUnderTest, keyWith } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
let readiness = { ready: true, reasons: [] as string[] };
beforeEach(async () => {
  readiness = { ready: true, reasons: [] };
  api = await ApiUnderTest.start({ readiness: () => readiness });
});
afterEach(() => api.stop());

describe('operations', () => {
  it('show the end of the sealed log and its latest self-check, with the scope ops only', async () => {
    expect(await api.get('/v1/ops/audit', { key: keyWith('ops') })).toMatchObject({
      ...{ status: 200, json: { log: { length: 7 } } },
    });
    expect(await api.get('/v1/ops/audit', { key: keyWith('balances:read') })).toMatchObject({ status: 403 });
  });

  it('show the status and run a reconciliation, with the scope ops only', async () => {
    const key = keyWith('ops');
    expect(await api.get('/v1/ops/status', { key })).toMatchObject({ status: 200, json: { mode: 'CACHE' } });
    const reconciled = await api.post('/v1/ops/reconciliations', undefined, { key });
    expect(reconciled).toMatchObject({ status: 200, json: { differences: 0 } });
    const others = keyWith('balances:read', 'accounts:write', 'transfers:write');
    expect(await api.get('/v1/ops/status', { key: others })).toMatchObject({ status: 403 });
    expect(await api.post('/v1/ops/reconciliations', undefined, { key: others })).toMatchObject({ status: 403 });
  });
});

describe('What is waiting for a journal', () => {
  it('is listed, and dropped with a reason, with the scope ops only', async () => {
    const key = keyWith('ops');
    expect(await api.get('/v1/ops/unsettled', { key })).toMatchObject({ status: 200, json: { frozenAccounts: [] } });
    const acceptance = { epoch: 17, reason: 'the node was destroyed' };
    expect(await api.post('/v1/ops/loss-acceptances', acceptance, { key })).toMatchObject({
      status: 200,
      json: { epoch: 18, mode: 'DIRECT', dropped: 3 },
    });
    const others = keyWith('balances:read', 'accounts:write', 'transfers:write');
    expect(await api.get('/v1/ops/unsettled', { key: others })).toMatchObject({ status: 403 });
    expect(await api.post('/v1/ops/loss-acceptances', acceptance, { key: others })).toMatchObject({ status: 403 });
  });
  it('is dropped with 202 while a keeper is still applying the decision', async () => {
    const unfinished = { epoch: 17, mode: 'CLOSING', dropped: 2, done: false };
    api.deps.ops.acceptLoss = async () => unfinished;
    const acceptance = { epoch: 17, reason: 'the node was destroyed' };
    expect(await api.post('/v1/ops/loss-acceptances', acceptance, { key: keyWith('ops') })).toMatchObject({
      status: 202,
      json: unfinished,
    });
  });
  it.each([
    [{ reason: 'epoch missing' }, '/epoch'],
    [{ epoch: -1, reason: 'no such epoch' }, '/epoch'],
    [{ epoch: 17 }, '/reason'],
    [{ epoch: 17, reason: 'short' }, '/reason'],
    [{ epoch: 17, reason: '          ' }, '/reason'],
  ])('is not dropped without epoch and reason: %j', async (body, pointer) => {
    const answer = await api.post('/v1/ops/loss-acceptances', body, { key: keyWith('ops') });
    expect(answer).toMatchObject({ status: 400, json: { code: 'validation_failed', errors: [{ pointer }] } });
  });
});

describe('the Redis of another ledger', () => {
  it('can be taken over only with the scope ops, by giving the observed owner and a reason', async () => {
    const takeover = { owner: 'a'.repeat(32), reason: 'that ledger was shut down in May' };
    const taken = await api.post('/v1/ops/redis-takeovers', takeover, { key: keyWith('ops') });
    expect(taken).toMatchObject({ status: 200, json: { epoch: 19, mode: 'DIRECT' } });
    const unclaimed = await api.post('/v1/ops/redis-takeovers', { ...takeover, owner: null }, { key: keyWith('ops') });
    expect(unclaimed).toMatchObject({ status: 200 });
    const others = keyWith('balances:read', 'accounts:write', 'transfers:write');
    expect(await api.post('/v1/ops/redis-takeovers', takeover, { key: others })).toMatchObject({ status: 403 });
  });
  it.each([
    [{ reason: 'owner missing' }, '/owner'],
    [{ owner: 'somebody', reason: 'invalid owner' }, '/owner'],
    [{ owner: null, reason: 'short' }, '/reason'],
  ])('is not taken over with %j', async (body, pointer) => {
    const answer = await api.post('/v1/ops/redis-takeovers', body, { key: keyWith('ops') });
    expect(answer).toMatchObject({ status: 400, json: { code: 'validation_failed', errors: [{ pointer }] } });
  });
});

describe('The rule format', () => {
  const move = { epoch: 17, dryRun: false, reason: 'all pods run the new release' };
  it('can be changed only with the scope ops, by giving the observed epoch and a reason', async () => {
    const moved = await api.post('/v1/ops/format', move, { key: keyWith('ops') });
    expect(moved).toMatchObject({ status: 200, json: { from: 1, to: 2, epoch: 20, done: true } });
    const others = keyWith('balances:read', 'accounts:write', 'transfers:write');
    expect(await api.post('/v1/ops/format', move, { key: others })).toMatchObject({ status: 403 });
  });
  it('is not changed by a dry run, which reports what cannot be undone', async () => {
    const dry = await api.post('/v1/ops/format', { ...move, dryRun: true }, { key: keyWith('ops') });
    expect(dry).toMatchObject({
      status: 200,
      json: { epoch: 17, dryRun: true, done: false, warning: 'This cannot be undone' },
    });
  });
  it('is changed with 202 while keepers are still recovering the last epoch of the older format', async () => {
    const { moveFormat } = api.deps.ops;
    api.deps.ops.moveFormat = async (...args) => ({ ...(await moveFormat(...args)), mode: 'CLOSING', done: false });
    expect(await api.post('/v1/ops/format', move, { key: keyWith('ops') })).toMatchObject({
      status: 202,
      json: { mode: 'CLOSING', done: false },
    });
  });
  it.each([
    [{ ...move, epoch: undefined }, '/epoch'],
    [{ ...move, reason: 'short' }, '/reason'],
    [{ ...move, dryRun: undefined }, '/dryRun'],
  ])('is not changed without epoch, reason and dryRun: %j', async (body, pointer) => {
    const answer = await api.post('/v1/ops/format', body, { key: keyWith('ops') });
    expect(answer).toMatchObject({ status: 400, json: { code: 'validation_failed', errors: [{ pointer }] } });
  });
});

describe('probes and metrics', () => {
  it('need no key', async () => {
    expect(await api.get('/livez', { key: null })).toMatchObject({ status: 200, json: { alive: true } });
    expect(await api.get('/readyz', { key: null })).toMatchObject({ status: 200, json: { ready: true, reasons: [] } });
    const metrics = await api.get('/metrics', { key: null });
    expect(metrics).toMatchObject({ status: 200, text: 'up 1\n' });
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4');
  });
  it('report why the pod is not ready, while it remains alive', async () => {
    readiness = { ready: false, reasons: ['Redis cannot be reached'] };
    expect(await api.get('/readyz')).toMatchObject({ status: 503, json: readiness });
    expect(await api.get('/livez')).toMatchObject({ status: 200 });
  });
});
