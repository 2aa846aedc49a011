import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../devstack/system/ports.mjs';
import { loadConfig } from '../../config/config.ts';
import { shardOfAccount } from '../../domain/account-shard.ts';
import { inOrder, lostOutOrder } from '../../domain/crossing.ts';
import { orderOf } from '../../domain/testing/orders.ts';
import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { OwnLedger } from '../../mysql/connection/own-ledger.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { SqlRestoredShard } from '../../mysql/ledger/restored-shard.ts';
import { migrate } from '../../mysql/schema/data-source.ts';
import { emptyDatabase, poolOptions } from '../../mysql/testing/test-database.ts';
import { OwnRedis } from '../../redis/testing/own-redis.ts';
import { startApi } from '../../roles/api-role.ts';
import { startKeeper } from '../../roles/keeper-role.ts';
import { API_KEY, Role, RolesUnderTest } from '../../roles/testing/roles-under-test.ts';
import { quickPod } from '../../roles/testing/sharded-roles.ts';
import { processOf, testConfig, testContext } from '../../roles/testing/test-context.ts';
import { checkOf } from './check.ts';
import { CannotSplit, Split, type SplitPlan } from './split.ts';
import { ACCOUNTS, CUSTOMERS, expectIdempotent, live, member, newId, readAll, sent } from './testing/small-economy.ts';

const PAGE_ROWS = 7;
const PAGES_BEFORE_CRASH = 4;

type Fresh = Awaited<ReturnType<typeof emptyDatabase>>;
const cleanUps: (() => Promise<unknown>)[] = [];
let single: RolesUnderTest;
beforeAll(async () => {
  single = await RolesUnderTest.start();
  cleanUps.push(() => single.stop());
});
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

async function inDirect(roles: { request: Role['request'] }): Promise<void> {
  await until('MySQL decides everywhere', async () => {
    const { json } = await roles.request('GET', '/v1/ops/status');
    return json['mode'] === 'DIRECT' && (json['recovery'] ?? null) === null;
  });
}
/** Simulates that more than a minute has passed since the processes were stopped. */
async function restAMinute(urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    await using database = new Database(poolOptions(url));
    for (const table of ['processes', 'keepers'])
      await database.rows(`UPDATE ${table} SET heartbeat_at = NOW(3) - INTERVAL 2 MINUTE`);
  }
}

/** A ledger with several shards, in these databases. */
class Many {
  readonly urls: readonly string[];
  readonly servers: readonly OwnRedis[];
  readonly roles: Role[] = [];
  constructor(urls: readonly string[], servers: readonly OwnRedis[]) {
    this.urls = urls;
    this.servers = servers;
  }
  settings(env: Record<string, string> = {}) {
    return {
      SHARDS: String(this.urls.length),
      REDIS_URL: this.servers.map(({ url }) => url).join(' '),
      KEY_PREFIX: single.prefix,
      BOOTSTRAP_API_KEY: API_KEY,
      HEARTBEAT_MS: '50',
      POD_RETIRE_AFTER_MS: '1000',
      REDIS_LOST_AFTER_MS: '500',
      REDIS_LOST_BY_PODS_AFTER_MS: '250',
      REDIS_STEADY_AFTER_MS: '200',
      ...env,
    };
  }
  async start(): Promise<Role> {
    const context = (env: Record<string, string>) => testContext(testConfig(this.urls.join(' '), this.settings(env)));
    const ofKeeper = await context({ ROLE: 'keeper', ADMIN_PORT: String(await freePort()) });
    this.roles.push(new Role(ofKeeper, await startKeeper({ ...processOf(ofKeeper), shards: ofKeeper.process.shards })));
    const ofApi = await context({});
    const api = new Role(ofApi, await startApi(quickPod(ofApi)));
    this.roles.push(api);
    await api.ready();
    await until('Redis decides everywhere', async () => {
      const { json } = await api.request('GET', '/v1/ops/status');
      const shards = json['shards'] as { pod: { open: boolean } }[];
      return json['mode'] === 'CACHE' && shards.every(({ pod }) => pod.open);
    });
    return api;
  }
  async stop(): Promise<void> {
    for (const role of this.roles.splice(0).reverse()) await role.stop();
  }
}

