import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { NOT_HANDED_OVER } from '../../authority/pod/pod-session.ts';
import { Problem } from '../../domain/problem.ts';
import { CacheError } from '../../journal/cache-port.ts';
import { itemOf } from '../../journal/testing/epoch-under-test.ts';
import { Gate, passing } from '../../journal/testing/faulty-cache.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { PodBench } from '../testing/pod-bench.ts';

const url = `redis://127.0.0.1:${inject('redisPort')}/0`;
const AWAY = new Problem('database_unavailable', 'away');
const NO_REDIS = 'Redis does not answer this pod as the server of this epoch';

let db: TestDatabase;
let pod: PodBench;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.reset(0, 'REBUILDING');
  pod = new PodBench(db.database, url);
  await pod.connected();
});
afterEach(async () => {
  vi.restoreAllMocks();
  pod.clock.hurries = true;
  await pod.stop();
});

const podIds = async () => (await pod.store.pods()).map(({ podId }) => podId);
const reported = async () => (await pod.store.livePods())[0];
const inDirect = async (unsettled: number | null = null) =>
  db.database.rows("UPDATE authority SET mode = 'DIRECT', epoch = epoch + 1, cache_epoch = ?", [unsettled]);

describe('A session that starts', () => {
  it('is closed, with the reason, until it has read the authority', async () => {
    expect(pod.session.view()).toBeNull();
    expect(pod.session.direct()).toBeNull();
    expect(pod.session.holdReason()).toBe('database_unavailable');
    expect(pod.session.complaints()).toEqual(['the authority has not been read from MySQL yet']);
    pod.session.start();
    await until('it has read the authority', () => pod.session.authority);
    expect(pod.session.holdReason()).toBe('ledger_switching');
  });

  it('waits for MySQL', async () => {
    pod.away = AWAY;
    await pod.activate();
    pod.session.start();
    const asked = vi.spyOn(pod.store, 'read');
    pod.away = null;
    await pod.open();
    expect(asked).toHaveBeenCalled();
    expect(pod.log.messages('error')).toEqual([]);
  });

  it('distinguishes an outage of MySQL from a bug on our side', async () => {
    pod.away = new Error('no such column');
    pod.session.start();
    await until('it is logged', () => pod.log.messages('error').length > 0);
    expect(pod.log.messages('error')[0]).toBe('the authority could not be read');
    expect(pod.session.view()).toBeNull();
  });

  it('opens when it is registered in MySQL and in Redis, and notifies waiting requests', async () => {
    const { epoch, replid } = await pod.activate();
    pod.session.start();
    const view = await pod.open();
    expect(view.caller).toEqual({ epoch, replid, podId: 'pod-1' });
    expect(await podIds()).toEqual(['pod-1']);
    expect((await pod.scripts.read(view.caller, [])).head.seq).toBe(0);
    expect(pod.opened).toBe(1);
    expect([pod.session.complaints(), pod.session.direct()]).toEqual([[], null]);
  });

  it('does not open on a server other than that of the epoch', async () => {
    await pod.activate();
    await db.database.rows('UPDATE authority SET replid = ?', ['b'.repeat(40)]);
    pod.session.start();
    await until('it has tried', async () => (await podIds()).length > 0);
    await until('it complains', () => pod.session.complaints()[0] === NO_REDIS);
    expect(pod.session.view()).toBeNull();
  });

  it('does not open if the keys of the epoch are not those that were activated', async () => {
    await pod.activate();
    await db.database.rows("UPDATE authority SET marker = 'another'");
    pod.session.start();
    await until('it has tried', async () => (await podIds()).length > 0);
    await until('it complains', () => pod.session.complaints()[0] === NO_REDIS);
    await expect(pod.redis.hget(`${pod.prefix}:{0}:2:ledger`, 'pod:pod-1')).resolves.toBeNull();
  });

  it('does not open in an epoch that has ended before it registers: Redis is not even called', async () => {
    pod.registers = false;
    await pod.activate();
    const reads = vi.spyOn(pod.store, 'read');
    pod.session.start();
    await until('it has tried again', () => reads.mock.calls.length > 2);
    expect([pod.session.view(), pod.cache.calls('register')]).toEqual([null, 0]);
    expect(pod.session.complaints()).toEqual([NO_REDIS]);
    pod.registers = true;
    await pod.open();
  });

  it('registers nowhere while Redis is unavailable, and reports that it runs without Redis', async () => {
    await pod.activate();
    pod.redis.disconnect();
    await until('it is gone', () => pod.redis.status === 'end');
    pod.session.start();
    await until('it has reported', reported);
    expect(await reported()).toMatchObject({ processId: 'pod', redisSeen: false });
    expect([await podIds(), pod.session.complaints()]).toEqual([[], [NO_REDIS]]);
    await pod.redis.connect();
    await pod.open();
    await until('it has reported again', async () => (await reported())?.redisSeen);
  });

  it('opens on MySQL without Redis, and is ready', async () => {
    await inDirect();
    pod.redis.disconnect();
    pod.session.start();
    const { epoch } = await pod.store.read();
    expect(await pod.openDirectly()).toBe(epoch);
    expect([pod.session.view(), pod.opened, pod.session.complaints(), await podIds()]).toEqual([null, 1, [], []]);
  });

  it('has no complaints while the ledger is closed: it serves reads, like all pods', async () => {
    await pod.activate();
    await pod.closing();
    pod.session.start();
    await until('it has read the authority', () => pod.session.authority);
    expect([pod.session.complaints(), pod.session.holdReason()]).toEqual([[], 'ledger_switching']);
    expect(await podIds()).toEqual([]);
  });
});

