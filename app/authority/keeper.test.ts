import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/stack/ports.mjs';
import { migratedDatabase, type TestDatabase } from '../testing/database.ts';
import { order } from '../testing/ledger.ts';
import { OwnRedis } from '../testing/redis.ts';
import { until } from '../testing/until.ts';
import type { KeeperAuthority } from './keeper.ts';
import { identifyServer } from './redis-server.ts';
import { KeeperBench, stepTo } from './testing/keeper-bench.ts';

let db: TestDatabase;
let server: OwnRedis;
let bench: KeeperBench;
beforeAll(async () => {
  [db, server] = await Promise.all([migratedDatabase(), OwnRedis.start()]);
});
afterAll(() => Promise.all([db.drop(), server.stop()]));
beforeEach(async () => {
  await db.reset(0, 'DIRECT');
  await db.database.rows('UPDATE authority SET cache_epoch = NULL');
  bench = new KeeperBench(db.database, server.url);
  await bench.redis.connect().catch(() => {});
  await bench.ready();
});
afterEach(() => bench.close());

describe('The first activation', () => {
  it('goes from DIRECT by REBUILDING to CACHE, one step at a time', async () => {
    const keeper = bench.keeper();
    expect(await keeper.step()).toMatchObject({ epoch: 1, mode: 'REBUILDING', cacheEpoch: null });
    const cache = await keeper.step();
    expect(cache).toMatchObject({ epoch: 2, mode: 'CACHE', cacheEpoch: 2, redisNode: server.node });
    expect(await keeper.step()).toEqual(cache);
    expect(await bench.authority.read()).toEqual(cache);
  });

  it('writes the same marker in Redis and in MySQL, and begins the journal at seq 0', async () => {
    await bench.keeper().step();
    const { epoch, replid, marker } = await bench.keeper().step();
    const journal = await bench.scripts.journal({ fenceEpoch: epoch, epoch, replid: replid ?? '' }, 0, 1);
    expect(journal).toMatchObject({ marker, entries: [], head: { seq: 0, cursor: 0, dropped: 0 } });
    expect(marker).toMatch(/^[0-9a-f]{32}$/);
    expect(await bench.flushStore.cursor()).toMatchObject({ epoch, seq: 0 });
  });

  it('has ids looked up that MySQL may have: up to its largest id time, and the last minute at least', async () => {
    const late = Date.now() + 50_000;
    await db.database.rows('UPDATE flush_cursor SET id_time_max = ?', [late]);
    const first = await bench.begin();
    expect((await bench.scripts.read(first.pod, [])).head.m).toBe(late);
    await db.reset(10, 'DIRECT');
    const before = Date.now();
    const second = await bench.begin();
    const { m } = (await bench.scripts.read(second.pod, [])).head;
    expect(m).toBeGreaterThanOrEqual(before - 60_000);
    expect(m).toBeLessThanOrEqual(Date.now() - 60_000);
  });

  it('forgets the pods of epochs before', async () => {
    await db.database.rows("INSERT INTO pods (pod_id, epoch) VALUES ('old', 0)");
    await bench.keeper().step();
    await bench.keeper().step();
    expect(await bench.authority.pods()).toEqual([]);
  });
});

describe('A keeper that died between the script and the row', () => {
  it('is taken over: the marker that it left stands, and nothing is created again', async () => {
    const dying: KeeperAuthority = {
      read: () => bench.authority.read(),
      observedIn: async () => 0,
      move: async (from, to, by, also) => {
        if (to.mode === 'CACHE') throw new Error('killed');
        return bench.authority.move(from, to, by, also);
      },
    };
    const first = bench.keeper('first', dying);
    await first.step();
    await expect(first.step()).rejects.toThrow('killed');
    const { replid } = await identifyServer(bench.redis);
    const left = await bench.scripts.journal({ fenceEpoch: 2, epoch: 2, replid }, 0, 1);
    expect(left.marker).toMatch(/^[0-9a-f]{32}$/);
    // As if its epoch had been worked in already: a second creation would be seen.
    await bench.scripts.register({ epoch: 2, replid, podId: 'pod' });
    const cache = await stepTo(bench.keeper('second'), 'CACHE');
    expect(cache).toMatchObject({ epoch: 2, marker: left.marker });
    await bench.scripts.read({ epoch: 2, replid, podId: 'pod' }, []);
  });
});

