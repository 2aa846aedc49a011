import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { Config } from '../config/config.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { LedgerClock } from '../ledger/ledger-clock.ts';
import { AuthorityStore } from '../mysql/authority/authority-store.ts';
import { FormatStore } from '../mysql/authority/format-store.ts';
import { MysqlHandOverStore } from '../mysql/authority/hand-over-store.ts';
import { RecoveryStore } from '../mysql/authority/recovery-store.ts';
import { UnsettledStore } from '../mysql/authority/unsettled-store.ts';
import { Database, FailoverCount } from '../mysql/connection/pool.ts';
import { DirectStore } from '../mysql/ledger/direct-store.ts';
import { FlushStore } from '../mysql/ledger/flush-store.ts';
import { LedgerReader } from '../mysql/ledger/ledger-reader.ts';
import { LedgerIdentity } from '../mysql/operations/ledger-identity.ts';
import { connectRedis } from '../redis/connection.ts';
import { RedisScripts } from '../redis/redis-scripts.ts';
import { type ShardPrefix, shardPrefix, slotOfPrefix } from '../redis/shard-prefix.ts';
import { WatchedScripts } from '../redis/watched-scripts.ts';
import { Detector } from '../telemetry/breaker.ts';
import { linesTo } from '../telemetry/lines.ts';
import { type AppLogger, createLogger } from '../telemetry/logger.ts';
import { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/span.ts';
import { startTracing } from '../telemetry/tracing.ts';
import { tracedCall } from './traced.ts';

const STDOUT = 1;
/**
 * Heartbeats, the authority and the flush have separate connections, because a flood of requests must not delay them.
 */
const PROTOCOL_CONNECTIONS = 4;
/** Maximum time for which a crashed process keeps the authority row locked, seconds. */
const PROTOCOL_WAIT_TIMEOUT_S = 10;

/** An epoch recovery reads the handed-over entries, and computes the result before it writes. */
const RECOVERY_CONNECTIONS = 2;
const RECOVERY_WAIT_TIMEOUT_S = 60;
/**
 * For transfers in MySQL: one connection for each call that the queue sends concurrently, and one more for account
 * changes.
 */
const DIRECT_CONNECTIONS = 4;
const DIRECT_LOCK_WAIT_S = 2;

/** The components of both roles. They are created once, in order, and disposed of in reverse order. */
export interface Context extends AsyncDisposable {
  config: Config;
  clock: Clock;
  /**
   * The name of this process in logs and in the authority's log: the host and a random part, because a restarted
   * process must have a different name.
   */
  processId: string;
  logger: AppLogger;
  metrics: Metrics;
  /** The tracing of this process; null if no endpoint for traces is configured. */
  tracing: Tracing | null;
  /** The identity of this ledger for Redis and for other installations. */
  identity: LedgerIdentity;
  redis: Redis;
  /** The prefix of all keys of this ledger in Redis. */
  keyPrefix: ShardPrefix;
  scripts: RedisScripts;
  cache: WatchedScripts;
  database: Database;
  authority: AuthorityStore;
  formats: FormatStore;
  handOverStore: MysqlHandOverStore;
  recoveryStore: RecoveryStore;
  unsettled: UnsettledStore;
  /**
   * The same stores, on the connections of requests: reads by operators must not delay the work that moves the
   * authority or flushes the journal.
   */
  opsReads: { authority: AuthorityStore; formats: FormatStore; flushStore: FlushStore };
  direct: DirectStore;
  ledgerClock: LedgerClock;
  flushStore: FlushStore;
  reader: LedgerReader;
  detectors: { redis: Detector; mysql: Detector };
}

export function newProcessId(): string {
  return `${hostname()
    .replace(/[^A-Za-z0-9.-]/g, '-')
    .slice(0, 40)}:${randomBytes(6).toString('hex')}`;
}

export async function createContext(config: Config, clock: Clock = systemClock): Promise<Context> {
  const processId = newProcessId();
  const metrics = new Metrics();
  const lines = linesTo(STDOUT, (count) => metrics.logLinesDropped(count));
  const { role } = config.process;
  const logger = createLogger(config.telemetry.logLevel, { service: 'holdfast', role, processId }, lines);
  const started = await startTracing(config.telemetry, { role, instanceId: processId }, logger.log);
  const tracing = config.telemetry.otlpEndpoint === null ? null : started;
  const detectors = {
    redis: new Detector('redis', config.breakers, metrics.breakerMoved),
    mysql: new Detector('mysql', config.breakers, metrics.breakerMoved),
  };
  const { requests, protocol, recovering, direct } = openDatabases(config, metrics, detectors.mysql);
  const keyPrefix = shardPrefix(config.ledger.keyPrefix);
  const redis = connectRedis({ ...config.redis, slot: slotOfPrefix(keyPrefix) });
  const identity = new LedgerIdentity(protocol);
  const scripts = new RedisScripts(redis, keyPrefix, () => identity.read());
  const ledgerClock = new LedgerClock({ clock, onOff: (offMs) => logClock(context.logger, offMs) });
  metrics.sample({ clockOffsetSeconds: () => ledgerClock.offMs / 1000 });
  const context: Context = {
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
    handOverStore: new MysqlHandOverStore(protocol),
    recoveryStore: new RecoveryStore(recovering),
    unsettled: new UnsettledStore(requests),
    opsReads: {
      authority: new AuthorityStore(requests),
      formats: new FormatStore(requests),
      flushStore: new FlushStore(requests),
    },
    direct: new DirectStore({ database: direct, clock, onReached: (reached) => metrics.limitsReached(reached) }),
    flushStore: new FlushStore(protocol, (reached) => metrics.limitsReached(reached)),
    reader: new LedgerReader(requests),
    detectors,
    async [Symbol.asyncDispose]() {
      redis.disconnect();
      for (const database of [direct, recovering, protocol, requests]) await database[Symbol.asyncDispose]();
      detectors.mysql[Symbol.dispose]();
      detectors.redis[Symbol.dispose]();
      await started[Symbol.asyncDispose]();
    },
  };
  return context;
}

/** Opens separate pools, so that work in one of them does not delay the others. */
function openDatabases({ mysql }: Config, metrics: Metrics, detector: Detector) {
  const shared = {
    url: mysql.url,
    queueMax: mysql.queueMax,
    connectTimeoutMs: mysql.connectTimeoutMs,
    queryTimeoutMs: mysql.queryTimeoutMs,
    lockWaitTimeoutS: mysql.lockWaitTimeoutS,
    readOnly: new FailoverCount(),
    watch: {
      succeeded: () => detector.succeeded(),
      failed(error: unknown) {
        metrics.mysqlFailed();
        detector.failed(error);
      },
    },
  };
  return {
    requests: new Database({ ...shared, connectionsMax: mysql.poolMax }),
    protocol: new Database({
      ...shared,
      connectionsMax: PROTOCOL_CONNECTIONS,
      waitTimeoutS: PROTOCOL_WAIT_TIMEOUT_S,
    }),
    recovering: new Database({
      ...shared,
      connectionsMax: RECOVERY_CONNECTIONS,
      waitTimeoutS: RECOVERY_WAIT_TIMEOUT_S,
    }),
    direct: new Database({
      ...shared,
      connectionsMax: DIRECT_CONNECTIONS,
      lockWaitTimeoutS: DIRECT_LOCK_WAIT_S,
      waitTimeoutS: PROTOCOL_WAIT_TIMEOUT_S,
    }),
  };
}

interface ScriptsWatch {
  metrics: Metrics;
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
