import { legIdOf } from '../../app/domain/crossing.ts';
import type { Outcome, TransferOrder } from '../../app/domain/types.ts';
import { outcomesOf } from '../../app/journal/codec.ts';
import type { Random } from '../core/random.ts';
import { SimProcess } from '../core/sim-process.ts';
import type { Client } from '../world/clients.ts';
import { WORLD } from '../world/opening.ts';
import { isFlushed } from '../world/recovery.ts';
import type { SimPod } from '../world/sim-pod.ts';
import { uuidV7 } from '../world/uuid.ts';
import type { World } from '../world/world.ts';
import { acceptFor } from './accepting.ts';
import type { ShardedWorld } from './sharded-world.ts';

/**
 * A fault at the end of some runs, while nothing else happens: a store loses data between two steps of one transfer. By
 * chance, this would be too rare.
 *
 * - `back-refused`: Redis of the source is lost while MySQL does not yet have the refusal of `back` and the change that
 *   caused it, and the pod that has received them is paused until after an operator has accepted the loss
 * - `restored`: the transfer has come back, and MySQL of the destination is restored from a backup without the refusal of `in`
 */
export type Epilogue = 'back-refused' | 'restored';

const LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 0.2;
const STEP_MS_MAX = 3_000;
/** How long the operator tries, and how much time everything else gets afterwards. */
const ACCEPT_MS_MAX = 8_000;
const AFTERWARDS_MS = 2_500;
const REDIS_DOWN_MS = 150;
const FLUSHED_TRIES_MAX = 100;

interface Stage {
  world: ShardedWorld;
  client: Client;
  process: SimProcess;
  from: World;
  to: World;
  /** Numbers of the two shards. */
  source: number;
  destination: number;
}

/** @returns the epilogue that was played to its end; null if none was drawn, or if the run does not allow it */
export async function playEpilogue(world: ShardedWorld, random: Random): Promise<Epilogue | null> {
  const { scheduler, shards } = world;
  const epilogue = random.pick([null, 'back-refused', 'restored'] as const);
  const source = random.whole(0, shards.length - 1);
  const destination = (source + random.whole(1, shards.length - 1)) % shards.length;
  const [from, to] = [shards[source], shards[destination]];
  const isCalm = (one: World | undefined) => one?.mysql.tables.authority.mode === 'CACHE';
  if (!epilogue || !from || !to || !isCalm(from) || !isCalm(to)) return null;
  const client = world.newClient();
  client.stop();
  world.clients.push(client);
  const process = new SimProcess('epilogue', scheduler, random, { rate: 1, offsetMs: 0 });
  const stage: Stage = { world, client, process, from, to, source, destination };
  let played: boolean | null = null;
  const play = async () => {
    const leaving = await leave(stage, random);
    if (!leaving) return false;
    return epilogue === 'restored' ? restore(stage, leaving) : loseRefusal(stage, leaving);
  };
  play().then(
    (isPlayed) => {
      played = isPlayed;
    },
    (error: unknown) => world.fail('broken', `the epilogue failed: ${error}`),
  );
  await scheduler.run(scheduler.nowMs + LIMIT_MS, () => played !== null);
  for (const { process: paused } of from.livePods) paused.resume();
  from.mysql.heal();
  world.note(`epilogue ${epilogue}: ${played ? 'played' : 'not played'}`);
  return played ? epilogue : null;
}

/** A transfer and the pod that sends its legs. `pod` is that pod's part in the shard of the source. */
interface Leaving {
  order: TransferOrder;
  pod: SimPod;
}

/**
 * Sends all of an account's money to another shard, where it is refused. @returns null if the accounts do not allow it
 */
async function leave({ client, process, from, to }: Stage, random: Random): Promise<Leaving | null> {
  const usable = ({ mysql: { tables } }: World) =>
    [...tables.accounts.values()].find(
      ({ accountId, status, balance, held }) =>
        !accountId.startsWith('~') && !accountId.startsWith(WORLD) && status !== 'CLOSED' && balance >= 0 && held === 0,
    )?.accountId;
  const outside = [...from.mysql.tables.accounts.values()].find(({ accountId }) => accountId.startsWith(WORLD));
  const [source, destination] = [usable(from), usable(to)];
  if (source === undefined || destination === undefined || outside?.status !== 'ACTIVE') return null;
  for (const accountId of [source, destination]) await client.change(accountId, { status: 'ACTIVE' });
  const order = (content: { source: string; destination: string; amount: number }) =>
    client.orderOf(uuidV7(process.now(), random), { ...content, currency: 'EUR' });
  await client.transfer([order({ source: outside.accountId, destination: source, amount: random.whole(1, 20) })]);
  for (let tries = 0; tries < FLUSHED_TRIES_MAX && !(await isFlushed(from)); tries++) await process.sleep(20);
  const amount = from.mysql.tables.accounts.get(source)?.balance ?? 0;
  if (amount <= 0) return null;
  const leaves = order({ source, destination, amount });
  void client.transfer([leaves]);
  // The preview is over by then, and MySQL does not have `out` yet.
  const sending = () => from.livePods.find((pod) => hasReceived(pod, leaves.transactionId, 'POSTED'));
  await seen(process, () => sending() !== undefined);
  const pod = sending();
  if (!pod) return null;
  await client.change(destination, { status: 'FROZEN' });
  return { order: leaves, pod };
}

