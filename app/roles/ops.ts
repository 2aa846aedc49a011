import type { ApiDependencies } from '../api/api-dependencies.ts';
import { Problem } from '../domain/problem.ts';
import { cachePages } from '../redis/cache-pages.ts';
import type { CrossingMetrics } from '../telemetry/crossing-metrics.ts';
import { checkedCrossings } from './crossing-check.ts';
import { moveFormat } from './format-move.ts';
import { openTransfers } from './open-transfers.ts';
import { acceptLoss, takeRedisOver, unsettled } from './operator.ts';
import { OpsStatus } from './ops-status.ts';
import type { PodShard } from './pod-shard.ts';
import { auditStatus } from './self-check.ts';
import { SharedReconciliation } from './shared-reconciliation.ts';
import { setStopped, stopReport } from './stop.ts';

type Ops = ApiDependencies['ops'];
/** The commands that concern a single shard. */
type ShardOps = Omit<Ops, 'live' | 'setStopped' | 'stop'>;

/**
 * The reports and commands for operators. With several shards, every report contains each shard, and a command that changes a
 * ledger has to name its shard. @param crossings is notified of comparisons of transfers between shards
 */
export function opsOf(shards: readonly PodShard[], crossings: CrossingMetrics | null = null): Omit<Ops, 'live'> {
  const each = shards.map(opsOfShard);
  const ofShard = (shard: number | undefined): ShardOps => {
    const ops = each[shard ?? (each.length === 1 ? 0 : -1)];
    if (ops) return ops;
    throw new Problem('validation_failed', `\`shard\` must be a number from 0 to ${each.length - 1}.`);
  };
  return {
    status: async () => combinedStatus(await fromAll(each, (ops) => ops.status())),
    audit: async () => combined(await fromAll(each, (ops) => ops.audit())),
    async reconcile() {
      const reports = combined(await fromAll(each, (ops) => ops.reconcile()));
      const [first] = shards;
      if (!first || shards.length === 1) return reports;
      const contexts = shards.map(({ context }) => context);
      const { clock, logger } = first.context;
      const found = await checkedCrossings(contexts, { logger: logger.log, clock, metrics: crossings });
      return { ...reports, crossings: found };
    },
    unsettled: async () => combined(await fromAll(each, (ops) => ops.unsettled())),
    async acceptLoss({ shard, ...acceptance }, user) {
      const ops = ofShard(shard);
      if (shard === undefined || each.length === 1) return ops.acceptLoss(acceptance, user);
      // The open transfers are read before the loss is accepted: afterwards, the couriers begin to complete them.
      const open = await openTransfers(
        shards.map(({ context }) => context),
        shard,
      );
      return { ...(await ops.acceptLoss(acceptance, user)), openTransfers: open };
    },
    takeRedisOver: ({ shard, ...takeover }, user) => ofShard(shard).takeRedisOver(takeover, user),
    moveFormat: ({ shard, ...move }, user) => ofShard(shard).moveFormat(move, user),
    setStopped: (stopped, by, number) => setStopped(shards, stopped, by, number),
    stop: () => stopReport(shards),
  };
}

function opsOfShard({ context, session }: PodShard): ShardOps {
  const { keyPrefix, redis, scripts } = context;
  const reconciliation = new SharedReconciliation(context, () => {
    const caller = session.view()?.caller;
    return caller ? cachePages({ redis, scripts, keyPrefix }, caller) : null;
  });
  return {
    status: () => new OpsStatus(context, session).read(),
    audit: () => auditStatus(context),
    reconcile: () => reconciliation.run(),
    unsettled: () => unsettled(context),
    acceptLoss: (acceptance, user) => acceptLoss(context, acceptance, user),
    takeRedisOver: (takeover, user) => takeRedisOver(context, takeover, user),
    moveFormat: (move, user) => moveFormat(context, move, user),
  };
}

/** A failing shard must not hide the others: its problem takes the place of its report. */
async function fromAll(each: readonly ShardOps[], ask: (ops: ShardOps) => Promise<object>): Promise<object[]> {
  const [only] = each;
  if (each.length === 1 && only) return [await ask(only)];
  return Promise.all(
    each.map((ops) =>
      ask(ops).catch((error: unknown) => {
        if (error instanceof Problem) return { problem: { code: error.code, detail: error.message } };
        throw error;
      }),
    ),
  );
}

function combined(reports: readonly object[]): object {
  const [only] = reports;
  if (reports.length === 1 && only) return only;
  return { shards: reports.map((report, shard) => ({ shard, ...report })) };
}

/** The top-level mode is the mode of all shards, or MIXED if their modes differ. */
function combinedStatus(reports: readonly object[]): object {
  if (reports.length === 1) return combined(reports);
  const modes = new Set(reports.map((report) => ('mode' in report ? String(report.mode) : 'UNKNOWN')));
  return { mode: modes.size === 1 ? [...modes].join() : 'MIXED', ...combined(reports) };
}
