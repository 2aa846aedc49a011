import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiUnderTest, keyWith } from '../testing/api-under-test.ts';

const URL_OF_HOOK = 'https://hooks.example/holdfast';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  for (let event = 0; event < 3; event++) api.feed.add({ type: 'holdfast.transfer.posted', accounts: ['ada'] });
});
afterEach(() => api.stop());

const create = (more: object = {}, options = {}) =>
  api.post('/v1/webhooks', { webhookId: 'w', url: URL_OF_HOOK, ...more }, options);

describe('POST /v1/webhooks', () => {
  it('returns the webhook, with its secret only the first time', async () => {
    const first = await create({ accounts: ['ada', 'ada'], types: ['holdfast.transfer.posted'], details: true });
    expect(first).toMatchObject({
      status: 201,
      json: { webhookId: 'w', owner: 'tester', accounts: ['ada'], details: true, state: 'ACTIVE', position: '3' },
    });
    expect(first.json['secret']).toMatch(/^whsec_/);
    expect(await create({ accounts: ['ada'], types: ['holdfast.transfer.posted'], details: true })).toMatchObject({
      status: 200,
      json: { webhookId: 'w', secret: null },
    });
  });

  it('begins at the position that the client requests', async () => {
    expect((await create({ webhookId: 'a', after: 'oldest' })).json['position']).toBe('0');
    expect((await create({ webhookId: 'b', after: '2' })).json['position']).toBe('2');
    expect((await create({ webhookId: 'c', after: 'latest' })).json['position']).toBe('3');
    expect(await create({ webhookId: 'd', after: 'x' })).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/after' }] },
    });
  });

  it('takes its id from the Idempotency-Key, or generates one', async () => {
    const body = { url: URL_OF_HOOK };
    const keyed = await api.post('/v1/webhooks', body, { headers: { 'Idempotency-Key': '"k"' } });
    expect(keyed.json['webhookId']).toBe('k');
    expect((await api.post('/v1/webhooks', body)).json['webhookId']).toMatch(/^[0-9a-f-]{36}$/);
    const both = await create({}, { headers: { 'Idempotency-Key': 'other' } });
    expect(both).toMatchObject({ status: 400, json: { errors: [{ pointer: '/Idempotency-Key' }] } });
  });

  it('refuses what is not valid', async () => {
    for (const [pointer, more] of [
      ['/url', { url: 'http://hooks.example' }],
      ['/url', { url: 'x'.repeat(3_000) }],
      ['/accounts', { accounts: [] }],
      ['/accounts', { accounts: Array.from({ length: 21 }, (_, index) => `a${index}`) }],
      ['/accounts/0', { accounts: ['not an id'] }],
      ['/types/0', { types: ['holdfast.everything'] }],
      ['/secret', { secret: 'mine' }],
    ] as const)
      expect(await create(more)).toMatchObject({ status: 400, json: { errors: [{ pointer }] } });
  });

  it('requires the scope webhooks:write, or ops', async () => {
    const scopes = [['balances:read', 'transfers:write', 'accounts:write'], ['webhooks:write'], ['ops']] as const;
    const statuses = [];
    for (const [index, own] of scopes.entries())
      statuses.push((await create({ webhookId: `w${index}` }, { key: keyWith(...own) })).status);
    expect(statuses).toEqual([403, 201, 201]);
  });
});

describe('A webhook', () => {
  beforeEach(async () => {
    expect((await create()).status).toBe(201);
  });

  it('can be listed, read, changed, paused, resumed, tested and deleted', async () => {
    await create({ webhookId: 'x' });
    const page = await api.get('/v1/webhooks?limit=1');
    expect(page.json).toMatchObject({ items: [{ webhookId: 'w' }], nextCursor: 'w' });
    expect((await api.get('/v1/webhooks?cursor=w')).json).toMatchObject({
      items: [{ webhookId: 'x' }],
      nextCursor: null,
    });
    expect((await api.get('/v1/webhooks/w')).text).not.toContain('whsec_');
    const url = 'https://other.example/';
    expect(await api.patch('/v1/webhooks/w', { url, state: 'PAUSED', accounts: null })).toMatchObject({
      status: 200,
      json: { url, state: 'PAUSED', accounts: null },
    });
    expect((await api.patch('/v1/webhooks/w', { url: 'ftp://x' })).status).toBe(400);
    expect((await api.patch('/v1/webhooks/w', { state: 'STOPPED' })).status).toBe(400);
    expect((await api.post('/v1/webhooks/w/resume')).json['state']).toBe('ACTIVE');
    expect((await api.post('/v1/webhooks/w/test')).status).toBe(202);
    expect(api.webhooks.tests).toEqual(['w']);
    for (let time = 0; time < 2; time++) expect((await api.delete('/v1/webhooks/w')).status).toBe(204);
    expect((await api.get('/v1/webhooks/w')).status).toBe(404);
  });

  it('gets a new secret', async () => {
    expect(await api.post('/v1/webhooks/w/rotate', { secretId: 's', overlapSeconds: 60 })).toMatchObject({
      status: 201,
      json: { secret: 'whsec_s', validSecrets: 2 },
    });
    expect((await api.post('/v1/webhooks/w/rotate', { overlapSeconds: -1 })).status).toBe(400);
    expect((await api.post('/v1/webhooks/w/rotate')).status).toBe(201);
  });

  it('goes back to an earlier position; only operators may skip events', async () => {
    const own = { key: keyWith('webhooks:write') };
    const replay = (after: string, options = {}) => api.post('/v1/webhooks/w/replay', { after }, options);
    expect((await replay('1', own)).json['position']).toBe('1');
    expect(await replay('2', own)).toMatchObject({ status: 403 });
    expect(await replay('latest', own)).toMatchObject({ status: 403 });
    expect((await replay('oldest', own)).json['position']).toBe('0');
    expect((await replay('2')).json['position']).toBe('2');
    expect(await replay('nowhere')).toMatchObject({ status: 400, json: { errors: [{ pointer: '/after' }] } });
  });

  it('shows its latest deliveries', async () => {
    const delivery = { at: api.clock.time, messageId: 'msg_1', kind: 'events', events: 2, from: '1', to: '3' } as const;
    api.webhooks.attempts.push(
      { ...delivery, attempt: 2, status: 200, failure: null, durationMs: 12.4 },
      { ...delivery, attempt: 1, status: null, failure: 'timeout', durationMs: 15_000 },
    );
    const page = await api.get('/v1/webhooks/w/deliveries?limit=1');
    expect(page.json).toMatchObject({ items: [{ attempt: 2, durationMs: 12 }], nextCursor: '2' });
    expect((await api.get('/v1/webhooks/w/deliveries?cursor=2')).json).toMatchObject({
      items: [{ attempt: 1, failure: 'timeout', status: null }],
      nextCursor: null,
    });
  });
});