async function loseRefusal({ client, process, from }: Stage, { order, pod }: Leaving): Promise<boolean> {
  const { tables } = from.mysql;
  if (!(await seen(process, () => tables.transfers.get(order.transactionId)?.status === 'POSTED'))) return false;
  from.mysql.blockFlushFor(LIMIT_MS);
  // No other pod may know that the account was closed, or it would hand this over.
  await client.change(order.source, { status: 'CLOSED' }, pod);
  const backId = legIdOf(order.transactionId, 'back', 0);
  if (!(await seen(process, () => hasReceived(pod, backId, 'REJECTED')))) return false;
  pod.process.pause();
  await loseRedis(process, from);
  // The operator believes that the paused pod is dead.
  acceptFor(
    from,
    { atMs: from.scheduler.nowMs, forMs: ACCEPT_MS_MAX },
    () => false,
    ({ process: one }) => one.paused,
  );
  const isReturned = await seen(process, () => tables.transfers.has(backId), ACCEPT_MS_MAX);
  from.mysql.heal();
  pod.process.resume();
  await process.sleep(AFTERWARDS_MS);
  return isReturned;
}

async function restore(
  { world, client, process, from, to, source, destination }: Stage,
  { order }: Leaving,
): Promise<boolean> {
  const { transactionId } = order;
  const inId = legIdOf(transactionId, 'in', source);
  if (!(await seen(process, () => from.mysql.tables.transfers.has(transactionId)))) return false;
  const { tables } = to.mysql;
  const backup = tables.backup();
  const known = new Set(tables.transfers.keys());
  const isBack = () => from.mysql.tables.transfers.get(legIdOf(transactionId, 'back', source))?.status === 'POSTED';
  if (!(await seen(process, isBack))) return false;
  const since = [...tables.transfers].filter(([id]) => !known.has(id));
  const refusal = tables.transfers.get(inId);
  // The restore would also lose everything else that was committed after the backup, and nothing could recover that.
  if (since.length !== 1 || refusal?.status !== 'REJECTED') return false;
  world.note(`MySQL of shard ${destination} is restored from a backup without ${inId}`);
  world.restored.push({ from: source, to: destination, refusal });
  tables.restore(backup);
  await loseRedis(process, to);
  acceptFor(to, { atMs: to.scheduler.nowMs, forMs: ACCEPT_MS_MAX }, () => false);
  const { losses } = world;
  const before = losses.length;
  if (!(await seen(process, () => losses.length > before, ACCEPT_MS_MAX))) return false;
  await client.change(order.destination, { status: 'ACTIVE' });
  await process.sleep(AFTERWARDS_MS);
  return true;
}

async function loseRedis(process: SimProcess, world: World): Promise<void> {
  const node = world.redis.current;
  node?.crash();
  node?.loseDisk();
  await process.sleep(REDIS_DOWN_MS);
  node?.start();
}

/** Whether a pod has received an outcome of a transfer that MySQL does not have yet. */
function hasReceived({ session }: SimPod, transactionId: string, status: Outcome['status']): boolean {
  const view = session.view();
  if (!view) return false;
  return view.tail
    .snapshot()
    .some(
      (entry) =>
        entry.kind === 'transfers' &&
        outcomesOf(entry, view.caller.epoch).some(
          (outcome) => outcome.order.transactionId === transactionId && outcome.status === status,
        ),
    );
}

/** Waits until a condition holds. @returns false if it does not hold in time */
async function seen(process: SimProcess, holds: () => boolean, msMax = STEP_MS_MAX): Promise<boolean> {
  for (let passed = 0; passed < msMax; passed += LOOK_EVERY_MS) {
    if (holds()) return true;
    await process.sleep(LOOK_EVERY_MS);
  }
  return false;
}
