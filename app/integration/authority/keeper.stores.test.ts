import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../../devstack/system/ports.mjs';
import { order } from '../../journal/testing/epoch-under-test.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { identifyServer } from '../../redis/connection.ts';
import { OwnRedis } from '../../redis/testing/own-redis.ts';
import { KeeperBench, staysIn, stepTo } from '../testing/keeper-bench.ts';

let db: TestDatabase;
let server: OwnRedis;
let bench: KeeperBench;
beforeAll(async () => {
  [db, server] = await Promise.all([migratedDatabase(), OwnRedis.start()]);
});
afterAll(() => Promise.all([db.drop(), server.stop()]));
beforeEach(async () => {
  await db.reset(0, 'DIRECT');
  bench = new KeeperBench(db.database, server.url);
  await bench.redis.connect().catch(() => {});
  await bench.ready();
});
afterEach(() => bench.close());

describe('The first activation', () => {
  it('moves from DIRECT through REBUILDING to CACHE, one step at a time', async () => {
    const keeper = bench.keeper();
    expect(await keeper.step()).toMatchObject({ epoch: 1, mode: 'REBUILDING', cacheEpoch: null });
    const cache = await keeper.step();
    expect(cache).toMatchObject({ epoch: 2, mode: 'CACHE', cacheEpoch: 2, redisNode: server.node });
    const { ageMs: _, ...existing } = cache;
    expect(await keeper.step()).toMatchObject(existing);
    expect(await bench.authority.read()).toMatchObject(existing);
  });

  it('writes the same marker in Redis and in MySQL, and begins the journal at seq 0', async () => {
    await bench.keeper().step();
    const { epoch, format, replid, marker } = await bench.keeper().step();
    const journal = await bench.scripts.journal({ fenceEpoch: epoch, epoch, format, replid: replid ?? '' }, 0, 1);
    expect(journal).toMatchObject({ marker, entries: [], head: { seq: 0, cursor: 0, evictedUpTo: 0 } });
    expect(marker).toMatch(/^[0-9a-f]{32}$/);
    expect(await bench.flushStore.cursor()).toMatchObject({ epoch, seq: 0 });
  });

  it('requires lookups for ids that MySQL may have: up to its largest id time, and at least the last minute', async () => {
    const late = Date.now() + 50_000;
    await db.database.rows('UPDATE flush_cursor SET id_time_max = ?', [late]);
    const first = await bench.begin();
    expect((await bench.scripts.read(first.pod, [])).head.lookupHorizon).toBe(late);
    await db.reset(10, 'DIRECT');
    const before = Date.now();
    const second = await bench.begin();
    const { lookupHorizon } = (await bench.scripts.read(second.pod, [])).head;
    expect(lookupHorizon).toBeGreaterThanOrEqual(before - 60_000);
    expect(lookupHorizon).toBeLessThanOrEqual(Date.now() - 60_000);
  });

  it('removes the pods of earlier epochs', async () => {
    await db.database.rows("INSERT INTO pods (pod_id, epoch) VALUES ('old', 0)");
    await bench.keeper().step();
    await bench.keeper().step();
    expect(await bench.authority.pods()).toEqual([]);
  });
});

