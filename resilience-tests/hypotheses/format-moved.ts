import { Client, type Reply, silence } from '../../verification/harness/client.ts';
import type { Cluster } from '../../verification/harness/cluster.ts';
import type { Service } from '../../verification/harness/service.ts';
import { now, sleep, until } from '../../verification/harness/time.ts';
import { fieldsOf } from '../../verification/load/answers.ts';
import type { Hypothesis, Scene } from '../harness/hypothesis.ts';
import { CLOSED, NONE } from '../harness/seen.ts';
import { endOld, inSeconds, startBeside, UPGRADE, type Upgrade } from '../harness/upgrading.ts';

const REASON = 'Test: every pod and keeper runs the new release.';
const FORMER_ACCOUNTS = ['format-world', 'format-ann'].map((accountId) => ({
  accountId,
  currency: 'EUR',
  external: true,
}));
/** Short timeouts, so that a held request is answered before the experiment ends. */
const HELD = { REQUEST_TIMEOUT_MS: '3000', MYSQL_QUERY_TIMEOUT_MS: '2000', MYSQL_LOCK_WAIT_TIMEOUT_S: '1' };
const IN_FLIGHT = 100;
const BACK_MS_MAX = 30_000;
/** Only format 2 has groups and holds. */
const GROUPS_AND_HOLDS = { groups: 0.02, holds: 0.05 };

export const formatMoved: Hypothesis<Upgrade> = {
  ...UPGRADE,
  name: 'format-moved-beside-0.1.0',
  expectation:
    'After the upgrade from 0.1.0, an operator moves the rules to format 2 under load. The command is refused while processes of 0.1.0 run. Before the move, a pod and a keeper of 0.1.0 are paused with requests in flight. After the move, they are resumed, and another pod and keeper of 0.1.0 start. None of them changes anything, and no transfer gets an outcome from them. After the move, the load includes groups and holds. No request of the load fails.',
  pauseMsMax: 5_000,
  errorsAllowed: NONE,
  async fault(scene) {
    await startBeside(scene);
    await isRefused(scene);
    const sleepers = await sleepersOf(scene);
    await endOld(scene);
    await forgetFormer(scene.ground.stack);
    await move(scene);
    await formerChangesNothing(scene, sleepers);
  },
  afterwards({ wrong }, { moves }) {
    const way = moves.map(({ mode }) => mode).join(' ');
    if (way !== 'CLOSING REBUILDING CACHE') wrong(`the authority moved: ${way}`);
  },
};

export const formatMovedRedisKilled: Hypothesis<Upgrade> = {
  ...UPGRADE,
  name: 'format-moved-redis-killed',
  expectation:
    'Like format-moved-beside-0.1.0, but Redis is killed at the moment of the move and restarted two seconds later, and the keeper that made the last step is killed. The epoch of format 1 is recovered, and the next one has format 2; from then on, the load includes groups and holds.',
  pauseMsMax: 20_000,
  // Transfers that are in doubt when Redis is killed wait for its return.
  errorsAllowed: new RegExp(`${CLOSED.source}|^account_unsettled$`),
  async fault(scene) {
    const { stack: cluster } = scene.ground;
    await startBeside(scene);
    await endOld(scene);
    await forgetFormer(cluster);
    const moving = command(scene.ground, false).catch(silence);
    await until('the ledger closes', BACK_MS_MAX, async () => (await nameOfMode(cluster)) !== 'CACHE');
    scene.mark('Redis is killed');
    await cluster.redis.kill();
    await scene.ground.keepers[0]?.kill();
    scene.mark('a keeper is killed');
    await sleep(2_000);
    await cluster.redis.start();
    scene.note(`the command was answered with ${(await moving).status}`);
    await until('the ledger is in CACHE in format 2', BACK_MS_MAX, async () => {
      return (await nameOfMode(cluster)) === 'CACHE_2';
    });
    scene.mark('the ledger is in CACHE in format 2');
    scene.send(GROUPS_AND_HOLDS);
  },
};

const nameOfMode = async (cluster: Cluster): Promise<string> =>
  String((await cluster.query('SELECT `mode` FROM authority WHERE shard = 0'))[0]?.['mode']);

/** Sends the command to a pod of this release, because HAProxy may choose one of 0.1.0, which does not support it. */
async function command({ stack, pods: [pod] }: Upgrade, dryRun: boolean): Promise<Reply> {
  using operator = new Client(() => [pod?.url ?? ''], stack.file.apiKey);
  const { epoch } = fieldsOf((await operator.get('/v1/ops/status')).body);
  // Awaited here, because the client is disposed of when this function returns.
  return await operator.post('/v1/ops/format', { epoch, dryRun, reason: REASON });
}

