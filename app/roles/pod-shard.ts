import { PodSession } from '../authority/pod/pod-session.ts';
import { PodLedger } from '../ledger/pod-ledger.ts';
import type { LedgerEvents } from '../ledger/ports/ledger-events.ts';
import { LostShards } from '../mysql/operations/lost-shards.ts';
import { cutConnection } from '../redis/connection.ts';
import { newProcessId } from './context.ts';
import type { ShardContext } from './shard-context.ts';
import type { ServedShard } from './shard-readiness.ts';
import { tracedDirect } from './traced.ts';

/** What a pod does for one shard. */
export interface PodShard {
  context: ShardContext;
  session: PodSession;
  ledger: PodLedger;
}

export function createPodShard(context: ShardContext): PodShard {
  const session = createSession(context);
  return { context, session, ledger: createLedger(context, session) };
}

/** The pod's session; it does nothing before it is started. */
function createSession(context: ShardContext): PodSession {
  const { config, clock, detectors, metrics, redis } = context;
  const session = new PodSession({
    authority: context.authority,
    handOverStore: context.handOverStore,
    cache: context.cache,
    retire: (caller, podId) => context.scripts.retire(caller, podId),
    clock,
    processId: context.processId,
    closedAfterMs: config.http.requestTimeoutMs,
    logger: context.logger.log,
    heartbeatMs: config.authority.heartbeatMs,
    newPodId: newProcessId,
    redis: {
      ready() {
        const ready = redis.status === 'ready';
        // Without a connection, no call is sent that could report a failure to the detector.
        if (!ready) detectors.redis.failed();
        return ready;
      },
      async probe() {
        await redis.ping();
      },
      cut: () => cutConnection(redis),
    },
    onAuthority: (now) => metrics.authority(now),
  });
  redis.on('close', () => session.lostRedis());
  return session;
}

function createLedger(context: ShardContext, session: PodSession): PodLedger {
  const { config, clock, metrics, tracing } = context;
  const { shards } = config.ledger;
  const ledger = new PodLedger({
    cache: context.cache,
    database: context.reader,
    direct: tracedDirect(context.direct, tracing),
    session,
    clock,
    events: ledgerEvents(context),
    limits: {
      ...config.ledger,
      requestTimeoutMs: config.http.requestTimeoutMs,
      ...(shards > 1 && { heldTransfersMax: Math.floor(config.http.requestsInFlightMax / shards) }),
      databaseWaitRequestsMax: Math.ceil(config.http.requestsInFlightMax / 2 / shards),
    },
    ...(tracing && { currentTrace: () => tracing.currentTrace() }),
  });
  metrics.sample({
    queueTransfers: () => ledger.open,
    tailEntries: () => session.view()?.tail.size ?? 0,
    tailBytes: () => session.view()?.tail.bytes ?? 0,
  });
  metrics.limits({
    queue_transfers: config.ledger.queueTransfersMax,
    tail_bytes: config.ledger.tailBytesMax,
  });
  return ledger;
}

function ledgerEvents({ logger, metrics }: ShardContext): LedgerEvents {
  return {
    applied: (transfers, ms) => metrics.applyCall({ transfers, seconds: ms / 1000 }),
    answered(order, answer) {
      logger.transferLogged(order, answer);
      metrics.transferAnswered(answer);
    },
    retried: (what) => metrics.retried(what),
    lookedUp: (ids) => metrics.idsLookedUp(ids),
    accountsHit: (hits) => metrics.accountsFound({ hits, misses: 0 }),
    holdEvent: (outcome) => logger.holdLogged(outcome),
    limitRefused: (limit) => metrics.limitRefused(limit),
    accountsMissed: (misses) => metrics.accountsFound({ hits: 0, misses }),
    evicted: (count) => metrics.accountsEvicted(count),
  };
}

/** The shard that also stores data that belongs to no account: API keys, and the request rates of users. */
export function firstOf(shards: readonly PodShard[]): PodShard {
  const [first] = shards;
  if (!first) throw new Error('a pod has at least one shard');
  return first;
}

/**
 * The number of requests that wait for a store; they need memory, but no CPU. While one of several shards is closed,
 * all its open requests count as waiting, so that they do not keep the pod from serving the other shards.
 */
export function waitingIn({ context, session, ledger }: PodShard): number {
  const isOpen = session.view() !== null || session.direct() !== null;
  return isOpen || context.config.ledger.shards === 1 ? ledger.requestsWaitingForDatabase : ledger.open;
}

/** What the pod's readiness depends on in a shard. */
export function servedShard({ context, session }: PodShard): ServedShard {
  return {
    complaints: () => session.complaints(),
    serves: () => session.view() !== null || session.direct() !== null,
    lostShards: new LostShards(context.database),
  };
}
