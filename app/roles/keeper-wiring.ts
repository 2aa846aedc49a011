import { Keeper } from '../authority/keeper/keeper.ts';
import { inspectServer } from '../redis/connection.ts';
import { sweepEpochsBefore } from '../redis/epoch-sweep.ts';
import { Flusher } from '../sync/flusher.ts';
import { LogSealer } from '../sync/log-sealer.ts';
import { flushEvents } from './flush-events.ts';
import type { ShardContext } from './shard-context.ts';
import { tracedFlush } from './traced.ts';

/**
 * Maximum number of characters in the batches of all shards together; processing them takes about ten times as much
 * memory.
 */
const FLUSH_CHARS_MAX = 8 * 1024 * 1024;

/** Creates the flusher of the journal, and the one that flushes the rest of an ended epoch while it is recovered. */
export function createFlushers(context: ShardContext): { flusher: Flusher; recoveryFlusher: Flusher } {
  const { clock, scripts: cache } = context;
  const { sync } = context.config;
  const store = tracedFlush(context.flushStore, context.tracing);
  const limits = {
    batchMax: sync.flushBatchMax,
    charsMax: Math.ceil(FLUSH_CHARS_MAX / context.config.ledger.shards),
    gatherMs: sync.flushGatherMs,
    retryBaseMs: sync.flushRetryBaseMs,
    retryMaxMs: sync.flushRetryMaxMs,
    alertAfterFailures: sync.flushAlertAfterFailures,
  };
  const events = flushEvents(context);
  // If a recovery of an epoch fails, any keeper can retry it, because the mode shows that the recovery is not
  // complete yet.
  const recoveryEvents = { ...events, alert() {}, waiting() {} };
  return {
    flusher: new Flusher({ cache, store, clock, limits, events }),
    recoveryFlusher: new Flusher({ cache, store, clock, limits, events: recoveryEvents }),
  };
}

export function createLogSealer({ logStore, logger, metrics }: ShardContext): LogSealer {
  return new LogSealer(logStore, {
    state: (now) => metrics.logState(now),
    statesAdded: (accounts) =>
      logger.log.info({ accounts }, 'added the states of accounts that are older than the sealed log'),
  });
}

export function createKeeper(context: ShardContext, flusher: Flusher): Keeper {
  const { config, clock, keyPrefix, scripts, metrics, redis } = context;
  return new Keeper({
    keeperId: context.processId,
    authority: context.authority,
    recoveryStore: context.recoveryStore,
    cache: scripts,
    flusher,
    inspect: () => inspectServer(redis, config.redis.managed === 'true'),
    sweepEpochsBefore: (epoch, caller) => sweepEpochsBefore({ redis, scripts, keyPrefix }, epoch, caller),
    clock,
    logger: context.logger.log,
    timing: {
      lostAfterMs: config.authority.redisLostAfterMs,
      lostByPodsAfterMs: config.authority.redisLostByPodsAfterMs,
      steadyAfterMs: config.authority.redisSteadyAfterMs,
    },
    onAuthority: (now) => metrics.authority(now),
    onRedisOwner: (state) => metrics.redisOwner(state),
  });
}