describe('A keeper that died between the script and the row', () => {
  it('is replaced by another: its marker is kept, and nothing is created again', async () => {
    const activate = async () => {
      throw new Error('killed');
    };
    const first = bench.keeper('first', { recoveryStore: { activate } });
    await first.step();
    await expect(first.step()).rejects.toThrow('killed');
    const { replid } = await identifyServer(bench.redis);
    const left = await bench.scripts.journal({ fenceEpoch: 2, epoch: 2, format: 1, replid }, 0, 1);
    expect(left.marker).toMatch(/^[0-9a-f]{32}$/);
    // Registers a pod, as if the epoch were already in use: a second creation would then be visible.
    await bench.scripts.register({ epoch: 2, format: 1, replid, podId: 'pod' }, left.marker ?? '');
    const cache = await stepTo(bench.keeper('second'), 'CACHE');
    expect(cache).toMatchObject({ epoch: 2, marker: left.marker });
    await bench.scripts.read({ epoch: 2, format: 1, replid, podId: 'pod' }, []);
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
    const epoch = await bench.serve(bench.keeper('early'));
    await epoch.apply(order('t1'));
    const woken = bench.keeper('woken', { authority: { read: async () => rebuilding } });
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
  ])(
    'is rejected for %s %s, with the reason logged once, and accepted when that is fixed',
    async (name, wrong, right) => {
      await config(name, wrong);
      const keeper = bench.keeper();
      for (let n = 0; n < 3; n++) expect(await keeper.step()).toMatchObject({ epoch: 0, mode: 'DIRECT' });
      expect(bench.complaints()).toEqual([
        `this Redis may not hold the ledger: ${name} is ${wrong}, but must be ${right}`,
      ]);
      await config(name, right);
      expect(await keeper.step()).toMatchObject({ mode: 'REBUILDING' });
    },
  );

  it('is rejected at the last moment, too: nothing is activated', async () => {
    const keeper = bench.keeper();
    await keeper.step();
    await config('appendfsync', 'no');
    expect(await keeper.step()).toMatchObject({ epoch: 1, mode: 'REBUILDING' });
    expect(await bench.redis.keys(`${bench.prefix}:*`)).toEqual([]);
    await config('appendfsync', 'always');
  });

  it('is rejected as a replica', async () => {
    await bench.redis.call('ACL', 'SETUSER', 'default', '+@all');
    await bench.redis.replicaof('127.0.0.1', await freePort());
    expect(await bench.keeper().step()).toMatchObject({ epoch: 0, mode: 'DIRECT' });
    expect(bench.complaints()).toEqual([expect.stringContaining('its role is slave')]);
    await bench.redis.replicaof('NO', 'ONE');
    await bench.redis.call('ACL', 'SETUSER', 'default', '-replicaof', '-slaveof', '-psync', '-sync');
  });
});

describe('On the way to the cache', () => {
  it('the mode becomes DIRECT again once Redis has been unavailable for long enough', async () => {
    const keeper = bench.keeper();
    await keeper.step();
    bench.redis.disconnect();
    expect(await staysIn(keeper, 'REBUILDING')).toMatchObject({ epoch: 1 });
    await db.database.rows('UPDATE authority SET changed_at = NOW(3) - INTERVAL 2 MINUTE');
    // The authority has been in REBUILDING for a long time, but Redis has not been unavailable for that long.
    expect(await staysIn(keeper, 'REBUILDING')).toMatchObject({ epoch: 1 });
    bench.clock.push(61_000);
    expect(await keeper.step()).toMatchObject({ epoch: 2, mode: 'DIRECT', cacheEpoch: null });
    expect(await staysIn(keeper, 'DIRECT')).toMatchObject({ epoch: 2 });
  });

  it('the same time limit applies to a Redis that has become unsuitable', async () => {
    await bench.keeper().step();
    await bench.redis.config('SET', 'appendfsync', 'no');
    const keeper = bench.keeper();
    expect(await staysIn(keeper, 'REBUILDING')).toMatchObject({ epoch: 1 });
    await db.database.rows('UPDATE authority SET changed_at = NOW(3) - INTERVAL 2 MINUTE');
    expect(await keeper.step()).toMatchObject({ epoch: 2, mode: 'DIRECT' });
    await bench.redis.config('SET', 'appendfsync', 'always');
    await stepTo(keeper, 'CACHE');
  });

  it('a Redis with a later epoch is left alone: the mode becomes DIRECT, and that Redis is not tried again immediately', async () => {
    const keeper = bench.keeper();
    const [row] = await db.database.rows<{ ledger_id: string }>('SELECT ledger_id FROM ledger_identity');
    await bench.redis.set(`${bench.prefix}:{0}:owner`, row?.ledger_id ?? '');
    await bench.redis.set(`${bench.prefix}:{0}:fence`, '99');
    expect(await keeper.step()).toMatchObject({ epoch: 1, mode: 'REBUILDING' });
    expect(await keeper.step()).toMatchObject({ epoch: 2, mode: 'DIRECT' });
    expect((await bench.moves()).at(-1)?.reason).toBe('Redis cannot begin the epoch: refused: fenced');
    expect(bench.complaints()).toContain('this Redis cannot begin epoch 2: refused: fenced');
    expect(await staysIn(keeper, 'DIRECT')).toMatchObject({ epoch: 2 });
    bench.clock.push(11_000);
    expect(await keeper.step()).toMatchObject({ epoch: 3, mode: 'REBUILDING' });
    expect(await bench.redis.get(`${bench.prefix}:{0}:fence`)).toBe('99');
  });
});

