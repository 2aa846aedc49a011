import type { Redis } from 'ioredis';
import type { Config } from '../config/config.ts';
import { configOfShard } from '../config/shard-config.ts';
import type { Clock } from '../kernel/clock.ts';
import { LedgerClock } from '../ledger/ledger-clock.ts';
import { AuthorityStore } from '../mysql/authority/authority-store.ts';
import { FormatStore } from '../mysql/authority/format-store.ts';
import { MysqlHandOverStore } from '../mysql/authority/hand-over-store.ts';
import { RecoveryStore } from '../mysql/authority/recovery-store.ts';
import { StopStore } from '../mysql/authority/stop-store.ts';
import { UnsettledStore } from '../mysql/authority/unsettled-store.ts';
import { OwnLedger } from '../mysql/connection/own-ledger.ts';
import type { Database } from '../mysql/connection/pool.ts';
import { DirectStore } from '../mysql/ledger/direct-store.ts';
import { FlushStore } from '../mysql/ledger/flush-store.ts';
import { LedgerReader } from '../mysql/ledger/ledger-reader.ts';
import { MysqlLogStore } from '../mysql/ledger/log-store.ts';
import { MysqlSealedLog } from '../mysql/ledger/sealed-log-reader.ts';
import { LedgerIdentity } from '../mysql/operations/ledger-identity.ts';
import { connectRedis } from '../redis/connection.ts';
import { RedisScripts } from '../redis/redis-scripts.ts';
import { type ShardPrefix, shardPrefix, slotOfPrefix } from '../redis/shard-prefix.ts';
import { WatchedScripts } from '../redis/watched-scripts.ts';
import { Detector } from '../telemetry/breaker.ts';
import type { LedgerMetrics } from '../telemetry/ledger-metrics.ts';
import type { AppLogger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/span.ts';
import type { MysqlPools } from './mysql-pools.ts';
import { tracedCall } from './traced.ts';

/** The components of a process that do not depend on a shard. */
export interface ProcessParts {
  /** The configuration of the process; each shard has its own version. */
  config: Config;
  clock: Clock;
  /**
   * The name of this process in logs and in the authority's log: the host and a random part, because a restarted
   * process must have a different name.
   */
  processId: string;
  metrics: Metrics;
  /** The tracing of this process; null if no endpoint for traces is configured. */
  tracing: Tracing | null;
  /** The ledger to which the databases of all shards must belong: that of the first connection. */
  ledger: { id: string | null };
}

/**
 * The components of both roles for one shard, which is a whole ledger. A role creates everything that it needs for a ledger
 * once per shard, from the shard's context.
 */
export interface ShardContext extends Omit<ProcessParts, 'metrics' | 'ledger'> {
  /** From 0 to SHARDS - 1. */
  shard: number;
  metrics: LedgerMetrics;
  /** The lines of this log name the shard, if there are several. */
  logger: AppLogger;
  /** The identity of this ledger for Redis and for other installations. */
  identity: LedgerIdentity;
  redis: Redis;
  /** The prefix of all keys of this shard in Redis. */
  keyPrefix: ShardPrefix;
  scripts: RedisScripts;
  cache: WatchedScripts;
  database: Database;
  authority: AuthorityStore;
  formats: FormatStore;
  stops: StopStore;
  handOverStore: MysqlHandOverStore;
  recoveryStore: RecoveryStore;
  unsettled: UnsettledStore;
  /**
   * The same stores, on the connections of requests: reads by operators must not delay the work that moves the
   * authority or flushes the journal.
   */
  opsReads: { authority: AuthorityStore; formats: FormatStore; flushStore: FlushStore; stops: StopStore };
  direct: DirectStore;
  ledgerClock: LedgerClock;
  flushStore: FlushStore;
  logStore: MysqlLogStore;
  /** Reads the log, over the connections that are used for requests. */
  sealedLog: MysqlSealedLog;
  reader: LedgerReader;
  detectors: { redis: Detector; mysql: Detector };
}

/** @param logger the log of this shard */
export function createShard(
  parts: ProcessParts,
  shard: number,
  pools: MysqlPools,
  logger: AppLogger,
): ShardContext & Disposable {
  const { clock, processId, tracing } = parts;
  const config = configOfShard(parts.config, shard);
  const { shards } = config.ledger;
  const metrics = parts.metrics.ofShard(shards === 1 ? null : shard);
  const detectors = {
    redis: new Detector('redis', config.breakers, metrics.breakerMoved),
    mysql: new Detector('mysql', config.breakers, metrics.breakerMoved),
  };
  const watch = {
    succeeded: () => detectors.mysql.succeeded(),
    failed(error: unknown) {
      metrics.mysqlFailed();
      detectors.mysql.failed(error);
    },
  };
  const own = new OwnLedger({ shard, shards }, parts.ledger);
  const { requests, protocol, recovering, direct } = pools.databasesOf(config.mysql.url, watch, own);
  const keyPrefix = shardPrefix(config.ledger.keyPrefix, shard, shards);
  const connects = config.process.role !== 'webhooks';
  const redis = connectRedis({ ...config.redis, slot: slotOfPrefix(keyPrefix), connects });
  const identity = new LedgerIdentity(protocol);
  const scripts = new RedisScripts(redis, keyPrefix, () => identity.read());
  const ledgerClock = new LedgerClock({ clock, onOff: (offMs) => logClock(context.logger, offMs) });
  metrics.sample({ clockOffsetSeconds: () => ledgerClock.offMs / 1000 });
  const context: ShardContext & Disposable = {
    shard,
    config,
    clock,
    processId,
    logger,
    metrics,
    tracing,
    identity,
    redis,
    keyPrefix,
    scripts,
    cache: watchScripts(scripts, { metrics, detector: detectors.redis, ledgerClock, tracing }),
    database: requests,
    ledgerClock,
    authority: new AuthorityStore(protocol, (timeMs, mode) => ledgerClock.heardDatabase(timeMs, mode)),
    formats: new FormatStore(protocol),
    stops: new StopStore(protocol),
    handOverStore: new MysqlHandOverStore(protocol),
    recoveryStore: new RecoveryStore(recovering),
    unsettled: new UnsettledStore(requests),
    opsReads: {
      authority: new AuthorityStore(requests),
      formats: new FormatStore(requests),
      flushStore: new FlushStore(requests),
      stops: new StopStore(requests),
    },
    direct: new DirectStore({ database: direct, clock, onReached: (reached) => metrics.limitsReached(reached) }),
    flushStore: new FlushStore(protocol, (reached) => metrics.limitsReached(reached)),
    logStore: new MysqlLogStore(protocol),
    sealedLog: new MysqlSealedLog(requests),
    reader: new LedgerReader(requests),
    detectors,
    [Symbol.dispose]() {
      redis.disconnect();
      detectors.mysql[Symbol.dispose]();
      detectors.redis[Symbol.dispose]();
    },
  };
  return context;
}

interface ScriptsWatch {
  metrics: LedgerMetrics;
  detector: Detector;
  ledgerClock: LedgerClock;
  tracing: Tracing | null;
}

function watchScripts(scripts: RedisScripts, { metrics, detector, ledgerClock, tracing }: ScriptsWatch) {
  return new WatchedScripts(scripts, {
    succeeded: () => detector.succeeded(),
    heard: (timeMs) => ledgerClock.heardCache(timeMs),
    ...(tracing && { aroundApply: (items, call) => tracedCall(tracing, 'redis', items, call) }),
    failed(error) {
      metrics.redisFailed();
      detector.failed(error);
    },
  });
}

function logClock({ log }: AppLogger, offMs: number | null): void {
  if (offMs === null) log.info({}, "the clock of this process agrees with the ledger's again");
  else log.warn({ offsetSeconds: offMs / 1000 }, "the clock of this process deviates from the ledger's");
}
