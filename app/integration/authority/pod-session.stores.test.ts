import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CacheError } from '../../journal/cache-port.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { AWAY, PodBench } from '../testing/pod-bench.ts';

const NO_REDIS = 'Redis does not answer this pod as the server of this epoch';

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
    expect(view.caller).toEqual({ epoch, format: 1, replid, podId: 'pod-1' });
    expect(await pod.podIds()).toEqual(['pod-1']);
    expect((await pod.scripts.read(view.caller, [])).head.seq).toBe(0);
    expect(pod.opened).toBe(1);
    expect([pod.session.complaints(), pod.session.direct()]).toEqual([[], null]);
  });

  it('does not open on a server other than that of the epoch', async () => {
    await pod.activate();
    await db.database.rows('UPDATE authority SET replid = ?', ['b'.repeat(40)]);
    pod.session.start();
    await until('it has tried', async () => (await pod.podIds()).length > 0);
    await until('it complains', () => pod.session.complaints()[0] === NO_REDIS);
    expect(pod.session.view()).toBeNull();
  });

  it('does not open if the keys of the epoch are not those that were activated', async () => {
    await pod.activate();
    await db.database.rows("UPDATE authority SET marker = 'another'");
    pod.session.start();
    await until('it has tried', async () => (await pod.podIds()).length > 0);
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
    await until('it has reported', () => pod.reported());
    expect(await pod.reported()).toMatchObject({ processId: 'pod', redisSeen: false });
    expect([await pod.podIds(), pod.session.complaints()]).toEqual([[], [NO_REDIS]]);
    await pod.redis.connect();
    await pod.open();
    await until('it has reported again', async () => (await pod.reported())?.redisSeen);
  });

  it('opens on MySQL without Redis, and is ready', async () => {
    await pod.moveToMysql();
    pod.redis.disconnect();
    pod.session.start();
    const { epoch } = await pod.store.read();
    expect(await pod.openDirectly()).toBe(epoch);
    expect([pod.session.view(), pod.opened, pod.session.complaints(), await pod.podIds()]).toEqual([null, 1, [], []]);
  });

  it('reports no complaints while the ledger is closed: it serves reads, like all pods', async () => {
    await pod.activate();
    await pod.closing();
    pod.session.start();
    await until('it has read the authority', () => pod.session.authority);
    expect([pod.session.complaints(), pod.session.holdReason()]).toEqual([[], 'ledger_switching']);
    expect(await pod.podIds()).toEqual([]);
  });
});

describe('An open session', () => {
  it('sends heartbeats, and observes and reports what others have written', async () => {
    const view = await pod.serve();
    await db.database.rows("UPDATE processes SET heartbeat_at = '2020-01-01'");
    await db.database.rows("UPDATE pods SET heartbeat_at = '2020-01-01'");
    const other = await pod.another();
    await other.post();
    await until('it has observed it', () => view.observed === 1);
    await until('it reports it', async () => {
      const row = (await pod.store.pods()).find(({ podId }) => podId === 'pod-1');
      return row?.observed === 1 && row.silentMs < 60_000;
    });
    expect(await until('it reports again', () => pod.reported())).toMatchObject({ redisSeen: true });
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
    expect(await pod.podIds()).toEqual(['pod-1']);
    expect(pod.opened).toBe(2);
  });

  it('closes on an error that puts Redis in doubt, and logs it once; harmless errors, and those of another view, leave it open', async () => {
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
    await until('it has reported', async () => (await pod.reported())?.redisSeen);
    pod.redis.disconnect();
    await until('it has reported', async () => (await pod.reported())?.redisSeen === false);
    expect(pod.session.complaints()).toEqual([]);
    pod.clock.push(5_000);
    expect(pod.session.complaints()).toEqual([NO_REDIS]);
    await pod.redis.connect();
  });

  it('notices an epoch change even if it was paused during the change', async () => {
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
    expect(await pod.podIds()).toEqual(['pod-1', 'pod-2']);
    await pod.post();
    expect(after.tail.size).toBe(2);
  });

  it.each([0, 1, 2, 3, 4, 5, 6])(
    'never opens under an id if it learns, %i microtasks after the reply, that the id has ended',
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
    expect(await pod.podIds()).toEqual(['pod-2']);
  });
});
