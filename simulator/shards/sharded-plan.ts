import { shardOfAccount } from '../../app/domain/account-shard.ts';
import type { Random } from '../core/random.ts';
import { accountIdsOf } from '../world/opening.ts';
import { limitsOf, type Plan, planOf } from '../world/plan.ts';
import { type Fault, faultsOf, type Theme } from '../world/themes.ts';

/** Everything about a run with several shards that is decided before it begins. */
export interface ShardedPlan {
  /** Per shard: its own faults, keepers and stores. Pods and clients are common to all shards. */
  shards: { plan: Plan; accountIds: string[]; acceptances: Acceptance[] }[];
  pods: number;
  clients: number;
  loadMs: number;
  /** Faults of processes. */
  faults: Fault[];
  groupWeight: number;
  holdWeight: number;
  reversalWeight: number;
  /** Whether transfers are made to fail after they have left their source. */
  strands: boolean;
  /** Shards whose MySQL is lost at the end, and restored from a backup. */
  restores: Restore[];
}

export interface Restore {
  shard: number;
  /** When the backup is made; null if that is just before the loss. */
  backupAtMs: number | null;
}

/**
 * The time during which an operator tries to accept the loss of whatever is missing in the shard's MySQL, if the shard
 * waits for it.
 */
export interface Acceptance {
  atMs: number;
  forMs: number;
}

const SHARD_THEMES = {
  calm: 8,
  anything: 3,
  lostReplies: 3,
  sleepers: 3,
  divided: 1,
  forgotten: 2,
  halfHandedOver: 2,
  renewals: 1,
  changes: 2,
} as const satisfies Partial<Record<Theme, number>>;
const PROCESS_FAULTS = { podPause: 6, podKill: 3, podStop: 1, podStart: 1, clockJump: 1 } as const;
/** Faults that lose Redis. An operator gives up what had not been flushed by then. */
const GOES = { redisDiskLost: 5, redisSpare: 3, redisPromote: 1, redisCrash: 1 } as const;

/** The share of the worlds whose accounts have limits, and the share of those whose clients reverse transfers. */
const LIMITS_SHARE = 0.25;
const REVERSALS_SHARE = 0.4;
const SOME_REVERSALS = 12;

export function shardedPlanOf(random: Random): ShardedPlan {
  const shards = random.whole(2, 3);
  const loadMs = random.whole(4_000, 7_000);
  const common = { loadMs, format: 2, overdraftLimit: random.pick([0, 0, 50]), amountMax: random.pick([20, 60, 200]) };
  const plan = {
    shards: Array.from({ length: shards }, (_, shard) =>
      shardOf(random.fork(), common as Partial<Plan>, shard, shards),
    ),
    pods: random.whole(2, 3),
    clients: random.whole(3, 5),
    loadMs,
    faults: processFaults(random, loadMs),
    groupWeight: random.chance(0.25) ? 15 : 0,
    holdWeight: random.chance(0.25) ? 25 : 0,
    strands: random.chance(0.6),
    restores: restoresOf(random, shards, loadMs),
  };
  // Drawn last, so that the other worlds stay unchanged.
  const limits = random.chance(LIMITS_SHARE) ? limitsOf(random) : null;
  return {
    ...plan,
    shards: plan.shards.map((shard) => ({ ...shard, plan: { ...shard.plan, limits } })),
    reversalWeight: random.chance(REVERSALS_SHARE) ? SOME_REVERSALS : 0,
  };
}

function restoresOf(random: Random, shards: number, loadMs: number): Restore[] {
  if (random.chance(0.65)) return [];
  const first = random.whole(0, shards - 1);
  const lost = random.chance(0.25) ? [first, (first + 1) % shards] : [first];
  return lost.map((shard) => ({ shard, backupAtMs: random.chance(0.2) ? null : random.between(300, loadMs) }));
}

function shardOf(random: Random, common: Partial<Plan>, shard: number, shards: number) {
  const theme = random.weighted(SHARD_THEMES);
  const drawn = planOf(random, theme);
  const { loadMs = 0 } = common;
  const [faults, acceptances] = lossesOf(random, loadMs);
  const plan: Plan = {
    ...drawn,
    ...common,
    pods: 0,
    clients: 0,
    accounts: random.whole(2, 4),
    // Some transit accounts need room, too.
    cachedAccountsMax: drawn.cachedAccountsMax + 10,
    limits: null,
    faults: [...faultsOf(theme, random, loadMs), ...faults].sort((a, b) => a.atMs - b.atMs),
    redisReturns: random.chance(0.93),
  };
  const names = accountIdsOf(plan).map((name) => inShard(name, shard, shards));
  return { plan, accountIds: names, acceptances };
}

/** An account id in this shard. Accounts with the same part after `@` are in the same shard. */
function inShard(name: string, shard: number, shards: number): string {
  for (let number = 0; ; number++) {
    const accountId = `${name}@${number}`;
    if (shardOfAccount(accountId, shards) === shard) return accountId;
  }
}

/** Redis is lost while nothing is flushed, and an operator accepts the loss without waiting. */
function lossesOf(random: Random, loadMs: number): [Fault[], Acceptance[]] {
  const faults: Fault[] = [];
  const acceptances: Acceptance[] = [];
  if (random.chance(0.5)) return [faults, acceptances];
  for (let atMs = random.between(1_000, 3_000); atMs < loadMs - 1_500; atMs += random.between(2_500, 5_000)) {
    const stallMs = random.between(100, 700);
    const fault = (kind: Fault['kind'], from: number, forMs: number) =>
      faults.push({ kind, atMs: from, forMs, which: random.unit(), part: random.unit() });
    if (random.chance(0.8)) fault('flushBlocked', atMs - stallMs, stallMs + random.between(200, 2_000));
    // Whatever only dead pods knew is lost, and so is anything that no pod received.
    const kills = random.pick([0, 0, 1, 4]);
    for (let kill = 0; kill < kills; kill++) fault('podKill', atMs - random.between(0, 30), random.between(300, 2_000));
    if (random.chance(0.5)) fault('repliesLost', atMs - random.between(0, 400), random.between(300, 900));
    if (random.chance(0.3)) fault('podPause', atMs - random.between(0, 200), random.between(1_000, 4_000));
    fault(random.weighted(GOES), atMs, random.between(300, 2_500));
    acceptances.push({ atMs: atMs + random.between(100, 1_500), forMs: random.between(1_000, 3_500) });
  }
  return [faults, acceptances];
}

function processFaults(random: Random, loadMs: number): Fault[] {
  const faults: Fault[] = [];
  for (let atMs = random.between(400, 1_500); atMs < loadMs - 300; atMs += random.between(400, 2_500)) {
    const forMs = random.chance(0.3) ? random.between(2_000, 6_000) : random.exponential(600) + 20;
    faults.push({ kind: random.weighted(PROCESS_FAULTS), atMs, forMs, which: random.unit(), part: random.unit() });
  }
  return faults;
}
