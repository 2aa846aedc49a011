import { transactionIdOf } from '../../app/domain/crossing.ts';
import { check } from '../../verification/checker/check.ts';
import { isHoldOutcome, isOutcome } from '../../verification/checker/history.ts';
import { Random } from '../core/random.ts';
import { withoutStackTraces } from '../core/stack-traces.ts';
import { backupOf } from '../mysql/backup.ts';
import { begin, healAll } from '../world/faults.ts';
import { BACK_WITHIN_MS, comeBack, dueHoldsIn, isFlushed, LOOK_EVERY_MS } from '../world/recovery.ts';
import { TIMES } from '../world/settings.ts';
import type { Finding, World } from '../world/world.ts';
import { accept, acceptFor } from './accepting.ts';
import { reversalsIn, wrongReversals } from './check-reversals.ts';
import { type Epilogue, playEpilogue } from './epilogue.ts';
import { withoutLosses } from './losses.ts';
import { restoreSome } from './restoring.ts';
import { innerAccountsIn, shardedBooksIn } from './sharded-books.ts';
import { shardedPlanOf } from './sharded-plan.ts';
import { SHARDED_PROTOCOL, type ShardedAssembly, ShardedWorld } from './sharded-world.ts';

export interface ShardedRunResult {
  seed: number;
  violations: Finding[];
  hash: string;
  steps: number;
  shards: number;
  /** Transfers between shards, by how they ended. */
  crossings: { done: number; returned: number; kept: number; refused: number };
  transfers: number;
  losses: number;
  reversals: number;
  epochs: number;
  /** The epilogue that was played at the end, if any. */
  epilogue: Epilogue | null;
  virtualMs: number;
}

/** Epilogues have random seeds of their own, so their choices do not change what happens before. */
const EPILOGUE_SEEDS = 1_000_000_007;
const LOAD_BEFORE_MS = 1_200;
const LOAD_AFTER_MS = 2_500;

interface ShardedRunOptions {
  assembly?: ShardedAssembly;
  trace?: ((line: string) => void) | null;
}

/** Makes one run of several shards: load and faults, repair, recovery, and the verdict. */
export function runSharded(seed: number, options: ShardedRunOptions = {}): Promise<ShardedRunResult> {
  const run = () => runOnce(seed, options);
  return options.trace ? run() : withoutStackTraces(run);
}

async function runOnce(
  seed: number,
  { assembly = SHARDED_PROTOCOL, trace = null }: ShardedRunOptions,
): Promise<ShardedRunResult> {
  const random = new Random(seed);
  const plan = shardedPlanOf(random.fork());
  const world = new ShardedWorld(random, plan, assembly, trace);
  const { scheduler, shards } = world;
  for (const [shard, own] of plan.shards.entries()) {
    const of = shardAt(world, shard);
    for (const fault of own.plan.faults) scheduler.at(fault.atMs, () => begin(of, fault));
    for (const acceptance of own.acceptances) scheduler.at(acceptance.atMs, () => acceptFor(of, acceptance));
  }
  for (const fault of plan.faults) {
    const of = shardAt(world, Math.floor(fault.part * shards.length));
    scheduler.at(fault.atMs, () => begin(of, fault));
  }
  const backups = new Map<number, () => void>();
  const back = (shard: number) => backups.set(shard, backupOf(shardAt(world, shard).mysql.tables));
  for (const { shard, backupAtMs } of plan.restores)
    if (backupAtMs !== null) scheduler.at(backupAtMs, () => back(shard));
  await scheduler.run(plan.loadMs);
  for (const client of world.clients) client.stop();
  for (const shard of shards) shard.healed = true;
  for (const shard of shards) healAll(shard);
  for (const shard of shards) await open(shard);
  let epilogue: Epilogue | null = null;
  if (plan.restores.length > 0) {
    for (const { shard, backupAtMs } of plan.restores) if (backupAtMs === null) back(shard);
    await loseAndRestore(world, backups);
  } else {
    epilogue = await playEpilogue(world, new Random(seed + EPILOGUE_SEEDS));
    if (epilogue) for (const shard of shards) await open(shard);
  }
  await audit(world);
  return { ...resultOf(seed, world), epilogue };
}

/** Runs more load, stops and restores everything in the middle of it, and runs more load afterwards. */
async function loseAndRestore(world: ShardedWorld, backups: ReadonlyMap<number, () => void>): Promise<void> {
  const { scheduler, plan, shards } = world;
  const load = async (forMs: number) => {
    const { length: before } = world.clients;
    // The name of a client is its number.
    for (let client = 0; client < plan.clients; client++) world.clients.push(world.newClient());
    await scheduler.run(scheduler.nowMs + forMs);
    for (const client of world.clients.slice(before)) client.stop();
  };
  await load(LOAD_BEFORE_MS);
  await restoreSome(world, backups, world.recovering);
  for (const shard of shards) for (let keeper = 0; keeper < shard.plan.keepers; keeper++) shard.startKeeper();
  for (let pod = 0; pod < plan.pods; pod++) world.startPod();
  await load(LOAD_AFTER_MS);
  for (const shard of shards) await open(shard);
}

function shardAt({ shards }: ShardedWorld, shard: number): World {
  const world = shards[shard];
  if (!world) throw new RangeError(`there is no shard ${shard}`);
  return world;
}

/** Waits until the shard is open. If anything would wait forever, an operator accepts the loss. */
async function open(world: World): Promise<void> {
  const ending = await comeBack(world);
  if (ending === 'CACHE' || ending === 'DIRECT') return;
  let isAccepted = false;
  accept(world).then(
    () => {
      isAccepted = true;
    },
    (error: unknown) => world.violations.push({ kind: 'stuck', what: `the loss cannot be accepted: ${error}` }),
  );
  await world.scheduler.run(world.scheduler.nowMs + BACK_WITHIN_MS, () => isAccepted);
  await comeBack(world);
}

