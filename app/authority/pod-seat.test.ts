import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { systemClock } from '../clock.ts';
import { Problem } from '../errors.ts';
import { CacheError } from '../ledger/cache/port.ts';
import { RedisScripts } from '../ledger/cache/scripts.ts';
import { type Authority, AuthorityStore } from '../store/authority-store.ts';
import { migratedDatabase, type TestDatabase } from '../testing/database.ts';
import { account, EpochUnderTest, itemOf, order } from '../testing/ledger.ts';
import { keptLog } from '../testing/log.ts';
import { randomPrefix } from '../testing/redis.ts';
import { until } from '../testing/until.ts';
import { type PodAuthority, PodSeat } from './pod-seat.ts';
import { connectRedis, identifyServer } from './redis-server.ts';

const url = `redis://127.0.0.1:${inject('redisPort')}/0`;
const by = { keeper: 'k', reason: 'r' };

let db: TestDatabase;
let store: AuthorityStore;
let redis: ReturnType<typeof connectRedis>;
let scripts: RedisScripts;
let seat: PodSeat;
let log: ReturnType<typeof keptLog>;
let authority: PodAuthority;
let opened = 0;
/** When set, MySQL answers everything with it. */
let away: Error | null = null;
/** When false, the authority has moved between its reading and the registration. */
let registers = true;

beforeAll(async () => {
  db = await migratedDatabase();
  store = new AuthorityStore(db.database);
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.reset(0, 'DIRECT');
  redis = connectRedis({ url, connectTimeoutMs: 1000, commandTimeoutMs: 1500 });
  scripts = new RedisScripts(redis, randomPrefix());
  log = keptLog();
  opened = 0;
  away = null;
  registers = true;
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    if (away) throw away;
    return work();
  };
  authority = {
    read: () => guarded(() => store.read()),
    register: (podId, epoch) => guarded(async () => registers && store.register(podId, epoch)),
    heartbeat: (podId, seen, observed) => guarded(() => store.heartbeat(podId, seen, observed)),
    removePod: (podId) => guarded(() => store.removePod(podId)),
  };
  await until('Redis is connected', () => redis.status === 'ready');
  seat = startSeat();
});
afterEach(async () => {
  await seat.stop();
  redis.disconnect();
});

function startSeat(): PodSeat {
  let pods = 0;
  const made = new PodSeat({
    authority: { ...authority, read: () => authority.read() },
    cache: scripts,
    clock: systemClock,
    logger: log,
    heartbeatMs: 20,
    newPodId: () => `pod-${++pods}`,
    redisReady: () => redis.status === 'ready',
    onAuthority: () => {},
  });
  redis.on('close', () => made.lostRedis());
  made.onOpen(() => {
    opened += 1;
  });
  made.start();
  return made;
}

/** Activates the next epoch on this Redis, as a keeper would. */
async function activate(): Promise<Authority & { replid: string }> {
  const now = await store.read();
  const { replid } = await identifyServer(redis);
  const epoch = now.epoch + 1;
  const marker = await scripts.activate(epoch, replid, 'marker', 0);
  await store.move(now, { mode: 'CACHE', cacheEpoch: epoch, redisNode: 'n', replid, marker }, by);
  return { epoch, mode: 'CACHE', cacheEpoch: epoch, redisNode: 'n', replid, marker };
}
const open = () => until('the seat is open', () => seat.view());
const closed = () => until('the seat is closed', () => seat.view() === null);
const podIds = async () => (await store.pods()).map(({ podId }) => podId);