describe('A Redis whose user lacks permissions', () => {
  const user = (rule: string) => bench.redis.call('ACL', 'SETUSER', 'default', rule);
  /** Restores the permission as another user, because the default user may no longer be allowed to. */
  async function withoutRule(rule: string, work: () => Promise<void>): Promise<void> {
    await bench.redis.call('ACL', 'SETUSER', 'admin', 'on', 'nopass', '~*', '&*', '+@all');
    const admin = new Redis(server.url.replace('redis://', 'redis://admin:x@'));
    await user(`-${rule}`);
    try {
      await work();
    } finally {
      await admin.call('ACL', 'SETUSER', 'default', `+${rule}`);
      await admin.call('ACL', 'DELUSER', 'admin');
      admin.disconnect();
    }
  }

  it('is not waited for in REBUILDING: the mode becomes DIRECT, and the reason is logged', async () => {
    const keeper = bench.keeper();
    await keeper.step();
    await withoutRule('scan', async () => {
      await staysIn(keeper, 'REBUILDING');
      await db.database.rows('UPDATE authority SET changed_at = NOW(3) - INTERVAL 2 MINUTE');
      expect(await keeper.step()).toMatchObject({ epoch: 2, mode: 'DIRECT' });
      expect(bench.complaints()).toEqual([expect.stringContaining("no permissions to run the 'scan' command")]);
      await staysIn(keeper, 'DIRECT');
    });
    bench.clock.push(11_000);
    await stepTo(keeper, 'CACHE');
  });

  it('is reported if it refuses to be inspected', async () => {
    await withoutRule('info', async () => {
      await staysIn(bench.keeper(), 'DIRECT');
      expect(bench.complaints()).toEqual([expect.stringMatching(/^Redis cannot be inspected: .*info/)]);
    });
  });

  it('is reported if it refuses the connection of a keeper while it serves', async () => {
    const keeper = bench.keeper();
    await bench.begin(keeper);
    Object.assign(bench.redis.options, { username: 'nobody', password: 'wrong' });
    bench.redis.disconnect(true);
    await until('the refusal is logged', async () => {
      await keeper.step();
      return bench.complaints().length > 0;
    });
    expect(bench.complaints()).toEqual([expect.stringMatching(/^Redis cannot be inspected: .*WRONGPASS/)]);
  });

  it('does not get the authority while it refuses CONFIG; the log names the setting with which an operator can vouch for it', async () => {
    await withoutRule('config', async () => {
      await staysIn(bench.keeper(), 'DIRECT');
      expect(bench.complaints()).toEqual([expect.stringMatching(/refuses CONFIG GET: .* REDIS_MANAGED=true/)]);
    });
  });
});