async function isRefused({ ground, note, wrong }: Scene<Upgrade>): Promise<void> {
  const { obstacles } = fieldsOf((await command(ground, true)).body);
  const refused = await command(ground, false);
  if (refused.status !== 409) wrong(`while 0.1.0 runs, the move was answered with ${refused.status}`);
  note(
    `while 0.1.0 runs: ${(obstacles as unknown[]).length} obstacles, and the move is answered with ${refused.status}`,
  );
}

interface Sleepers {
  pod: Service;
  keeper: Service;
  /** The pod's answers to its clients, before it was paused and after it was resumed, by transaction id. */
  answers: Map<string, Reply>;
  inFlight: Promise<unknown>;
}

/** Starts a pod and a keeper of 0.1.0, lets them serve, and pauses them with requests in flight. */
async function sleepersOf({ ground, mark, wrong }: Scene<Upgrade>): Promise<Sleepers> {
  const [pod, keeper] = [await ground.former('api', 91, HELD), await ground.former('keeper', 91)];
  await Promise.all([pod.start(), keeper.start()]);
  const client = new Client(() => [pod.url], ground.stack.file.apiKey, { timeoutMs: 120_000 });
  await client.post('/v1/accounts/batch', { accounts: FORMER_ACCOUNTS });
  const answers = new Map<string, Reply>();
  const send = async (transactionId: string) => {
    answers.set(transactionId, await client.post('/v1/transfers', orderOf(transactionId)).catch(silence));
  };
  const served = Array.from({ length: IN_FLIGHT }, (_, n) => `format-before-${n}`);
  await until('a pod of 0.1.0 posts transfers', BACK_MS_MAX, async () => {
    await send('format-first');
    return answers.get('format-first')?.status === 201 || answers.get('format-first')?.status === 200;
  });
  await Promise.all(served.map(send));
  if (served.some((id) => answers.get(id)?.status !== 201)) wrong('the pod of 0.1.0 does not post before the move');
  const asleep = Array.from({ length: IN_FLIGHT }, (_, n) => send(`format-asleep-${n}`));
  // By then, other transfers have been posted but not answered yet; those sent from here on arrive while the pod is
  // paused.
  await Promise.race(asleep);
  asleep.push(...Array.from({ length: IN_FLIGHT }, (_, n) => send(`format-asleep-${IN_FLIGHT + n}`)));
  pod.freeze();
  keeper.freeze();
  mark('a pod and a keeper of 0.1.0 are paused, with requests in flight');
  return { pod, keeper, answers, inFlight: Promise.all(asleep).finally(() => client[Symbol.dispose]()) };
}

const orderOf = (transactionId: string) => ({
  transactionId,
  sourceAccount: 'format-world',
  destinationAccount: 'format-ann',
  amount: '1.00',
  currency: 'EUR',
});

/** Makes the last heartbeats of the 0.1.0 processes more than a minute old, as if they had stopped that long ago. */
async function forgetFormer(cluster: Cluster): Promise<void> {
  for (const table of ['processes', 'keepers']) {
    await cluster.query(`UPDATE ${table} SET heartbeat_at = heartbeat_at - INTERVAL 61 SECOND WHERE format_max = 1`);
  }
}

async function move({ ground, mark, note, send, wrong }: Scene<Upgrade>): Promise<void> {
  const { stack: cluster } = ground;
  const dry = fieldsOf((await command(ground, true)).body);
  if ((dry['obstacles'] as unknown[]).length > 0) wrong(`the dry run finds ${JSON.stringify(dry['obstacles'])}`);
  if (!String(dry['warning']).startsWith('This cannot be undone')) wrong(`the dry run warns: ${dry['warning']}`);
  mark('the rules move to format 2');
  const since = now();
  const { status, body } = await command(ground, false);
  note(`the move was answered with ${status} after ${inSeconds(now() - since)} s: ${JSON.stringify(body)}`);
  if (status !== 200 && status !== 202) wrong(`the move was answered with ${status}`);
  await until('the ledger is in CACHE in format 2', BACK_MS_MAX, async () => {
    return (await nameOfMode(cluster)) === 'CACHE_2';
  });
  mark('the ledger is in CACHE in format 2');
  send(GROUPS_AND_HOLDS);
}

