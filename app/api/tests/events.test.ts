import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import { until } from '../../kernel/testing/until.ts';
import { VirtualClock } from '../../kernel/testing/virtual-clock.ts';
import { formatPosition, parsePosition } from '../../ledger/ports/feed-position.ts';
import type { ApiDependencies } from '../api-dependencies.ts';
import { ApiUnderTest, keyWith } from '../testing/api-under-test.ts';
import { EventClient } from '../testing/event-client.ts';

const READ = keyWith('balances:read');

let clock: VirtualClock;
let api: ApiUnderTest;
/** What the key store returns for every key but `READ`. */
let identity: (() => Identity | null) | null;

async function start(overrides: Partial<ApiDependencies> = {}): Promise<void> {
  clock = new VirtualClock();
  identity = null;
  const known: Identity = { user: 'reader', scopes: new Set(['balances:read']) };
  api = await ApiUnderTest.start({
    clock,
    keys: { identify: async (key) => (identity && key !== READ ? identity() : known) },
    ...overrides,
  });
}
beforeEach(() => start());
afterEach(() => api.stop());

const open = (options: Partial<Parameters<typeof EventClient.open>[1]> = {}) =>
  EventClient.open(api.url, { key: READ, ...options });

const transfer = (...accounts: string[]) => api.feed.add({ type: 'holdfast.transfer.posted', accounts });