async function freshDatabases(count: number): Promise<string[]> {
  const fresh: Fresh[] = await Promise.all(Array.from({ length: count }, () => emptyDatabase()));
  cleanUps.push(() => Promise.all(fresh.map(({ drop }) => drop())));
  return fresh.map(({ url }) => url);
}
const planFor = (oldUrls: readonly string[], newUrls: readonly string[], more: Partial<SplitPlan> = {}): SplitPlan => ({
  config: loadConfig({
    ...{ ROLE: 'keeper', REDIS_URL: 'redis://127.0.0.1:1', SHARDS: String(oldUrls.length) },
    MYSQL_URL: oldUrls.join(' '),
  }),
  ...{ shards: newUrls.length, mysqlUrl: newUrls.join(' '), log: () => {}, pageRows: PAGE_ROWS },
  ...more,
});
async function run(plan: SplitPlan, phase: 'check' | 'prepare' | 'finish' | 'undo'): Promise<string> {
  await using split = new Split(plan);
  try {
    await split[phase]();
    return 'done';
  } catch (error) {
    if (error instanceof CannotSplit) return error.message;
    throw error;
  }
}
/** Prepares a split whose command crashes again and again. */
async function prepareInCrashes(oldUrls: readonly string[], newUrls: readonly string[]): Promise<void> {
  for (let crashes = 0; ; crashes++) {
    let pages = 0;
    const onPage = () => {
      pages += 1;
      if (pages > PAGES_BEFORE_CRASH) throw new Error('crash');
    };
    const answer = await run(planFor(oldUrls, newUrls, { onPage }), 'prepare').catch((error: Error) => error.message);
    if (answer === 'crash') continue;
    expect(answer).toBe('done');
    expect(crashes).toBeGreaterThan(5);
    return;
  }
}
/**
 * Makes a transfer between two shards as a recovery from a backup leaves it: the account of losses has paid, because
 * the debit of the source is lost.
 */
async function loseADebit(urls: readonly string[]): Promise<void> {
  const [source, destination] = [0, 1].map((shard) => CUSTOMERS.find((id) => shardOfAccount(id, 2) === shard)) as [
    string,
    string,
  ];
  const body = { transactionId: newId(), sourceAccount: source, destinationAccount: destination };
  const order = orderOf({ ...body, transactionId: body.transactionId, source, destination, amount: 100 });
  const transit = '~transit:EUR:0';
  const inner = { currency: 'EUR', external: true, overdraftLimit: 0, name: null, limits: null };
  const legs = [
    lostOutOrder(order, { transit, toShard: 1, refusal: null }),
    inOrder(order, { transit, fromShard: 0 }),
  ] as const;
  // As in reality, the transfer arrives before its debit is written again.
  for (const shard of [1, 0] as const) {
    await using database = new Database(poolOptions(urls[shard] ?? ''));
    const [authority] = await database.rows<{ epoch: number }>('SELECT epoch FROM authority');
    const store = new SqlRestoredShard({ database, clock: systemClock, epoch: authority?.epoch ?? 0 });
    await store.open(['~loss:EUR', transit].map((accountId) => ({ accountId, ...inner })));
    expect(await store.apply([legs[shard]])).toMatchObject([{ status: 'POSTED' }]);
  }
  sent.push({
    path: '/v1/transfers',
    body: { ...body, amount: '1.00', currency: 'EUR' },
    status: 201,
    code: undefined,
  });
}
async function expectBlocked(url: string, shards: number): Promise<void> {
  await using database = new Database({ ...poolOptions(url), ledger: new OwnLedger({ shard: 0, shards }) });
  await expect(database.rows('SELECT 1')).rejects.toThrow('which is being or has been split, not to shard 0');
}

