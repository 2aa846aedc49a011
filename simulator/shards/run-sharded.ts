import type { AcceptedLossStep } from '../../app/authority/authority-ports.ts';
import { check } from '../../verification/checker/check.ts';
import { isHoldOutcome, isOutcome } from '../../verification/checker/history.ts';
import { Random } from '../core/random.ts';
import { begin, healAll } from '../world/faults.ts';
import { BACK_WITHIN_MS, comeBack, dueHoldsIn, isFlushed, LOOK_EVERY_MS } from '../world/recovery.ts';
import { TIMES } from '../world/settings.ts';
import type { Finding, World } from '../world/world.ts';
import { withoutLosses } from './losses.ts';
import { innerAccountsIn, shardedBooksIn } from './sharded-books.ts';
import { type Acceptance, shardedPlanOf } from './sharded-plan.ts';
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
  epochs: number;
  virtualMs: number;
}

const ACCEPT_EVERY_MS = 80;

/** Makes one run of several shards: load and faults, repair, recovery, and the verdict. */
export async function runSharded(
  seed: number,
  {
    assembly = SHARDED_PROTOCOL,
    trace = null,
  }: { assembly?: ShardedAssembly; trace?: ((line: string) => void) | null } = {},
): Promise<ShardedRunResult> {
  if (trace === null) Error.stackTraceLimit = 0;
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
  await scheduler.run(plan.loadMs);
  for (const client of world.clients) client.stop();
  for (const shard of shards) shard.healed = true;
  for (const shard of shards) healAll(shard);
  for (const shard of shards) await open(shard);
  await audit(world);
  return resultOf(seed, world);
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

/** An operator accepts the loss, page by page. */
async function accept(world: World): Promise<void> {
  const recoveryStore = world.operator();
  const from = { ...world.mysql.tables.authority, ageMs: 0 };
  let step: AcceptedLossStep | null;
  do step = await recoveryStore.acceptLoss(from, { keeper: 'operator', reason: 'nobody waits any longer' });
  while (step && 'working' in step);
}

/** An operator accepts a loss in the middle of the load, as soon as there is one and no pod serves clients any more. */
function acceptFor(world: World, { atMs, forMs }: Acceptance): void {
  const { scheduler, mysql } = world;
  const tryOnce = () => {
    if (world.healed || scheduler.nowMs > atMs + forMs) return;
    const { mode, cacheEpoch } = mysql.tables.authority;
    const waits = cacheEpoch !== null && (mode === 'CLOSING' || mode === 'DIRECT');
    if (waits && world.livePods.every(({ session }) => session.view() === null)) accept(world).catch(() => {});
    else scheduler.after(ACCEPT_EVERY_MS, tryOnce);
  };
  tryOnce();
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
  // Nothing more may happen.
  await scheduler.run(scheduler.nowMs + 2 * TIMES.requestTimeoutMs);
}

const openIn = ({ shards }: ShardedWorld): number =>
  shards.flatMap(({ mysql }) => [...mysql.tables.crossings.values()]).filter(({ closing }) => closing === null).length;

function resultOf(seed: number, world: ShardedWorld): ShardedRunResult {
  const { scheduler, shards, history, losses } = world;
  const tables = shards.map(({ mysql }) => mysql.tables);
  const known = withoutLosses(history, losses, shards.length);
  const complete = { ...known, accounts: [...history.accounts, ...innerAccountsIn(tables)] };
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
    epochs: tables.reduce((sum, { authority }) => sum + authority.epoch, 0),
    virtualMs: scheduler.nowMs,
  };
}