describe('GET /v1/events', () => {
  it('sends the time before a retry, a position, and each event with the position after it', async () => {
    transfer('ada', 'bob');
    const client = await open();
    expect(client.status).toBe(200);
    expect(client.headers.get('content-type')).toBe('text/event-stream');
    expect(client.headers.get('x-accel-buffering')).toBe('no');
    expect(client.headers.get('cache-control')).toBe('no-store, no-transform');
    await until('the first block', () => client.blocks.length === 1);
    transfer('ada', 'bob');
    await until('the event', () => client.events.length === 1);
    expect(client.blocks).toEqual([
      { retry: '3000', id: '1' },
      { id: '2', data: '{"specversion":"1.0","id":"0.2.0","type":"holdfast.transfer.posted"}' },
    ]);
    client.close();
    await until('the listener is gone', () => api.feed.listeners === 0 && api.lives.size === 0);
  });

  it('resumes after Last-Event-ID, which takes precedence, or after a position in the URL', async () => {
    for (let count = 0; count < 3; count++) transfer('ada');
    const ids = async (options: Parameters<typeof open>[0]) => {
      const client = await open(options);
      transfer('ada');
      await until('the latest event', () => client.events.at(-1)?.id === `0.${api.feed.events.length}.0`);
      client.close();
      return client.events.length;
    };
    expect(await ids({ lastEventId: '1' })).toBe(3);
    expect(await ids({ query: { after: '2' } })).toBe(3);
    expect(await ids({ query: { after: 'oldest' } })).toBe(6);
    expect(await ids({ query: { after: 'oldest' }, lastEventId: '6' })).toBe(1);
    expect(await ids({ lastEventId: '' })).toBe(1);
  });

  it('sends only events of the requested accounts and types', async () => {
    const client = await open({
      query: { account: 'ada,bob', type: 'holdfast.transfer.posted,holdfast.account.opened' },
    });
    transfer('carl');
    transfer('carl', 'bob');
    api.feed.add({ type: 'holdfast.account.changed', accounts: ['ada'] });
    api.feed.add({ type: 'holdfast.account.opened', accounts: ['ada'] });
    await until('the events', () => client.events.length === 2);
    expect(client.events.map(({ id }) => id)).toEqual(['0.2.0', '0.4.0']);
    client.close();
  });

  it('refuses invalid filters and positions, however hostile', async () => {
    for (const query of [
      'account=',
      'account=a,,b',
      'account=~transit:EUR:1',
      `account=${Array.from({ length: 21 }, (_, index) => `a${index}`)}`,
      'type=',
      'type=holdfast.transfer',
      'type=constructor',
      'after=',
      'after=-1',
      'after=1.5.2',
      'after=01',
      'after=1_2',
      'after=9007199254740993',
      `after=${'9'.repeat(1500)}`,
      'after=1&after=2',
      'limit=1',
    ])
      expect(await api.get(`/v1/events?${query}`, { key: READ }), query).toMatchObject({ status: 400 });
    for (const id of ['x', '1,2', '1, 2', '1.', '.1', '1e3', '0x10', '１', `${'1_'.repeat(5000)}1`, '1.1234567890'])
      expect(await api.get('/v1/events', { key: READ, headers: { 'Last-Event-ID': encodeURI(id) } })).toMatchObject({
        status: 400,
        json: { code: 'validation_failed', errors: [{ pointer: '/Last-Event-ID' }] },
      });
    expect(api.lives.size).toBe(0);
  });

  it('names the parameter whose position the feed refuses', async () => {
    api.feed.begin = async () => {
      throw new Problem('validation_failed', 'is ahead');
    };
    expect(await api.get('/v1/events?after=1', { key: READ })).toMatchObject({
      json: { errors: [{ pointer: '/after' }] },
    });
    api.feed.begin = async () => {
      throw new Problem('events_gone', 'gone');
    };
    expect(await api.get('/v1/events?after=1', { key: READ })).toMatchObject({
      status: 410,
      json: { code: 'events_gone' },
    });
  });

  it('requires the scope balances:read, and sends no body in reply to HEAD', async () => {
    await api.stop();
    api = await ApiUnderTest.start();
    expect(await api.get('/v1/events', { key: keyWith('transfers:write', 'ops', 'accounts:write') })).toMatchObject({
      status: 403,
    });
    expect(await api.get('/v1/events', { key: null })).toMatchObject({ status: 401 });
    const head = await fetch(`${api.url}/v1/events`, { method: 'HEAD', headers: { Authorization: `Bearer ${READ}` } });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(api.lives.size).toBe(0);
  });

  it('sends a comment with the latest position every 15 seconds', async () => {
    const client = await open({ query: { account: 'nobody' } });
    transfer('ada');
    await clock.pass(14_000);
    expect(client.blocks.length).toBe(1);
    await clock.pass(2_000);
    await until('the heartbeat', () => client.blocks.length === 2);
    expect(client.blocks[1]).toEqual({ comment: '', id: '1' });
    transfer('ada');
    await clock.pass(15_000);
    await until('the next heartbeat', () => client.blocks.length === 3);
    expect(client.lastEventId).toBe('2');
    client.close();
  });

  it('does not count as a request in flight, but has limits of its own, for the pod and for each user', async () => {
    await api.stop();
    await start({
      limits: { ...api.deps.limits, requestsInFlightMax: 1 },
      liveLimits: { max: 4, perUserMax: 3 },
    });
    identity = () => ({ user: 'other', scopes: new Set(['balances:read']) });
    const mine = [await open(), await open(), await open()];
    const refused = await api.get('/v1/events', { key: READ });
    expect(refused).toMatchObject({ status: 429, json: { code: 'too_many_listeners' } });
    expect(refused.headers.get('retry-after')).toBe('1');
    const theirs = await open({ key: 'other' });
    expect(theirs.status).toBe(200);
    expect((await open({ key: 'other' })).status).toBe(429);
    expect((await api.get('/v1/accounts/none', { key: READ })).status).toBe(404);
    mine[0]?.close();
    await until('a place is free', () => api.lives.size === 3);
    expect((await open({ key: 'other' })).status).toBe(200);
    expect(api.observed.filter(({ route, status }) => route === '/v1/events' && status === 200).length).toBe(5);
  });

  it('ends when its credentials are revoked, lose the scope, or expire, but not while the store is unavailable', async () => {
    const states: Record<string, () => Identity | null> = {
      revoked: () => null,
      scopeless: () => ({ user: 'u', scopes: new Set(['ops']) }),
      away: () => {
        throw new Problem('database_unavailable', 'away');
      },
      expiring: () => {
        throw new Problem('unauthenticated', 'expired');
      },
    };
    const valid = { user: 'u', scopes: new Set(['balances:read'] as const) };
    let changed = false;
    await api.stop();
    await start({
      keys: {
        identify: async (key) =>
          changed
            ? (states[key]?.() ?? null)
            : { ...valid, ...(key === 'expiring' && { expiresAt: clock.now() + 5_000 }) },
      },
    });
    const [revoked, scopeless, away, expiring] = await Promise.all(Object.keys(states).map((key) => open({ key })));
    await clock.pass(4_000);
    changed = true;
    await clock.pass(2_000);
    await until('the expired stream has ended', () => expiring?.ended);
    expect(expiring?.endReason).toBe('credentials');
    expect(revoked?.ended).toBe(false);
    await clock.pass(40_000);
    await until('the others have ended', () => revoked?.ended && scopeless?.ended);
    expect([revoked?.endReason, scopeless?.endReason]).toEqual(['credentials', 'credentials']);
    expect(away?.ended).toBe(false);
    expect(api.lives.size).toBe(1);
  });

  it('ends after at most 15 minutes, so that clients spread over new pods', async () => {
    const client = await open();
    await clock.pass(10 * 60_000);
    expect(client.ended).toBe(false);
    await clock.pass(5 * 60_000);
    await until('the stream has ended', () => client.ended);
    expect(client.endReason).toBe('reconnect');
  });

  it('ends before everything else when the pod shuts down, and no new stream begins', async () => {
    const clients = await Promise.all([open(), open(), open()]);
    await until('all have begun', () => clients.every(({ blocks }) => blocks.length === 1));
    api.lives.end();
    await until('all have ended', () => clients.every(({ ended }) => ended));
    expect(clients.map(({ endReason }) => endReason)).toEqual(Array(3).fill('shutting_down'));
    expect((await open()).status).toBe(503);
    await until('no listener is left', () => api.feed.listeners === 0);
  });
});