describe('A seat', () => {
  it('is closed, and says why, until the authority is with the cache', async () => {
    expect(seat.view()).toBeNull();
    expect(seat.holdReason()).toBe('database_unavailable');
    expect(seat.complaints()).toEqual(['MySQL has not told who has the authority']);
    await until('it has read the authority', () => seat.authority);
    expect(seat.complaints()).toEqual(['the authority is DIRECT']);
    expect(seat.holdReason()).toBe('ledger_switching');
    expect(seat.databaseSeen).toBe(true);
  });

  it('opens when it is registered in MySQL and in Redis, and tells who waits', async () => {
    const { epoch, replid } = await activate();
    const view = await open();
    expect(view.caller).toEqual({ epoch, replid, podId: 'pod-1' });
    expect(await podIds()).toEqual(['pod-1']);
    expect((await scripts.read(view.caller, [])).head.seq).toBe(0);
    expect(opened).toBe(1);
    expect(seat.complaints()).toEqual([]);
  });

  it('sends heartbeats, that say whether it sees Redis, and observes what others have written', async () => {
    await activate();
    const view = await open();
    await db.database.rows("UPDATE pods SET heartbeat_at = '2020-01-01', redis_seen = 0");
    await until('it was heard', async () => (await store.pods())[0]?.redisSeen);
    expect((await store.pods())[0]?.silentMs).toBeLessThan(60_000);
    const other = new EpochUnderTest(scripts, view.caller.epoch, view.caller.replid);
    await scripts.register(other.pod);
    await scripts.install(other.pod, [account('world'), account('ada')], 0, 10);
    await other.apply(order('t1'));
    await until('it has observed it', () => view.observed === 1);
    await until('it reports it', async () => (await store.observedIn(view.caller.epoch)) === 1);
  });

  it('does not open on another server than the one of the epoch', async () => {
    const now = await store.read();
    await store.move(now, { mode: 'CACHE', cacheEpoch: 1, redisNode: 'n', replid: 'b'.repeat(40), marker: 'm' }, by);
    await until('it has tried', async () => (await podIds()).length > 0);
    await until('it complains', () => seat.complaints()[0] === 'Redis does not answer as the server of this epoch');
    expect(seat.view()).toBeNull();
  });

  it('does not open in an epoch that has passed when it registers: Redis is not even asked', async () => {
    registers = false;
    const asked = vi.spyOn(scripts, 'register');
    await activate();
    await until('it complains', () => seat.complaints()[0] === 'Redis does not answer as the server of this epoch');
    const reads = vi.spyOn(store, 'read');
    await until('it has tried again', () => reads.mock.calls.length > 1);
    expect(seat.view()).toBeNull();
    expect(asked).not.toHaveBeenCalled();
    registers = true;
    await open();
  });

  it('does not open while its connection to Redis is down', async () => {
    redis.disconnect();
    const other = connectRedis({ url, connectTimeoutMs: 1000, commandTimeoutMs: 1500 });
    await until('the other is connected', () => other.status === 'ready');
    const { replid } = await identifyServer(other);
    await store.move(await store.read(), { mode: 'CACHE', cacheEpoch: 1, redisNode: 'n', replid, marker: 'm' }, by);
    await until('it knows the epoch', () => seat.authority?.mode === 'CACHE');
    expect(seat.complaints()).toEqual(['Redis does not answer as the server of this epoch']);
    expect(await podIds()).toEqual([]);
    other.disconnect();
  });
});

describe('When the connection to Redis is lost, the seat', () => {
  it('closes at once, and opens again with the same view: its tail is kept', async () => {
    await activate();
    const view = await open();
    await scripts.install(view.caller, [account('world'), account('ada')], 0, 10);
    const { entries, head } = await scripts.apply(view.caller, [itemOf(order('t1'))]);
    view.keep(entries, 0);
    view.observe(head);
    let seenAtClose: unknown = 'nothing';
    redis.once('close', () => {
      seenAtClose = seat.view();
    });
    redis.disconnect(true);
    await until('the connection is closed', () => seenAtClose !== 'nothing');
    expect(seenAtClose).toBeNull();
    expect(await open()).toBe(view);
    expect(view.tail.size).toBe(1);
    expect(await podIds()).toEqual(['pod-1']);
    expect(opened).toBe(2);
  });

  it('says so once, and no more than that: errors that mean nothing leave it open', async () => {
    await activate();
    await open();
    for (const harmless of [new Error('x'), new CacheError('stale', 'snapshot'), new CacheError('unable', 'OOM')]) {
      seat.suspect(harmless);
      expect(seat.view()).not.toBeNull();
    }
    seat.suspect(new CacheError('in_doubt', 'timed out'));
    seat.suspect(new CacheError('in_doubt', 'timed out'));
    expect(seat.view()).toBeNull();
    expect(log.messages('warn')).toEqual(['the cache is in doubt: holding']);
    await open();
  });
});

