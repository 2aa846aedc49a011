import { Keeper } from '../authority/keeper/keeper.ts';
import { Retirement } from '../authority/keeper/retirement.ts';
import type { Authority } from '../domain/authority.ts';
import { SyncSupervisor } from '../jobs/sync-supervisor.ts';
import type { KeeperCaller } from '../journal/cache-port.ts';
import { FailureReport } from '../kernel/failure-report.ts';
import { cachePages } from '../redis/cache-pages.ts';
import { inspectServer } from '../redis/connection.ts';
import { sweepEpochsBefore } from '../redis/epoch-sweep.ts';
import { Keys } from '../redis/run-script.ts';
import { Flusher } from '../sync/flusher.ts';
import { IdJanitor } from '../sync/id-janitor.ts';
import { closeAdminServer, startAdminServer } from './admin-server.ts';
import type { Running } from './api-role.ts';
import type { Context } from './context.ts';
import { flushEvents } from './flush-events.ts';
import { SharedReconciliation } from './shared-reconciliation.ts';
import { tracedFlush } from './traced.ts';

/** Processing takes some ten times as much memory. */
const FLUSH_CHARS_MAX = 8 * 1024 * 1024;
const STEP_MS = 100;
const HOUSEKEEPING_MS = 2_000;
const SUPERVISION_MS = 5_000;
/** How often a keeper checks whether the reconciliation is due. */
const SCHEDULE_MS = 10_000;

