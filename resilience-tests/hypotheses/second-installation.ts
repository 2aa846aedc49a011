import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client, silence } from '../../verification/harness/client.ts';
import { Cluster } from '../../verification/harness/cluster.ts';
import { RedisServer } from '../../verification/harness/redis-server.ts';
import type { Service } from '../../verification/harness/service.ts';
import { sleep, until } from '../../verification/harness/time.ts';
import { fieldsOf } from '../../verification/load/answers.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import type { Ground, Hypothesis, Scene } from '../harness/hypothesis.ts';
import { ledgerIdIn, SecondInstallation } from '../harness/second-installation.ts';
import { NONE } from '../harness/seen.ts';

interface WithSecond extends Ground<Cluster> {
  second: SecondInstallation;
}

const SOON_MS_MAX = 30_000;
const KEY_PREFIX = 'hf';

export const secondInstallation: Hypothesis<WithSecond> = {
  name: 'second-installation',
  expectation:
    'A second installation with its own MySQL and the same KEY_PREFIX is pointed at the Redis of the first. The scripts of the second installation are refused; it reports the conflict, serves from MySQL, and changes nothing in Redis. No request of the first installation fails. With a Redis of its own, the second installation works normally.',
  pauseMsMax: 1_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 1 } },
  load: BUSY_LOAD,
  async ground() {
    const cluster = await Cluster.start();
    try {
      const second = await SecondInstallation.beside(cluster);
      return { stack: cluster, second, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  },
  async fault(scene) {
    const { stack: cluster, second } = scene.ground;
    const before = await stateOf(cluster);
    scene.mark('the second installation starts on the Redis of the first');
    const { pod, keeper } = await second.processesOn(cluster.redis);
    await Promise.all([pod.start(), keeper.start()]);
    using client = new Client(() => [pod.url], cluster.file.apiKey);
    await isRefused(scene, { pod, keeper, client, owner: before.owner });
    await transfer(scene, client, 'in DIRECT');
    await sleep(scene.short ? 2_000 : 10_000);
    await Promise.all([pod.stop(), keeper.stop()]);
    scene.mark('the second installation has stopped');
    await touchedNothing(scene, before);

    const dir = join(cluster.dir, 'second', 'redis');
    mkdirSync(dir);
    const own = cluster.add(await RedisServer.in({ dir, stack: cluster.dir }));
    await own.start();
    scene.mark('the second installation starts on its own Redis');
    const works = await second.processesOn(own);
    await Promise.all([works.pod.start(), works.keeper.start()]);
    using again = new Client(() => [works.pod.url], cluster.file.apiKey);
    await until('the second installation serves from its own Redis', SOON_MS_MAX, async () => {
      return (await statusOf(again))['mode'] === 'CACHE';
    });
    await transfer(scene, again, 'from its own Redis');
    if ((await foreignIn(works.keeper)) !== '0') scene.wrong('its own Redis is reported as foreign');
    await Promise.all([works.pod.stop(), works.keeper.stop()]);
  },
  afterwards({ wrong }, { moves }) {
    if (moves.length > 0)
      wrong(`the authority of the first installation moved: ${moves.map(({ what }) => what).join(', ')}`);
  },
};

/** The cluster is new, so its rules are in format 2. */
const keysOf = (epoch: number): string => `${KEY_PREFIX}:{0}:f2:${epoch}:`;

interface State {
  owner: string;
  epoch: number;
  fence: string;
  /** The ids that pods have registered in the epoch. */
  pods: readonly string[];
}

/** The state that a keeper of the second installation would change first. */
async function stateOf(cluster: Cluster): Promise<State> {
  const [row] = await cluster.query('SELECT epoch FROM authority WHERE shard = 0');
  const epoch = Number(row?.['epoch']);
  const fields = await cluster.redis.call('HKEYS', `${keysOf(epoch)}ledger`);
  return {
    owner: await ledgerIdIn((sql) => cluster.query(sql)),
    epoch,
    fence: String(await cluster.redis.call('GET', `${KEY_PREFIX}:{0}:fence`)),
    pods: (fields as string[]).filter((field) => field.startsWith('pod:')).sort(),
  };
}

/**
 * Checks that the second installation reports the conflict in its log, metric and status, and that its pod is ready,
 * because it can serve from MySQL.
 */
async function isRefused(
  { wrong }: Scene<WithSecond>,
  { pod, keeper, client, owner }: { pod: Service; keeper: Service; client: Client; owner: string },
): Promise<void> {
  await until('the second keeper logs which ledger owns the Redis', SOON_MS_MAX, () =>
    keeper.log.includes(`belongs to another ledger (${owner})`),
  ).catch(({ message }: Error) => wrong(message));
  if ((await foreignIn(keeper)) !== '1') wrong('the second keeper does not report the foreign Redis in its metric');
  const { mode, redisOwner } = await statusOf(client);
  const { state, owner: named } = fieldsOf(redisOwner);
  if (mode !== 'DIRECT' || state !== 'foreign' || named !== owner)
    wrong(`the status of the second installation is ${JSON.stringify({ mode, redisOwner })}`);
  const { status } = await fetch(`${pod.url}/readyz`);
  if (status !== 200) wrong(`the second pod is not ready: ${status}`);
}

async function touchedNothing({ ground, wrong }: Scene<WithSecond>, before: State): Promise<void> {
  const { stack: cluster, second } = ground;
  const now = await stateOf(cluster);
  if (JSON.stringify(now) !== JSON.stringify(before))
    wrong(`the state of the first installation was ${JSON.stringify(before)}, but is now ${JSON.stringify(now)}`);
  const owner = String(await cluster.redis.call('GET', `${KEY_PREFIX}:{0}:owner`));
  if (owner !== before.owner) wrong(`the Redis of the first installation belongs to ${owner}`);
  // The names of job queues contain the identity of the ledger, so both ledgers may have queues.
  const queues = [before.owner, await second.ledgerId()].map((id) => `${KEY_PREFIX}:{0}:bull:${id}:`);
  const own = [`${KEY_PREFIX}:{0}:owner`, `${KEY_PREFIX}:{0}:fence`, keysOf(before.epoch), ...queues];
  const keys = (await cluster.redis.call('KEYS', '*')) as string[];
  const strange = keys.filter((key) => !own.some((start) => key.startsWith(start)));
  if (strange.length > 0) wrong(`keys that do not belong to the first installation: ${strange.slice(0, 5).join(', ')}`);
}

async function transfer({ wrong, note }: Scene<WithSecond>, client: Client, how: string): Promise<void> {
  const accounts = ['second-world', 'second-ann'].map((accountId) => ({ accountId, currency: 'EUR', external: true }));
  await client.post('/v1/accounts/batch', { accounts });
  const order = { sourceAccount: 'second-world', destinationAccount: 'second-ann', amount: '1.00', currency: 'EUR' };
  const { status, body } = await client.post('/v1/transfers', order).catch(silence);
  const { destinationBalance } = fieldsOf(body);
  if (status !== 201)
    wrong(`the transfer of the second installation ${how} was answered with ${status} ${JSON.stringify(body)}`);
  note(`a transfer of the second installation ${how}: ${status}, balance ${destinationBalance}`);
}

const statusOf = async (client: Client) => fieldsOf((await client.get('/v1/ops/status').catch(silence)).body);

/** The value of the gauge in the keeper's metrics. */
async function foreignIn(keeper: Service): Promise<string | undefined> {
  const text = await fetch(`${keeper.url}/metrics`).then((response) => response.text());
  return /^holdfast_redis_foreign (\d)$/m.exec(text)?.[1];
}