describe('In another epoch the seat', () => {
  it('closes with the old one, and opens with a new view under a new pod id', async () => {
    const first = await activate();
    const before = await open();
    const { redisNode, replid, marker, cacheEpoch } = first;
    await store.move(first, { mode: 'CLOSING', redisNode, replid, marker, cacheEpoch }, by);
    await closed();
    expect(seat.complaints()).toEqual(['the authority is CLOSING']);
    expect(log.messages('warn')).toContain('the epoch has ended');
    await activate();
    const after = await open();
    expect(after).not.toBe(before);
    expect(after.caller).toMatchObject({ epoch: 3, podId: 'pod-2' });
    expect(seat.podId).toBe('pod-2');
    expect(after.tail.size).toBe(0);
  });

  it('notices also when it has slept through the change', async () => {
    await activate();
    const before = await open();
    await activate();
    await until('it has moved', () => seat.view() !== null && seat.view() !== before);
    expect(seat.view()?.caller).toMatchObject({ epoch: 2, podId: 'pod-2' });
  });
});

describe('A pod that was retired', () => {
  it('comes back under a new id, with a new view', async () => {
    const { epoch, replid } = await activate();
    const before = await open();
    await scripts.retire({ fenceEpoch: epoch, epoch, replid }, 'pod-1');
    const after = await until('it is open under a new id', () => (seat.podId === 'pod-2' ? seat.view() : null));
    expect(after).not.toBe(before);
    expect(after.caller).toEqual({ epoch, replid, podId: 'pod-2' });
    expect(await podIds()).toEqual(['pod-1', 'pod-2']);
  });
});

describe('While MySQL is away the seat', () => {
  it('goes on in its epoch', async () => {
    await activate();
    const view = await open();
    away = new Problem('database_unavailable', 'away');
    const reads = vi.spyOn(authority, 'read');
    await until('it has missed MySQL again and again', () => !seat.databaseSeen && reads.mock.calls.length > 3);
    expect(seat.view()).toBe(view);
    expect(opened).toBe(1);
    expect((await scripts.read(view.caller, [])).head.seq).toBe(0);
    expect(seat.complaints()).toEqual([]);
    seat.lostRedis();
    expect(await open()).toBe(view);
    expect(log.messages('error')).toEqual([]);
  });

  it('closes the moment that Redis says that the epoch has ended', async () => {
    const { epoch, replid } = await activate();
    await open();
    away = new Problem('database_unavailable', 'away');
    await scripts.fence(epoch + 1, replid);
    await closed();
    expect(seat.complaints()).toEqual(['Redis does not answer as the server of this epoch']);
  });

  it('cannot open anew, and tells apart an outage from our own mistake', async () => {
    away = new Error('no such column');
    await until('it is told', () => log.messages('error').length > 0);
    expect(log.messages('error')[0]).toBe('the authority could not be read');
    expect(seat.view()).toBeNull();
  });
});

describe('When it stops, the seat', () => {
  it('gives its registration back', async () => {
    await activate();
    await open();
    await seat.stop();
    expect(await podIds()).toEqual([]);
  });

  it('keeps its registration while something of it waits to be persisted', async () => {
    await activate();
    const view = await open();
    await scripts.install(view.caller, [account('world'), account('ada')], 0, 10);
    view.keep((await scripts.apply(view.caller, [itemOf(order('t1'))])).entries, 0);
    await seat.stop();
    expect(await podIds()).toEqual(['pod-1']);
  });

  it('ends even when MySQL is away', async () => {
    await activate();
    await open();
    away = new Problem('database_unavailable', 'away');
    await seat.stop();
    expect(await podIds()).toEqual(['pod-1']);
  });
});