/** Checks that neither the resumed processes of 0.1.0 nor those started after the move change anything. */
async function formerChangesNothing(scene: Scene<Upgrade>, sleepers: Sleepers): Promise<void> {
  const { ground, short, mark, note, wrong } = scene;
  const { stack: cluster } = ground;
  const before = await stateOf(cluster);
  const [pod, keeper] = [await ground.former('api', 92, HELD), await ground.former('keeper', 92)];
  await Promise.all([pod.start(), keeper.start()]);
  mark('a pod and a keeper of 0.1.0 have started');
  sleepers.pod.wake();
  sleepers.keeper.wake();
  mark('the paused pod and keeper are resumed');
  await sleepers.inFlight;
  for (const one of [pod, sleepers.pod]) await servesNothing(scene, one);
  await sleep(short ? 2_000 : 10_000);
  const after = await stateOf(cluster);
  if (JSON.stringify(after) !== JSON.stringify(before))
    wrong(`the authority was ${JSON.stringify(before)}, but is now ${JSON.stringify(after)}`);
  const keys = (await cluster.redis.call('KEYS', 'hf:{0}:*')) as string[];
  const former = keys.filter((key) => /^hf:\{0\}:\d/.test(key));
  if (former.length > 0) wrong(`keys of format 1: ${former.slice(0, 5).join(', ')}`);
  await acknowledgedIsThere(scene, sleepers.answers);
  for (const one of [pod, keeper, sleepers.pod, sleepers.keeper])
    note(`${one.name} of 0.1.0 ended in ${inSeconds(await one.stop())} s`);
}

async function stateOf(cluster: Cluster): Promise<object> {
  const [authority] = await cluster.query('SELECT epoch, `mode`, cache_format, marker FROM authority WHERE shard = 0');
  const fence = await cluster.redis.call('GET', 'hf:{0}:fence');
  return { ...authority, fence };
}

/** Checks that no transfer and no change gets an outcome, and that balances are marked as stale. */
async function servesNothing({ ground, note, wrong }: Scene<Upgrade>, pod: Service): Promise<void> {
  using client = new Client(() => [pod.url], ground.stack.file.apiKey, { timeoutMs: 30_000 });
  const id = `format-after-${pod.name.replace(' ', '-')}`;
  const transfer = await client.post('/v1/transfers', orderOf(id)).catch(silence);
  if (transfer.status < 500) wrong(`${pod.name} of 0.1.0 answered a transfer with ${transfer.status}`);
  const change = await client.patch('/v1/accounts/format-ann', { status: 'SUSPENDED' }).catch(silence);
  if (change.status < 500) wrong(`${pod.name} of 0.1.0 answered a change with ${change.status}`);
  const balance = await client.get('/v1/accounts/format-ann/balance').catch(silence);
  if (balance.status === 200 && fieldsOf(balance.body)['stale'] !== true)
    wrong(`${pod.name} of 0.1.0 answered a balance that is not stale: ${JSON.stringify(balance.body)}`);
  const codes = [transfer, change].map(({ status, body }) => `${status} ${fieldsOf(body)['code']}`);
  note(`${pod.name} of 0.1.0: transfer ${codes[0]}, change ${codes[1]}, balance ${balance.status} (stale)`);
  const rows = await ground.stack.query(`SELECT 1 FROM transfers WHERE transaction_id = '${id}'`);
  if (rows.length > 0) wrong(`${pod.name} of 0.1.0 has posted ${id}`);
}

/**
 * Checks that every transfer that the paused pod acknowledged, before the move or later, is in MySQL, and that no other
 * transfer changed the account.
 */
async function acknowledgedIsThere(
  { ground, note, wrong }: Scene<Upgrade>,
  answers: ReadonlyMap<string, Reply>,
): Promise<void> {
  const rows = await ground.stack.query(
    "SELECT transaction_id FROM transfers WHERE destination_account = 'format-ann' AND `status` = 'POSTED'",
  );
  const posted = new Set(rows.map((row) => String(row['transaction_id'])));
  const acknowledged = [...answers].filter(([, { status }]) => status === 201 || status === 200).map(([id]) => id);
  const lost = acknowledged.filter((id) => !posted.has(id));
  if (lost.length > 0) wrong(`acknowledged by 0.1.0 and not in MySQL: ${lost.join(', ')}`);
  const strange = [...posted].filter((id) => !answers.has(id));
  if (strange.length > 0) wrong(`posted after the move: ${strange.join(', ')}`);
  const late = acknowledged.filter((id) => id.includes('asleep')).length;
  note(`of ${2 * IN_FLIGHT} requests in flight, ${late} were acknowledged, and ${posted.size} transfers are in MySQL`);
}