describe('From DIRECT, after Redis was lost', () => {
  /** Lost this many times recently. */
  const lost = async (times: number) => {
    for (let n = 1; n <= times; n++) {
      await db.database.rows(
        "INSERT INTO authority_log (epoch, mode, changed_by, reason) VALUES (?, 'CLOSING', '', '')",
        [-n],
      );
    }
  };
  const timing = { steadyAfterMs: 60_000 };

  it.each([
    [1, 60_000],
    [2, 120_000],
    [3, 240_000],
    [20, 480_000],
  ])('%i times recently, it must be stable for %i ms', async (times, neededMs) => {
    await lost(times);
    const keeper = bench.keeper('k', { timing });
    expect(await staysIn(keeper, 'DIRECT')).toMatchObject({ epoch: 0 });
    bench.clock.push(neededMs - 20_000);
    expect(await staysIn(keeper, 'DIRECT', 1)).toMatchObject({ epoch: 0 });
    bench.clock.push(20_000);
    expect(await keeper.step()).toMatchObject({ mode: 'REBUILDING' });
  });

  it('long ago, it need not prove stability', async () => {
    await lost(3);
    await db.database.rows('UPDATE authority_log SET changed_at = NOW(3) - INTERVAL 6 MINUTE');
    expect(await bench.keeper('k', { timing }).step()).toMatchObject({ mode: 'REBUILDING' });
  });

  it('every interruption restarts the stability period', async () => {
    await lost(1);
    const keeper = bench.keeper('k', { timing });
    await keeper.step();
    bench.clock.push(50_000);
    const inspect = vi.spyOn(bench.redis, 'info').mockRejectedValue(new Error('away'));
    await keeper.step();
    inspect.mockRestore();
    bench.clock.push(20_000);
    expect(await staysIn(keeper, 'DIRECT', 2)).toMatchObject({ epoch: 0 });
    bench.clock.push(60_000);
    expect(await keeper.step()).toMatchObject({ mode: 'REBUILDING' });
  });

  it('most live pods must reach it, too; silent pods are not counted', async () => {
    for (const processId of ['one', 'two']) await bench.report(processId, false);
    await bench.report('three', true);
    const keeper = bench.keeper();
    expect(await staysIn(keeper, 'DIRECT')).toMatchObject({ epoch: 0 });
    await db.database.rows("UPDATE processes SET heartbeat_at = NOW(3) - INTERVAL 6 SECOND WHERE process_id = 'one'");
    expect(await keeper.step()).toMatchObject({ mode: 'REBUILDING' });
  });
});

describe('The keys of old epochs', () => {
  it('are not created again by a late activation: the fence is above them before they are deleted', async () => {
    const first = await bench.begin();
    await bench.closing();
    await bench.handOver(first.pod, {});
    // A keeper that did not reach this Redis recovered the epoch, so the fence there was not raised.
    const blind = new KeeperBench(db.database, 'redis://127.0.0.1:1/0', bench.prefix);
    expect(await blind.keeper('blind').step()).toMatchObject({ mode: 'DIRECT' });
    blind.close();
    const activate = bench.scripts.activate.bind(bench.scripts);
    const late: unknown[] = [];
    vi.spyOn(bench.scripts, 'activate').mockImplementation(async (...asked) => {
      late.push(await activate(first.pod, first.pod.replid, 'late', 0).catch((error: unknown) => error));
      return activate(...asked);
    });
    await stepTo(bench.keeper(), 'CACHE');
    expect(late).toMatchObject([{ kind: 'refused', reason: 'fenced' }]);
    vi.restoreAllMocks();
  });

  it('are deleted when the next one begins, but not those of other ledgers', async () => {
    const keeper = bench.keeper();
    const first = await bench.serve(keeper);
    await first.apply(order('t1'));
    const others = [
      `${bench.prefix}:{0}:fence`,
      `${bench.prefix}x:{0}:${first.pod.epoch}:ledger`,
      `${bench.prefix}:bull:x`,
    ];
    for (const key of others.slice(1)) await bench.redis.set(key, '1');
    expect(await bench.redis.keys(`${bench.prefix}:{0}:${first.pod.epoch}:*`)).not.toEqual([]);
    await bench.closing();
    await stepTo(keeper, 'CACHE');
    expect(await bench.redis.keys(`${bench.prefix}:{0}:${first.pod.epoch}:*`)).toEqual([]);
    expect(await bench.redis.exists(...others)).toBe(3);
  });
});
