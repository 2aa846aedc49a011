import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Gate, passing } from '../../journal/testing/faulty-cache.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { AWAY, PodBench } from '../testing/pod-bench.ts';

let db: TestDatabase;
let pod: PodBench;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  pod = await PodBench.start(db);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await pod.stop();
});

describe('While MySQL is unavailable, a session', () => {
  it('continues in its epoch', async () => {
    const view = await pod.serve();
    pod.away = AWAY;
    const asked = vi.spyOn(pod.cache, 'read');
    await until('it has checked Redis again', () => asked.mock.calls.length > 5);
    expect([pod.session.view(), pod.opened, pod.session.complaints()]).toEqual([view, 1, []]);
    pod.session.lostRedis();
    expect(await pod.open()).toBe(view);
    await pod.post();
    expect(pod.log.messages('error')).toEqual([]);
  });

  it('closes as soon as Redis reports that the epoch has ended', async () => {
    const { caller } = await pod.serve();
    pod.away = AWAY;
    await pod.scripts.fence(caller.epoch + 1, caller.replid);
    await pod.closed();
    expect(pod.session.holdReason()).toBe('ledger_switching');
    pod.clock.push(6_000);
    expect(pod.session.complaints()).toEqual(['MySQL is unavailable']);
  });

  it('that is open on it notifies waiting requests, and becomes unready after a moment', async () => {
    await pod.moveToMysql();
    pod.session.start();
    await pod.openDirectly();
    pod.away = AWAY;
    await until('it has noticed', () => pod.session.holdReason() === 'database_unavailable');
    expect(pod.session.direct()).not.toBeNull();
    pod.clock.push(6_000);
    expect(pod.session.complaints()).toEqual(['MySQL is unavailable']);
    pod.away = null;
    await until('it is ready again', () => pod.session.complaints().length === 0);
  });
});

describe('While MySQL has the authority, a session', () => {
  beforeEach(async () => {
    await pod.moveToMysql();
    pod.session.start();
    await pod.openDirectly();
  });

  it('stays open on it whether or not Redis responds, and reports whether it does', async () => {
    await until('Redis is seen', async () => (await pod.reported())?.redisSeen);
    pod.redis.disconnect();
    await until('it is lost', async () => (await pod.reported())?.redisSeen === false);
    expect([pod.session.direct() === null, pod.opened, pod.session.complaints()]).toEqual([false, 1, []]);
    await pod.redis.connect();
    await until('Redis is seen again', async () => (await pod.reported())?.redisSeen);
  });

  it('reports Redis as lost if it does not respond despite an open connection', async () => {
    await until('Redis is seen', async () => (await pod.reported())?.redisSeen);
    const ping = vi.spyOn(pod.redis, 'ping').mockRejectedValue(new Error('LOADING'));
    await until('it is lost', async () => (await pod.reported())?.redisSeen === false);
    ping.mockRestore();
    await until('it is seen again', async () => (await pod.reported())?.redisSeen);
  });

  it('holds requests if a transaction finds that the authority has moved, and reads the authority again', async () => {
    const epoch = await pod.openDirectly();
    pod.session.moved(epoch - 1);
    expect(pod.session.direct()).toBe(epoch);
    pod.session.moved(epoch);
    expect(pod.session.direct()).toBeNull();
    expect(await pod.openDirectly()).toBe(epoch);
    expect(pod.opened).toBe(2);
  });

  it('moves to the later epoch after frozen accounts were recovered, and stays open without interruption', async () => {
    const before = await pod.openDirectly();
    await pod.moveToMysql();
    await until('it is there', () => pod.session.direct() === before + 1);
    expect(pod.opened).toBe(1);
  });

  it('holds requests while the cache is rebuilt, and then opens on it', async () => {
    await pod.store.move(await pod.store.read(), 'REBUILDING', { keeper: 'k', reason: 'r' });
    await pod.closed();
    expect([pod.session.holdReason(), pod.session.complaints()]).toEqual(['ledger_switching', []]);
    await pod.activate();
    expect((await pod.open()).caller.podId).toBe('pod-1');
    expect(pod.session.direct()).toBeNull();
  });
});

describe('While the ledger is closed', () => {
  it('after a while, a pod rejects requests immediately, but stays ready: it serves reads', async () => {
    await pod.serve();
    await pod.closing();
    await pod.closed();
    expect([pod.session.holdReason(), pod.session.complaints()]).toEqual(['ledger_switching', []]);
    pod.clock.push(10_000);
    expect([pod.session.holdReason(), pod.session.complaints()]).toEqual(['ledger_closed', []]);
  });

  it('a new pod counts the time for which the ledger was closed before the pod started', async () => {
    await pod.activate();
    await pod.closing();
    await db.database.rows('UPDATE authority SET changed_at = NOW(3) - INTERVAL 11 SECOND');
    pod.session.start();
    await until('it has read the authority', () => pod.session.authority);
    expect(pod.session.holdReason()).toBe('ledger_closed');
  });
});

describe('A Redis that hangs', () => {
  it('does not keep a pod from noticing that its epoch has ended', async () => {
    const { caller } = await pod.serve();
    const gate = new Gate();
    pod.cache.always('read', gate.command);
    await gate.reached;
    await pod.closing();
    await pod.everythingHandedOver(caller.epoch);
    expect(pod.session.view()).toBeNull();
    await pod.recoverFromHandOvers();
    await pod.openDirectly();
    gate.open();
  });

  it('does not keep a pod from working on MySQL while its registration in Redis gets no reply', async () => {
    await pod.activate();
    const gate = new Gate();
    pod.cache.always('register', gate.command);
    pod.session.start();
    await gate.reached;
    const { cacheEpoch } = await pod.closing();
    expect((await pod.everythingHandedOver(cacheEpoch ?? 0)).pods).toEqual({ 'pod-1': 0 });
    await pod.recoverFromHandOvers();
    await pod.openDirectly();
    gate.open();
    pod.cache.always('register', passing);
    // The late reply opens nothing and leaves nothing behind.
    const { epoch } = await pod.activate();
    expect((await pod.open()).caller).toMatchObject({ epoch, podId: 'pod-2' });
    expect(pod.opened).toBe(2);
  });
});