describe('npm run shards -- split', () => {
  it('divides a ledger with one shard and a ledger with several, and clients notice nothing', async () => {
    await single.keeper();
    const api = await single.api();
    await api.ready();
    for (const accountId of ACCOUNTS) {
      const body = { accountId, currency: 'EUR', external: accountId === 'world' };
      expect((await api.request('POST', '/v1/accounts', body)).status).toBe(201);
    }
    await until('the calendar is there', async () => {
      const limits = { dailyDebitMax: '5000.00' };
      return (await api.request('PATCH', '/v1/accounts/customer-3', { limits })).status === 200;
    });
    await live(api);
    const target = await freshDatabases(2);
    const one = [single.db.url];
    expect(await run(planFor(one, target), 'check')).toMatch(/the authority is CACHE_2|processes have used/);
    await single.redis.kill();
    await inDirect(api);
    await live(api);
    expect(await run(planFor(one, target), 'prepare')).toMatch(/processes have used old shard 0/);
    const before = await readAll(api);
    await expectIdempotent(api);
    await single.stopRoles();
    await restAMinute(one);

    // An undone split leaves the ledger as it was, and its copy can never become final.
    const undone = await freshDatabases(2);
    expect(await run(planFor(one, undone), 'prepare')).toBe('done');
    await expectBlocked(single.db.url, 1);
    expect(await run(planFor(one, undone), 'undo')).toBe('done');
    expect(await run(planFor(one, undone), 'finish')).toMatch(/the old databases are in use/);
    expect(await run(planFor(one, undone), 'prepare')).toMatch(/by a split that was undone/);
    expect(await run(planFor(one, undone), 'undo')).toBe('done');

    expect(await run(planFor(one, target), 'finish')).toMatch(/prepare the split first/);
    await prepareInCrashes(one, target);
    await expectBlocked(single.db.url, 1);
    await expectBlocked(target[0] ?? '', 2);
    await expect(
      run(
        planFor(one, target, {
          log: () => {
            throw new Error('crash');
          },
        }),
        'finish',
      ),
    ).rejects.toThrow('crash');
    expect(await run(planFor(one, target), 'undo')).toMatch(/this split is final/);
    await expectBlocked(target[0] ?? '', 2);
    expect(await run(planFor(one, target), 'finish')).toBe('done');
    expect(await run(planFor(one, target), 'finish')).toBe('done');
    await expectBlocked(single.db.url, 1);
    const others = await freshDatabases(2);
    for (const url of others) await migrate(url);
    expect(await run(planFor(one, others), 'finish')).toMatch(/the new shard 0 is not verified/);

    const servers = await Promise.all([OwnRedis.start(), OwnRedis.start()]);
    cleanUps.push(() => Promise.all(servers.map((server) => server.stop())));
    const two = new Many(target, servers);
    cleanUps.push(() => two.stop());
    await expectSame(two, before);

    // Then the ledger is split from two shards into four. Some of its transfers were already between shards.
    for (const server of servers) await server.kill();
    const apiOfTwo = two.roles.at(-1) as Role;
    await inDirect(apiOfTwo);
    const noCrossingIsOpen = () =>
      until('no crossing is open', async () => {
        const { faults, crossings } = await checkOf(
          loadConfig({ ...two.settings(), MYSQL_URL: target.join(' '), ROLE: 'keeper' }),
          60,
        );
        return crossings.length === 0 && faults.every((fault) => fault.includes('Redis'));
      });
    await noCrossingIsOpen();
    await loseADebit(target);
    await noCrossingIsOpen();
    const beforeSecond = await readAll(apiOfTwo);
    await two.stop();
    await restAMinute(target);
    const finer = await freshDatabases(4);
    await prepareInCrashes(target, finer);
    expect(await run(planFor(target, finer), 'finish')).toBe('done');
    for (const server of servers) await server.startAgain();
    const four = new Many(finer, [...servers, ...servers]);
    cleanUps.push(() => four.stop());
    await expectSame(four, beforeSecond);
    await four.stop();
  });

  it('refuses a ledger that it cannot divide, and names the reason', async () => {
    const roles = await RolesUnderTest.start();
    cleanUps.push(() => roles.stop());
    await roles.keeper();
    const api = await roles.api();
    await api.ready();
    const [left, right] = [0, 1].map((shard) => CUSTOMERS.find((id) => shardOfAccount(id, 2) === shard)) as [
      string,
      string,
    ];
    for (const accountId of ['world', left, right])
      await api.request('POST', '/v1/accounts', { accountId, currency: 'EUR', external: accountId === 'world' });
    await api.request('POST', '/v1/transfers', member('world', left, '100.00'));
    await api.request('POST', '/v1/transfers', member('world', right, '100.00'));
    const groupId = newId();
    const holdId = newId();
    await api.request('POST', '/v1/transfers/group', {
      groupId,
      transfers: [member(left, right, '1.00'), member(right, left, '0.50')],
    });
    const hold = { holdId, account: left, destinationAccount: right, amount: '1.00', currency: 'EUR' };
    expect((await api.request('POST', '/v1/holds', hold)).status).toBe(201);
    await roles.redis.kill();
    await inDirect(api);
    await roles.stopRoles();
    await restAMinute([roles.db.url]);
    const target = await freshDatabases(2);
    const answer = await run(planFor([roles.db.url], target), 'prepare');
    expect(answer).toContain(`group ${groupId} would span the new shards`);
    expect(answer).toContain(`open hold ${holdId} would span the new shards`);
    // Nothing was blocked.
    await using database = new Database({
      ...poolOptions(roles.db.url),
      ledger: new OwnLedger({ shard: 0, shards: 1 }),
    });
    expect(await database.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await database.rows('CREATE TABLE of_a_later_release (`id` INT PRIMARY KEY)');
    await database.rows('INSERT INTO of_a_later_release VALUES (1)');
    expect(await run(planFor([roles.db.url], target), 'check')).toContain('cannot handle: of_a_later_release');
    const three = [...target, 'mysql://127.0.0.1/another'];
    expect(() => new Split(planFor([roles.db.url, 'mysql://127.0.0.1/old'], three))).toThrow('not a multiple of 2');
    expect(() => new Split(planFor([roles.db.url], [...target, ...target]))).toThrow('a database of its own');
  });
});
/** Clients read what they read before, every retry gets its answer, and the ledger continues to work. */
async function expectSame(ledger: Many, before: Record<string, unknown>): Promise<void> {
  const api = await ledger.start();
  expect(await readAll(api)).toEqual(before);
  await expectIdempotent(api);
  await live(api);
  const reversed = sent.findLast(({ path }) => path.endsWith('/reversal'));
  expect(reversed?.status).toBe(201);
  for (const url of ledger.urls) {
    await using database = new Database(poolOptions(url));
    await until('the new log has the states of all accounts', async () => {
      return (await database.rows('SELECT 1 FROM accounts WHERE salt IS NULL LIMIT 1')).length === 0;
    });
  }
  await until('the books are clean', async () => {
    const { json } = await api.request('POST', '/v1/ops/reconciliations');
    const { crossings, shards } = json as { crossings: { clean: boolean; open: number }; shards: { clean: boolean }[] };
    return crossings.clean && crossings.open === 0 && shards.every(({ clean }) => clean);
  });
}