/** A keeper: moves the authority, flushes the journal, and cleans up Redis. Any number may run. */
export async function startKeeper(context: Context): Promise<Running> {
  const { config, clock, scripts, authority, handOverStore, flushStore, logger, metrics, redis } = context;
  const log = logger.log;
  let stopping = false;
  // Before anything starts that would keep the process alive: a port in use aborts the startup.
  const server = await startAdminServer({
    readiness: () => ({ ready: !stopping, reasons: stopping ? ['it is shutting down'] : [] }),
    metrics,
    host: config.http.host,
    port: config.http.adminPort,
  });
  const stopped = new AbortController();
  const events = flushEvents(context);
  const store = tracedFlush(flushStore, context.tracing);
  const limits = {
    batchMax: config.sync.flushBatchMax,
    charsMax: FLUSH_CHARS_MAX,
    gatherMs: config.sync.flushGatherMs,
    retryBaseMs: config.sync.flushRetryBaseMs,
    retryMaxMs: config.sync.flushRetryMaxMs,
    alertAfterFailures: config.sync.flushAlertAfterFailures,
  };
  const flusher = new Flusher({ cache: scripts, store, clock, limits, events });
  // A failure while an epoch is recovered is retried by whichever keeper is next: the mode shows that the recovery is
  // not complete yet.
  const recoveryEvents = { ...events, alert() {}, waiting() {} };
  const recoveryFlusher = new Flusher({ cache: scripts, store, clock, limits, events: recoveryEvents });
  const keeper = new Keeper({
    keeperId: context.processId,
    authority,
    recoveryStore: context.recoveryStore,
    cache: scripts,
    flusher: recoveryFlusher,
    inspect: () => inspectServer(redis, config.redis.managed === 'true'),
    sweepEpochsBefore: (epoch, caller) =>
      sweepEpochsBefore({ redis, scripts, keyPrefix: config.ledger.keyPrefix }, epoch, caller),
    clock,
    logger: log,
    timing: {
      lostAfterMs: config.authority.redisLostAfterMs,
      lostByPodsAfterMs: config.authority.redisLostByPodsAfterMs,
      steadyAfterMs: config.authority.redisSteadyAfterMs,
    },
    onAuthority: (now) => metrics.authority(now),
    onRedisOwner: (state) => metrics.redisOwner(state),
  });
  const janitor = new IdJanitor({ cache: scripts, clock, windowMs: config.ledger.idWindowMs });
  const retirement = new Retirement({
    pods: () => authority.pods(),
    markRetired: (podId, seq) => authority.markRetired(podId, seq),
    removePod: (podId) => authority.removePod(podId),
    cache: scripts,
    clock,
    logger: log,
    retireAfterMs: config.authority.podRetireAfterMs,
  });
  let target = null as KeeperCaller | null;

  const moving = (async () => {
    const report = new FailureReport(clock, log, 'authority step failed; retrying');
    while (!stopped.signal.aborted) {
      try {
        const now = await keeper.step();
        target = targetOf(now);
        report.succeeded();
      } catch (error) {
        report.failedWith(error);
      }
      await clock.sleep(STEP_MS, stopped.signal);
    }
  })();
  const flushing = flusher.run(() => target, stopped.signal);
  let frozenAccounts = 0;
  let accountsCached = 0;
  metrics.sample({ frozenAccounts: () => frozenAccounts, accountsCached: () => accountsCached });
  metrics.limits({ journal_entries: config.ledger.backlogEntriesMax });
  // Often enough to detect an uninterrupted silence.
  const housekeepingMs = Math.min(HOUSEKEEPING_MS, config.authority.podRetireAfterMs / 8);
  const startSupervisor = (ledgerId: string) =>
    new SyncSupervisor({
      redisUrl: config.redis.url,
      // Not the queue of another installation on this Redis.
      keyPrefix: `${config.ledger.keyPrefix}:${ledgerId}`,
      everyMs: SUPERVISION_MS,
      logger: log,
      async supervise() {
        const silentMs = clock.monotonic() - flusher.lastProgressAt;
        if (target && silentMs > config.sync.lagAlertMs)
          throw new Error(`nothing was flushed for ${Math.round(silentMs)} ms`);
      },
    });
  let supervisor = null as SyncSupervisor | null;
  const tidying = (async () => {
    const report = new FailureReport(clock, log, 'housekeeping was postponed');
    while (!stopped.signal.aborted) {
      try {
        await authority.keeperHeartbeat(context.processId);
        supervisor ??= startSupervisor(await context.identity.read());
        frozenAccounts = await context.unsettled.frozenAccounts();
        const caller = target;
        accountsCached = caller ? await redis.hlen(new Keys(config.ledger.keyPrefix, caller.epoch).accounts) : 0;
        if (!caller) {
          report.succeeded();
          continue;
        }
        const { seq, idTimeMax } = await flushStore.cursor();
        await janitor.round(caller, idTimeMax);
        await retirement.round(caller, seq);
        await handOverStore.forget(caller.epoch, seq);
        report.succeeded();
      } catch (error) {
        report.failedWith(error);
      } finally {
        await clock.sleep(housekeepingMs, stopped.signal);
      }
    }
  })();
  const reconciliation = new SharedReconciliation(context, () =>
    target
      ? cachePages(
          { redis, scripts, keyPrefix: config.ledger.keyPrefix },
          { epoch: target.epoch, replid: target.replid, podId: 'keeper' },
        )
      : null,
  );
  const reconciling = (async () => {
    while (!stopped.signal.aborted) {
      // Not awaited: a process that is asked to stop does not wait for a long reconciliation; another process restarts
      // it.
      reconciliation.whenDue().catch((error: unknown) => log.error({ err: error }, 'the reconciliation failed'));
      await clock.sleep(SCHEDULE_MS, stopped.signal);
    }
  })();
  log.info({ adminPort: config.http.adminPort }, 'the keeper is running');
  return {
    server,
    async stop() {
      stopping = true;
      await catchUp(context, () => target, flusher);
      stopped.abort();
      await Promise.all([moving, flushing, tidying, reconciling]);
      await authority.removeKeeper(context.processId).catch(() => {});
      await supervisor?.[Symbol.asyncDispose]();
      await closeAdminServer(server);
    },
  };
}

function targetOf(authority: Authority): KeeperCaller | null {
  if (authority.mode !== 'CACHE' || authority.replid === null) return null;
  return { fenceEpoch: authority.epoch, epoch: authority.epoch, replid: authority.replid };
}

/**
 * Lets the flush reach the end of the journal before it stops, as far as the grace period allows: other keepers take
 * over the rest.
 */
async function catchUp(
  { clock, config, scripts, flushStore, logger }: Context,
  target: () => KeeperCaller | null,
  flusher: Flusher,
): Promise<void> {
  const deadline = clock.monotonic() + config.process.shutdownGraceMs / 2;
  const caller = target();
  if (!caller) return;
  try {
    // The current end: pods may keep writing.
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