describe('An open session', () => {
  it('sends heartbeats, and observes and reports what others have written', async () => {
    const view = await pod.serve();
    await db.database.rows("UPDATE processes SET heartbeat_at = '2020-01-01'");
    await db.database.rows("UPDATE pods SET heartbeat_at = '2020-01-01'");
    const other = new PodBench(db.database, url, 'other', pod.prefix);
    await other.connected();
    other.session.start();
    await other.open();
    await other.post();
    await until('it has observed it', () => view.observed === 1);
    await until('it reports it', async () => {
      const row = (await pod.store.pods()).find(({ podId }) => podId === 'pod-1');
      return row?.observed === 1 && row.silentMs < 60_000;
    });
    expect(await until('it lives', reported)).toMatchObject({ redisSeen: true });
    await other.stop();
  });

  it('closes immediately when the connection to Redis is lost, and opens again with the same view: its tail is kept', async () => {
    const view = await pod.serve();
    await pod.post();
    let seenAtClose: unknown = 'nothing';
    pod.redis.once('close', () => {
      seenAtClose = pod.session.view();
    });
    pod.redis.disconnect(true);
    await until('the connection is closed', () => seenAtClose !== 'nothing');
    expect(seenAtClose).toBeNull();
    expect(await pod.open()).toBe(view);
    expect(view.tail.size).toBe(1);
    expect(await podIds()).toEqual(['pod-1']);
    expect(pod.opened).toBe(2);
  });

  it('reports it once; harmless errors, and those of another view, leave it open', async () => {
    const view = await pod.serve();
    for (const harmless of [new Error('x'), new CacheError('stale', 'snapshot'), new CacheError('unable', 'OOM')]) {
      pod.session.suspect(harmless, view);
      expect(pod.session.view()).not.toBeNull();
    }
    pod.session.suspect(new CacheError('in_doubt', 'timed out'), view.renewed('earlier'));
    expect(pod.session.view()).not.toBeNull();
    for (let n = 0; n < 2; n++) pod.session.suspect(new CacheError('in_doubt', 'timed out'), view);
    expect(pod.session.view()).toBeNull();
    expect(pod.log.messages('warn')).toEqual(['Redis is in doubt: holding requests']);
    await pod.open();
  });

  it('reports a lost Redis to MySQL immediately; it stays ready for a moment, to hold requests', async () => {
    await pod.serve();
    await until('it has reported', async () => (await reported())?.redisSeen);
    pod.redis.disconnect();
    await until('it has reported', async () => (await reported())?.redisSeen === false);
    expect(pod.session.complaints()).toEqual([]);
    pod.clock.push(5_000);
    expect(pod.session.complaints()).toEqual([NO_REDIS]);
    await pod.redis.connect();
  });

  it('notices an epoch change even if it slept through it', async () => {
    const before = await pod.serve();
    pod.away = AWAY;
    const { epoch } = await pod.activate();
    pod.away = null;
    const after = await until('it has moved', () => (pod.session.view() === before ? null : pod.session.view()));
    expect(after.caller).toMatchObject({ epoch, podId: 'pod-2' });
    expect(after.tail.size).toBe(0);
  });
});