describe('Keepers that race', () => {
  it('move the authority once per epoch, and agree on the marker', async () => {
    const keepers = Array.from({ length: 4 }, (_, n) => bench.keeper(`keeper-${n}`));
    const modes = await Promise.all(keepers.map((keeper) => stepTo(keeper, 'CACHE')));
    expect(new Set(modes.map(({ epoch, marker }) => `${epoch} ${marker}`)).size).toBe(1);
    const log = await db.database.rows<{ epoch: number; mode: string }>(
      'SELECT epoch, mode FROM authority_log ORDER BY epoch',
    );
    expect(log).toEqual([
      { epoch: 1, mode: 'REBUILDING' },
      { epoch: 2, mode: 'CACHE' },
    ]);
  });

  it('cannot wipe an epoch in which pods write: the later one finds it active', async () => {
    const late = bench.keeper('late');
    await bench.keeper('early').step();
    const rebuilding = await bench.authority.read();
    const epoch = await bench.begin(bench.keeper('early'));
    await bench.open(epoch);
    await epoch.apply(order('t1'));
    const asleep: KeeperAuthority = {
      read: async () => rebuilding,
      observedIn: async () => 0,
      move: (from, to, by, also) => bench.authority.move(from, to, by, also),
    };
    const woken = bench.keeper('woken', asleep);
    await woken.step();
    await late.step();
    expect(await epoch.headSeq()).toBe(1);
    expect((await bench.scripts.read(epoch.pod, ['ada'])).accounts[0]?.balance).toBe(100);
  });
});

describe('A Redis that may not hold the ledger', () => {
  const config = (name: string, value: string) => bench.redis.config('SET', name, value);
  it.each([
    ['appendfsync', 'everysec', 'always'],
    ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
    ['no-appendfsync-on-rewrite', 'yes', 'no'],
    ['appendonly', 'no', 'yes'],
  ])('is refused for %s %s, with the reason said once, and taken when it is put right', async (name, wrong, right) => {
    await config(name, wrong);
    const keeper = bench.keeper();
    for (let n = 0; n < 3; n++) expect(await keeper.step()).toMatchObject({ epoch: 0, mode: 'DIRECT' });
    expect(bench.complaints()).toEqual([`this Redis may not hold the ledger: ${name} is ${wrong}, must be ${right}`]);
    await config(name, right);
    expect(await keeper.step()).toMatchObject({ mode: 'REBUILDING' });
  });

  it('is refused at the last moment, too: nothing is activated', async () => {
    const keeper = bench.keeper();
    await keeper.step();
    await config('appendfsync', 'no');
    expect(await keeper.step()).toMatchObject({ epoch: 1, mode: 'REBUILDING' });
    expect(await bench.redis.keys(`${bench.prefix}:*`)).toEqual([]);
    await config('appendfsync', 'always');
  });

  it('is refused as a replica', async () => {
    await bench.redis.call('ACL', 'SETUSER', 'default', '+@all');
    await bench.redis.replicaof('127.0.0.1', await freePort());
    expect(await bench.keeper().step()).toMatchObject({ epoch: 0, mode: 'DIRECT' });
    expect(bench.complaints()).toEqual([expect.stringContaining('its role is slave')]);
    await bench.redis.replicaof('NO', 'ONE');
    await bench.redis.call('ACL', 'SETUSER', 'default', '-replicaof', '-slaveof', '-psync', '-sync');
  });
});

describe('In the cache', () => {
  it('the epoch is closed when the server has another history or another role', async () => {
    const keeper = bench.keeper();
    const epoch = await bench.begin(keeper);
    await db.database.rows('UPDATE authority SET replid = ?', ['b'.repeat(40)]);
    expect(await keeper.step()).toMatchObject({ mode: 'CLOSING', cacheEpoch: epoch.pod.epoch });
    const [line] = await db.database.rows<{ reason: string }>(
      "SELECT reason FROM authority_log WHERE mode = 'CLOSING'",
    );
    expect(line?.reason).toBe(`Redis answers as master ${epoch.pod.replid}`);
  });

  it('nothing moves while Redis does not answer: a keeper alone knows too little', async () => {
    const keeper = bench.keeper();
    const epoch = await bench.begin(keeper);
    bench.redis.disconnect();
    await expect(keeper.step()).rejects.toThrow();
    expect(await bench.authority.read()).toMatchObject({ epoch: epoch.pod.epoch, mode: 'CACHE' });
  });

  it('the keys of old epochs are swept when the next one begins, and nobody else’s', async () => {
    const keeper = bench.keeper();
    const first = await bench.begin(keeper);
    await bench.open(first);
    await first.apply(order('t1'));
    const others = [
      `${bench.prefix}:{0}:fence`,
      `${bench.prefix}x:{0}:${first.pod.epoch}:ledger`,
      `${bench.prefix}:bull:x`,
    ];
    for (const key of others.slice(1)) await bench.redis.set(key, '1');
    expect(await bench.redis.keys(`${bench.prefix}:{0}:${first.pod.epoch}:*`)).not.toEqual([]);
    await bench.authority.move(
      await bench.authority.read(),
      { mode: 'CLOSING', ...(await standing()) },
      { keeper: 'k', reason: 'r' },
    );
    await stepTo(keeper, 'CACHE');
    await until(
      'the old keys are gone',
      async () => (await bench.redis.keys(`${bench.prefix}:{0}:${first.pod.epoch}:*`)).length === 0,
    );
    expect(await bench.redis.exists(...others)).toBe(3);
  });
});

async function standing() {
  const { cacheEpoch, redisNode, replid, marker } = await bench.authority.read();
  return { cacheEpoch, redisNode, replid, marker };
}
