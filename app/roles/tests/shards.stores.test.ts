import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { orderOf } from '../../domain/testing/orders.ts';
import { until } from '../../kernel/testing/until.ts';
import { SqlBooks } from '../../mysql/ledger/books.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { OwnRedis, randomPrefix } from '../../redis/testing/own-redis.ts';
import { type Context, createContext } from '../context.ts';
import { startKeeper } from '../keeper-role.ts';
import { opsOf } from '../ops.ts';
import { createPodShard, type PodShard, servedShard } from '../pod-shard.ts';
import { adoptIdentities } from '../shard-identities.ts';
import { ShardReadiness } from '../shard-readiness.ts';
import { testConfig } from '../testing/test-context.ts';

const SHARDS = 3;
let databases: TestDatabase[];
let servers: OwnRedis[];
const contexts: Context[] = [];
const stops: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  databases = await Promise.all(Array.from({ length: SHARDS }, () => migratedDatabase()));
  await adoptIdentities(testConfig(databases.map(({ url }) => url).join(' '), { SHARDS: String(SHARDS) }));
  servers = await Promise.all(Array.from({ length: SHARDS }, () => OwnRedis.start()));
});
afterAll(async () => {
  await Promise.all(databases.map((db) => db.drop()));
  await Promise.all(servers.map((server) => server.stop()));
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  for (const context of contexts.splice(0)) await context[Symbol.asyncDispose]();
});

const prefix = randomPrefix();
const newAccount = (accountId: string) => ({
  ...{ accountId, currency: 'EUR', overdraftLimit: 0, name: null, external: true, limits: null },
});
async function context(env: Record<string, string> = {}): Promise<Context> {
  const made = await createContext(
    testConfig(databases.map(({ url }) => url).join(' '), {
      SHARDS: String(SHARDS),
      REDIS_URL: servers.map(({ url }) => url).join(' '),
      KEY_PREFIX: prefix,
      HEARTBEAT_MS: '50',
      ...env,
    }),
  );
  contexts.push(made);
  return made;
}

async function startedKeeper(): Promise<Context> {
  const made = await context({ ROLE: 'keeper' });
  const { stop } = await startKeeper(made);
  stops.push(stop);
  return made;
}

/** The shards of a pod, with two accounts in each. */
async function startedPod(): Promise<PodShard[]> {
  const { shards } = await context();
  const pod = shards.map(createPodShard);
  for (const { context: shard, session } of pod) {
    session.start();
    stops.push(() => session.stop());
    const books = new SqlBooks({ database: shard.database, clock: shard.clock });
    await books.openAccounts(['world', 'ada'].map(newAccount), 'test');
  }
  await until('every shard is open', () => pod.every(({ session }) => session.view() !== null));
  return pod;
}

async function post({ ledger }: PodShard) {
  const order = orderOf({ destination: 'ada' });
  const [answer] = await ledger.apply([order], 'cache');
  return { transactionId: order.transactionId, answer };
}
const metricsOf = async ({ metrics }: Context) => (await metrics.text()).split('\n');

describe('A process with several shards', () => {
  it('serves each shard as a ledger of its own, with its own Redis and database', async () => {
    const keeper = await startedKeeper();
    const pod = await startedPod();
    for (const [index, shard] of pod.entries()) {
      const { transactionId, answer } = await post(shard);
      expect(answer).toMatchObject({ status: 'POSTED' });
      await until('only its own database has it', async () => {
        const found = await Promise.all(
          databases.map(({ database }) =>
            database.rows('SELECT 1 FROM transfers WHERE transaction_id = ?', [transactionId]),
          ),
        );
        return found.every((rows, at) => rows.length === (at === index ? 1 : 0)) && found[index]?.length === 1;
      });
    }
    const lines = await metricsOf(keeper);
    for (let shard = 0; shard < SHARDS; shard++) {
      expect(lines).toContain(`holdfast_authority_mode{mode="CACHE",shard="${shard}"} 1`);
      expect(lines.some((line) => line.startsWith(`holdfast_flush_batch_size_count{shard="${shard}"} `))).toBe(true);
    }
  });

  it('reports all shards to operators, and requires every change to name its shard by number', async () => {
    await startedKeeper();
    const pod = await startedPod();
    const ops = opsOf(pod);
    expect(await ops.status()).toMatchObject({
      mode: 'CACHE',
      shards: [
        { shard: 0, mode: 'CACHE', pod: { open: true } },
        { shard: 1, mode: 'CACHE' },
        { shard: 2, mode: 'CACHE' },
      ],
    });
    const loss = { epoch: 1, reason: 'the node was destroyed' };
    await expect((async () => ops.acceptLoss(loss, 'me'))()).rejects.toThrow('`shard` must be a number from 0 to 2');
    await expect(ops.acceptLoss({ shard: 1, ...loss }, 'me')).rejects.toMatchObject({ code: 'authority_moved' });
  });

  it('continues to serve the other shards when one Redis is killed, and serves that shard from MySQL', async () => {
    await startedKeeper();
    const pod = await startedPod();
    const [first, second, third] = pod;
    if (!first || !second || !third) throw new Error('no shard');
    const { clock, logger, processId } = first.context;
    const shards = pod.map(servedShard);
    const readiness = new ShardReadiness({ clock, processId, logger: logger.log, shards });
    const watching = new AbortController();
    const watched = readiness.watch(watching.signal);
    stops.push(async () => {
      watching.abort();
      await watched;
    });
    await servers[1]?.kill();
    let direct = false;
    const moved = until('shard 1 is in DIRECT', () => second.session.direct() !== null).then(() => {
      direct = true;
    });
    while (!direct) {
      for (const shard of [first, third]) expect((await post(shard)).answer).toMatchObject({ status: 'POSTED' });
      expect(readiness.complaints()).toEqual([]);
    }
    await moved;
    expect((await post(second)).answer).toMatchObject({ status: 'POSTED' });
    expect(await opsOf(pod).status()).toMatchObject({ mode: 'MIXED' });
    await servers[1]?.startAgain();
    await until('it is back', () => second.session.view() !== null);
    expect((await post(second)).answer).toMatchObject({ status: 'POSTED' });
  });
});