describe('GET /v1/events/page', () => {
  it('pages through all events, and states when there are no more', async () => {
    for (let count = 0; count < 5; count++) transfer(count % 2 === 0 ? 'ada' : 'bob');
    api.feed.events.splice(0, 5, ...api.feed.events.map((event) => ({ ...event, json: () => EVENT })));
    const first = await api.get('/v1/events/page?account=ada&limit=2', { key: READ });
    expect(first).toMatchObject({ status: 200, json: { nextCursor: '3', caughtUp: false } });
    expect(first.json['items']).toHaveLength(2);
    const second = await api.get('/v1/events/page?account=ada&limit=2&after=3', { key: READ });
    expect(second).toMatchObject({ json: { items: [JSON.parse(EVENT)], nextCursor: '5', caughtUp: true } });
    const third = await api.get('/v1/events/page?after=latest', { key: READ });
    expect(third.json).toEqual({ items: [], nextCursor: '5', caughtUp: true });
  });

  it('refuses wrong parameters', async () => {
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=1e2', 'after=x', 'account=%20', 'cursor=1'])
      expect(await api.get(`/v1/events/page?${query}`, { key: READ }), query).toMatchObject({ status: 400 });
  });
});

const EVENT =
  '{"specversion":"1.0","id":"0.1.0","source":"urn:holdfast:l","type":"holdfast.group.posted","subject":"g","time":"2026-01-31T12:00:00.000Z","datacontenttype":"application/json","data":{"groupId":"g","status":"POSTED","accounts":["ada","bob"],"transactionIds":["t"],"acceptedAt":"2026-01-31T12:00:00.000Z"}}';

describe('A position', () => {
  it('survives being written and read', () => {
    for (const text of ['0', '12', '12.3', '12~0123abcd', '12.3~0123abcd'])
      expect(formatPosition(parsePosition(text, 1) ?? [])).toBe(text);
    for (const text of ['12~', '12~0123abc', '12~0123ABCD', '12~0123abcd.3', '12~0123abcd~'])
      expect(parsePosition(text, 1), text).toBeNull();
  });
  it('has a value or an empty field for each shard', () => {
    expect(parsePosition('12_3.4_', 3)).toEqual([{ position: 12, index: null }, { position: 3, index: 4 }, null]);
    for (const text of ['12_3', '12_3_4_5', '_', '1__ ', '1_2.x_3']) expect(parsePosition(text, 3), text).toBeNull();
    expect(parsePosition('', 1)).toBeNull();
  });
});
