import type { KeyObject } from 'node:crypto';
import type { Authority } from '../domain/authority.ts';
import type { KeeperCaller } from '../journal/cache-port.ts';
import { BatchRetention } from '../mysql/ledger/batch-retention.ts';
import { cachePages } from '../redis/cache-pages.ts';
import type { Flusher } from '../sync/flusher.ts';
import { anchorEveryMinute } from './anchoring.ts';
import { Housekeeping } from './housekeeping.ts';
import { createFlushers, createKeeper, createLogSealer } from './keeper-wiring.ts';
import { repeat } from './repeat.ts';
import { selfCheckWhenDue } from './self-check.ts';
import type { ShardContext } from './shard-context.ts';
import { SharedReconciliation } from './shared-reconciliation.ts';

const STEP_MS = 100;
const SEALING_MS = 250;
const HOUSEKEEPING_MS = 2_000;
/** How often a keeper checks whether the reconciliation is due. */
const SCHEDULE_MS = 10_000;

/**
 * Everything that a keeper does for one shard. Each shard has separate loops, so that a failure in one shard does not delay the
 * others.
 * @param alongWithReconciliation runs in the process that reconciles the shard
 * @param signingKey signs anchors of the sealed log
 */
export function keepShard(
  context: ShardContext,
  alongWithReconciliation: () => Promise<unknown>,
  signingKey: KeyObject | null,
): { stop(): Promise<void> } {
  const { config } = context;
  let caller = null as KeeperCaller | null;
  const target = () => caller;
  const { flusher, recoveryFlusher } = createFlushers(context);
  const keeper = createKeeper(context, recoveryFlusher);
  const housekeeping = new Housekeeping(context, flusher, target);

  const stopped = new AbortController();
  const { signal } = stopped;
  const everyStep = { everyMs: STEP_MS, failure: 'authority step failed; retrying', stopped: signal };
  const moving = repeat(context, everyStep, async () => {
    caller = callerIn(await keeper.step());
  });
  const flushing = flusher.run(target, signal);
  // Rounds must be frequent enough to establish that a pod was silent without interruption.
  const housekeepingMs = Math.min(HOUSEKEEPING_MS, config.authority.podRetireAfterMs / 8);
  const everyRound = { everyMs: housekeepingMs, failure: 'housekeeping was postponed', stopped: signal };
  const tidying = repeat(context, everyRound, () => housekeeping.round());
  const everySealing = { everyMs: SEALING_MS, failure: 'sealing the log was postponed', stopped: signal };
  const sealer = createLogSealer(context);
  const sealing = repeat(context, everySealing, () => sealer.round());
  const forgetting = forgetBatches(context, signal);
  const anchoring = anchorEveryMinute(context, signingKey, signal);
  const checking = selfCheckWhenDue(context, signal);
  const reconciling = reconcileWhenDue(context, target, alongWithReconciliation, signal);

  return {
    async stop() {
      await catchUp(context, target, flusher);
      stopped.abort();
      await Promise.all([moving, flushing, tidying, sealing, forgetting, anchoring, checking, reconciling]);
      await context.authority.removeKeeper(context.processId).catch(() => {});
      await housekeeping[Symbol.asyncDispose]();
    },
  };
}

/** The records of batches are in the database of the first shard. */
async function forgetBatches(context: ShardContext, stopped: AbortSignal): Promise<void> {
  if (context.shard !== 0) return;
  const { batchRecordDays: keptDays, batchItemsMax: itemsMax } = context.config.jobs;
  const retention = new BatchRetention(context.database, { keptDays, itemsMax });
  const every = { everyMs: HOUSEKEEPING_MS, failure: 'old records of batches could not be removed', stopped };
  await repeat(context, every, () => retention.round());
}

async function reconcileWhenDue(
  context: ShardContext,
  target: () => KeeperCaller | null,
  alongWithIt: () => Promise<unknown>,
  stopped: AbortSignal,
): Promise<void> {
  const { clock, keyPrefix, logger, redis, scripts } = context;
  const reconciliation = new SharedReconciliation(context, () => {
    const caller = target();
    if (!caller) return null;
    return cachePages({ redis, scripts, keyPrefix }, { ...caller, podId: 'keeper' });
  });
  while (!stopped.aborted) {
    // The run is not awaited: a process that receives SIGTERM does not wait for a long reconciliation, which another
    // process restarts.
    reconciliation
      .whenDue(alongWithIt)
      .catch((error: unknown) => logger.log.error({ err: error }, 'the reconciliation failed'));
    await clock.sleep(SCHEDULE_MS, stopped);
  }
}

/** The identity with which a keeper calls Redis while Redis has the authority; otherwise null. */
function callerIn({ mode, epoch, format, replid }: Authority): KeeperCaller | null {
  return mode === 'CACHE' && replid !== null ? { fenceEpoch: epoch, epoch, format, replid } : null;
}

/**
 * Lets the flush reach the end of the journal before the keeper stops, as far as the grace period allows; other
 * keepers flush the rest.
 */
async function catchUp(
  { clock, config, scripts, flushStore, logger }: ShardContext,
  target: () => KeeperCaller | null,
  flusher: Flusher,
): Promise<void> {
  const deadline = clock.monotonic() + config.process.shutdownGraceMs / 2;
  const caller = target();
  if (!caller) return;
  try {
    // The flush only has to reach the end as it is now, because pods may keep writing.
    const { head } = await scripts.journal(caller, Number.MAX_SAFE_INTEGER - 1, 1);
    while (clock.monotonic() < deadline && flusher.failuresInARow === 0) {
      const cursor = await flushStore.cursor();
      if (cursor.epoch !== caller.epoch || cursor.seq >= head.seq) return;
      await clock.sleep(config.sync.flushGatherMs);
    }
  } catch (error) {
    logger.log.warn({ err: error }, 'the journal could not be flushed to its end');
  }
}