describe('A pod that was retired while it was paused', () => {
  it('returns under a new id in the same epoch, with everything that it has received', async () => {
    const before = await pod.serve();
    await pod.post();
    await pod.scripts.retire({ ...before.caller, fenceEpoch: before.caller.epoch }, 'pod-1');
    const after = await until('it is open under a new id', () =>
      pod.session.podId === 'pod-2' ? pod.session.view() : null,
    );
    expect(after).not.toBe(before);
    expect(after.caller).toEqual({ ...before.caller, podId: 'pod-2' });
    expect([after.tail.size, after.observed]).toEqual([1, 1]);
    expect(await podIds()).toEqual(['pod-1', 'pod-2']);
    await pod.post();
    expect(after.tail.size).toBe(2);
  });

  it.each([0, 1, 2, 3, 4, 5, 6])(
    'never opens under an id whose end it learns of %i microtasks after the reply',
    async (later) => {
      const view = await pod.serve();
      const opened: (string | undefined)[] = [];
      pod.session.onOpen(() =>
        opened.push(pod.session.podId === pod.session.view()?.caller.podId ? 'its own id' : 'an ended id'),
      );
      pod.cache.next('register', (run) => {
        const reply = run();
        void reply.then(async () => {
          for (let i = 0; i < later; i++) await null;
          pod.session.suspect(new CacheError('refused', 'retired'), view);
        });
        return reply;
      });
      pod.session.suspect(new CacheError('not_sent', 'the connection to Redis was closed'), view);
      await until('it is open under a new id', () => (pod.session.podId === 'pod-2' ? pod.session.view() : null));
      expect(new Set(opened)).toEqual(new Set(['its own id']));
    },
  );

  it('is registered again if a keeper has removed its old id', async () => {
    const view = await pod.serve();
    await pod.scripts.retire({ ...view.caller, fenceEpoch: view.caller.epoch }, 'pod-1');
    await pod.store.removePod('pod-1');
    await until('it is open under a new id', () => (pod.session.podId === 'pod-2' ? pod.session.view() : null));
    expect(await podIds()).toEqual(['pod-2']);
  });
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
    await inDirect();
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
    await inDirect();
    pod.session.start();
    await pod.openDirectly();
  });

  it('stays open on it whether or not Redis responds, and reports whether it does', async () => {
    await until('Redis is seen', async () => (await reported())?.redisSeen);
    pod.redis.disconnect();
    await until('it is lost', async () => (await reported())?.redisSeen === false);
    expect([pod.session.direct() === null, pod.opened, pod.session.complaints()]).toEqual([false, 1, []]);
    await pod.redis.connect();
    await until('Redis is seen again', async () => (await reported())?.redisSeen);
  });

  it('reports Redis as lost if it does not respond despite an open connection', async () => {
    await until('Redis is seen', async () => (await reported())?.redisSeen);
    const ping = vi.spyOn(pod.redis, 'ping').mockRejectedValue(new Error('LOADING'));
    await until('it is lost', async () => (await reported())?.redisSeen === false);
    ping.mockRestore();
    await until('it is seen again', async () => (await reported())?.redisSeen);
  });

  it('holds if a transaction found the authority elsewhere, and reads it again', async () => {
    const epoch = await pod.openDirectly();
    pod.session.moved(epoch - 1);
    expect(pod.session.direct()).toBe(epoch);
    pod.session.moved(epoch);
    expect(pod.session.direct()).toBeNull();
    expect(await pod.openDirectly()).toBe(epoch);
    expect(pod.opened).toBe(2);
  });

  it('is in the later epoch after frozen accounts were recovered: still open, without interruption', async () => {
    const before = await pod.openDirectly();
    await inDirect();
    await until('it is there', () => pod.session.direct() === before + 1);
    expect(pod.opened).toBe(1);
  });

  it('holds while the cache is rebuilt, and opens there', async () => {
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

  it('a new pod knows how long the ledger has been closed', async () => {
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

describe('A session that stops', () => {
  it('removes its registration and its process', async () => {
    await pod.serve();
    await until('it has reported', reported);
    await pod.session.stop();
    expect([await podIds(), await pod.store.livePods()]).toEqual([[], []]);
  });

  it('waits for the flush of what it received, and then removes its registration', async () => {
    const { caller } = await pod.serve();
    await pod.post();
    const stopped = pod.session.stop();
    await pod.flush();
    await stopped;
    expect([await podIds(), await pod.handedOver(caller.epoch)]).toEqual([[], { ids: [], inDoubt: [], pods: {} }]);
  });

  it('applies nothing more when its registration is removed, and Redis rejects its ids', async () => {
    const { caller } = await pod.serve();
    const order = pod.order();
    const removePod = pod.store.removePod.bind(pod.store);
    const atRemoval: unknown[] = [];
    vi.spyOn(pod.store, 'removePod').mockImplementation(async (podId) => {
      atRemoval.push(
        pod.session.view(),
        await pod.scripts.apply(caller, [itemOf(order)]).catch((error: unknown) => error),
      );
      await removePod(podId);
    });
    await pod.session.stop();
    expect(atRemoval).toEqual([null, expect.objectContaining({ kind: 'refused', reason: 'retired' })]);
    expect(await podIds()).toEqual([]);
  });

  it('hands over if Redis does not confirm that it no longer runs anything for the pod', async () => {
    const { caller } = await pod.serve();
    pod.retires = async () => {
      throw new CacheError('in_doubt', 'Command timed out');
    };
    const cuts = pod.cuts;
    await pod.session.stop();
    expect(pod.cuts).toBe(cuts + 1);
    expect(await pod.handedOver(caller.epoch)).toEqual({ ids: [], inDoubt: [], pods: { 'pod-1': 0 } });
  });

  it('hands over what it knows if the flush is stalled: nothing has to wait for it', async () => {
    const { caller } = await pod.serve();
    const id = await pod.post();
    pod.clock.hurries = true;
    await pod.session.stop();
    expect(await pod.handedOver(caller.epoch)).toEqual({ ids: [id], inDoubt: [], pods: { 'pod-1': 1 } });
    expect(await pod.store.livePods()).toEqual([]);
    await pod.closing();
    expect((await pod.recoverFromHandOvers()).mode).toBe('DIRECT');
  });

  it('hands over immediately if Redis is unavailable', async () => {
    const { caller } = await pod.serve();
    const id = await pod.post();
    pod.redis.disconnect();
    await pod.closed();
    await pod.session.stop();
    expect(await pod.handedOver(caller.epoch)).toEqual({ ids: [id], inDoubt: [], pods: { 'pod-1': 1 } });
  });

  it('hands over when it is retired while it waits for the flush', async () => {
    const { caller } = await pod.serve();
    const id = await pod.post();
    const stopped = pod.session.stop();
    // The first read may be the last of the session's loop; the second one happens while the session waits for the
    // flush.
    let reads = 0;
    pod.cache.always('read', async (run) => {
      if (++reads === 2) await pod.scripts.retire({ ...caller, fenceEpoch: caller.epoch }, caller.podId);
      return run();
    });
    await stopped;
    expect(reads).toBe(2);
    expect(await pod.handedOver(caller.epoch)).toEqual({ ids: [id], inDoubt: [], pods: { 'pod-1': 1 } });
  });

  it('retries the hand-over while MySQL fails, but not forever', async () => {
    const { caller } = await pod.serve();
    const id = await pod.post();
    let failures = 2;
    pod.clock.hurries = true;
    pod.keeps = async (kept) => {
      if (failures-- > 0) throw AWAY;
      await kept();
    };
    await pod.session.stop();
    expect((await pod.handedOver(caller.epoch)).ids).toEqual([id]);
  });

  it('hands over if MySQL cannot remove its registration, so that nothing has to wait for it', async () => {
    const { caller } = await pod.serve();
    pod.away = AWAY;
    await pod.session.stop();
    expect(await pod.handedOver(caller.epoch)).toEqual({ ids: [], inDoubt: [], pods: { 'pod-1': 0 } });
    await pod.closing();
    expect((await pod.recoverFromHandOvers()).mode).toBe('DIRECT');
  });

  it('ends even if MySQL is unavailable, and logs that it could not hand over', async () => {
    await pod.serve();
    pod.away = AWAY;
    pod.completes = async () => {
      throw AWAY;
    };
    pod.clock.hurries = true;
    await pod.session.stop();
    expect(pod.log.messages('error')).toEqual([NOT_HANDED_OVER]);
    expect(await podIds()).toEqual(['pod-1']);
  });

  it('ends if MySQL rejects everything, and logs that something could not be handed over', async () => {
    await pod.serve();
    await pod.post();
    pod.keeps = async () => {
      throw AWAY;
    };
    pod.clock.hurries = true;
    await pod.session.stop();
    expect(pod.log.messages('error')).toEqual([NOT_HANDED_OVER]);
    expect(await podIds()).toEqual(['pod-1']);
  });
});