/** Determines every unknown outcome, reads everything, and waits for the flush and the couriers. */
async function audit(world: ShardedWorld): Promise<void> {
  const { scheduler, history, shards } = world;
  const auditor = world.newClient();
  auditor.stop();
  world.clients.push(auditor);
  const until = scheduler.nowMs + BACK_WITHIN_MS;
  const groups = new Set<string>();
  const open = [...history.transfers.values()].filter(
    ({ attempts }) =>
      attempts.some(({ answer }) => answer.kind === 'unknown') && !attempts.some(({ answer }) => isOutcome(answer)),
  );
  for (const { transactionId: key, attempts } of open) {
    const id = key.slice(key.indexOf('/') + 1);
    for (const { content } of attempts) if (content.groupId !== undefined) groups.add(content.groupId);
    const single = attempts.find(({ content }) => content.groupId === undefined)?.content;
    if (single?.capture) void auditor.holds.settleCapture(id, single);
    else if (single) void auditor.settle(id, single);
  }
  for (const { holdId, requests } of history.holds.values()) {
    const placings = requests.filter(({ op }) => op === 'place');
    if (!placings.some(({ answer }) => isHoldOutcome(answer))) void auditor.holds.settle(holdId);
  }
  for (const groupId of groups) {
    const found = history.groups.get(groupId);
    if (found) void auditor.groups.settle(found.group);
  }
  const unsettled = () => auditor.settling + auditor.groups.settling + auditor.holds.settling;
  await scheduler.run(until, () => unsettled() === 0);
  if (unsettled() > 0) world.fail('stuck', `${unsettled()} requests got no outcome`);
  for (const { accountId } of history.accounts) void auditor.read([accountId]);
  for (const { transactionId: key, attempts } of history.transfers.values()) {
    const source = attempts[0]?.content.source;
    if (source !== undefined) void auditor.seek(key.slice(key.indexOf('/') + 1), source);
  }
  await scheduler.run(until, () => world.asked === 0);
  const isAtRest = async () => {
    for (const shard of shards) if (dueHoldsIn(shard) > 0 || !(await isFlushed(shard))) return false;
    return openIn(world) === 0;
  };
  while (scheduler.nowMs < until && !(await isAtRest())) await scheduler.run(scheduler.nowMs + LOOK_EVERY_MS);
  if (!(await isAtRest())) world.fail('stuck', `${openIn(world)} crossings are open, or something is not flushed`);
  // From here on, nothing more may happen.
  await scheduler.run(scheduler.nowMs + 2 * TIMES.requestTimeoutMs);
}

/**
 * Adds the refusal of an `in` that a restored MySQL has lost: the source has recorded that the transfer came back, but
 * the reason is no longer stored anywhere.
 */
function addLost(world: ShardedWorld, { from, to, refusal }: ShardedWorld['restored'][number]): void {
  const [source, destination] = [shardAt(world, from).mysql.tables, shardAt(world, to).mysql.tables];
  const { transactionId } = refusal.order;
  if (destination.transfers.has(transactionId)) return;
  destination.transfers.set(transactionId, refusal);
  const row = source.crossings.get(transactionIdOf(transactionId));
  if (row?.closing?.state !== 'RETURNED' || row.closing.because !== null) return;
  const because = { refusal: refusal.refusal };
  source.crossings.set(transactionIdOf(transactionId), { ...row, closing: { ...row.closing, because } });
}

const openIn = ({ shards }: ShardedWorld): number =>
  shards.flatMap(({ mysql }) => [...mysql.tables.crossings.values()]).filter(({ closing }) => closing === null).length;

function resultOf(seed: number, world: ShardedWorld): Omit<ShardedRunResult, 'epilogue'> {
  const { scheduler, shards, history, losses } = world;
  for (const restored of world.restored) addLost(world, restored);
  const tables = shards.map(({ mysql }) => mysql.tables);
  const known = withoutLosses(history, losses, shards.length);
  const complete = { ...known, accounts: [...history.accounts, ...innerAccountsIn(tables)] };
  // If a database is lost, the original of a reversal may be lost, too, and is then decided again although it was
  // reversed.
  if (!losses.some(({ isRestored }) => isRestored))
    for (const what of wrongReversals(tables)) world.fail('broken', what);
  const violations = [...world.violations, ...check(complete, shardedBooksIn(tables, complete)).violations];
  world.note(`${violations.length} violations`);
  const rows = tables.flatMap(({ crossings }) => [...crossings.values()]);
  const ended = (state: 'DONE' | 'RETURNED') => rows.filter(({ closing }) => closing?.state === state).length;
  const legs = tables.flatMap(({ transfers }) => [...transfers.values()]).filter(({ order }) => order.leg);
  return {
    seed,
    violations,
    hash: scheduler.hash,
    steps: scheduler.steps,
    shards: shards.length,
    crossings: {
      done: ended('DONE'),
      returned: ended('RETURNED'),
      kept: legs.filter(({ order }) => order.leg?.name === 'returns').length,
      refused: legs.filter(({ order, status }) => order.leg?.name === 'out' && status === 'REJECTED').length,
    },
    transfers: tables.reduce((sum, { transfers }) => sum + transfers.size, 0) - legs.length,
    losses: losses.length,
    reversals: reversalsIn(tables),
    epochs: tables.reduce((sum, { authority }) => sum + authority.epoch, 0),
    virtualMs: scheduler.nowMs,
  };
}
