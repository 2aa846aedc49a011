import { parseRedisUrl, REDIS_URL_RANGE } from '../kernel/redis-url.ts';
import {
  choice,
  GIB,
  HOUR_MS,
  integer,
  MIB,
  MINUTE_MS,
  optional,
  required,
  setting,
  shardUrls,
  text,
  timeZone,
} from './config-kinds.ts';

function isMysqlUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return (
    url !== null && /^(mysql|mariadb):$/.test(url.protocol) && url.hostname !== '' && /^\/[^/]+$/.test(url.pathname)
  );
}

/** Settings of the stores and of the ledger: connections, times, counts and sizes. Part of `SETTINGS`. */
export const LEDGER_SETTINGS = {
  redis: {
    url: required(
      'REDIS_URL',
      shardUrls(REDIS_URL_RANGE, (url) => parseRedisUrl(url) !== null),
      'Redis that holds the balances: its address, or those of the Sentinels or cluster nodes through which it is found. `{shard}` stands for the number of the shard, from 0. Alternatively, list one URL per shard, separated by whitespace. Shards may share a Redis.',
    ),
    connectTimeoutMs: setting(
      'REDIS_CONNECT_TIMEOUT_MS',
      integer(50, MINUTE_MS),
      1000,
      'Connection timeout for Redis.',
    ),
    commandTimeoutMs: setting(
      'REDIS_COMMAND_TIMEOUT_MS',
      integer(50, MINUTE_MS),
      1500,
      'Maximum time to wait for a reply from Redis; after that the call is in doubt.',
    ),
    managed: setting(
      'REDIS_MANAGED',
      choice('false', 'true'),
      'false',
      'Declares that a Redis that refuses `CONFIG GET` runs with `appendfsync always` and `no-appendfsync-on-rewrite no`. Settings that `INFO` reports are still checked.',
    ),
  },
  mysql: {
    url: required(
      'MYSQL_URL',
      shardUrls('mysql://user[:password]@host[:port]/database', isMysqlUrl),
      'MySQL database that stores all data permanently. `{shard}` works as in `REDIS_URL`, but every shard needs a database of its own.',
    ),
    poolMax: setting(
      'MYSQL_POOL_MAX',
      integer(2, 1000),
      10,
      'Maximum number of connections from this process to one MySQL server, not counting the few that keepers and the protocol use.',
    ),
    queueMax: setting(
      'MYSQL_QUEUE_MAX',
      integer(1, 100_000),
      1000,
      'Maximum number of queries waiting for a connection; further ones fail immediately.',
    ),
    connectTimeoutMs: setting(
      'MYSQL_CONNECT_TIMEOUT_MS',
      integer(50, MINUTE_MS),
      2000,
      'Connection timeout for MySQL.',
    ),
    queryTimeoutMs: setting('MYSQL_QUERY_TIMEOUT_MS', integer(100, 10 * MINUTE_MS), 5000, 'Query timeout.'),
    lockWaitTimeoutS: setting(
      'MYSQL_LOCK_WAIT_TIMEOUT_S',
      integer(1, 60),
      5,
      '`innodb_lock_wait_timeout` of the connections: how long a statement waits for a row lock.',
    ),
    commandWaitMs: setting(
      'MYSQL_COMMAND_WAIT_MS',
      integer(0, HOUR_MS),
      2 * MINUTE_MS,
      'How long `migrate` and `renew-identity` wait until MySQL accepts a connection. API pods and keepers wait without a limit.',
    ),
  },
  search: {
    enabled: setting(
      'SEARCH',
      choice('off', 'on'),
      'off',
      'Whether transfers and accounts can be listed. With `on`, a process with the role `search` must be running.',
    ),
    mysqlUrl: optional(
      'SEARCH_MYSQL_URL',
      shardUrls('mysql://user[:password]@host[:port]/database', isMysqlUrl),
      'MySQL database with the search index. `{shard}` works as in `REDIS_URL`, but every shard needs a search database of its own. If it is not set, the index is in the database of the ledger.',
    ),
  },
  ledger: {
    keyPrefix: setting(
      'KEY_PREFIX',
      text(/^[A-Za-z0-9_-]{1,16}$/, '1–16 characters A–Z a–z 0–9 _ -'),
      'hf',
      'Prefix of every key in Redis.',
    ),
    shards: setting(
      'SHARDS',
      integer(1, 1024),
      1,
      'Number of shards of the ledger; only a split (docs/shards.md) changes it.',
    ),
    queueTransfersMax: setting(
      'QUEUE_TRANSFERS_MAX',
      integer(1000, 1_000_000),
      20_000,
      'Maximum number of transfers in this pod that wait for their script call; further ones get `overloaded`. Divided by the number of shards, but at least 1000 for each.',
    ),
    applyBatchMax: setting(
      'APPLY_BATCH_MAX',
      integer(1, 1000),
      1000,
      'Maximum number of transfers in one script call.',
    ),
    applyCallsInFlightMax: setting(
      'APPLY_CALLS_IN_FLIGHT_MAX',
      integer(1, 64),
      2,
      'Maximum number of concurrent script calls of this pod.',
    ),
    secondCallTransfersMin: setting(
      'SECOND_CALL_TRANSFERS_MIN',
      integer(1, 1000),
      32,
      'Minimum number of waiting transfers that starts a second, concurrent script call; with fewer, they wait until the first call returns. The fixed cost of a call is about that of ten transfers.',
    ),
    cachedAccountsMax: setting(
      'CACHED_ACCOUNTS_MAX',
      integer(1000, 100_000_000),
      1_000_000,
      'Maximum number of accounts of a shard in Redis; beyond it, the least recently used ones are evicted.',
    ),
    cachedHoldsMax: setting(
      'CACHED_HOLDS_MAX',
      integer(1000, 100_000_000),
      500_000,
      'Maximum number of holds of a shard in Redis; beyond it, keepers evict holds that are in MySQL, beginning with those that have ended.',
    ),
    idWindowMs: setting(
      'ID_WINDOW_MS',
      integer(1000, 24 * HOUR_MS),
      120_000,
      'How long Redis remembers transaction ids; older ones are looked up in MySQL.',
    ),
    backlogEntriesMax: setting(
      'BACKLOG_ENTRIES_MAX',
      integer(1000, 100_000_000),
      2_000_000,
      'Maximum length of the journal of a shard; when it is reached, writes get `backlog_full`.',
    ),
    backlogAgeMaxMs: setting(
      'BACKLOG_AGE_MAX_MS',
      integer(1000, 24 * HOUR_MS),
      600_000,
      'Maximum age of a journal entry; when it is reached, writes get `backlog_full`.',
    ),
    businessTimeZone: setting(
      'BUSINESS_TIME_ZONE',
      timeZone(),
      'UTC',
      'Time zone of business days, in which limits per day and month are counted. A change takes effect on the first day that begins more than two days later.',
    ),
    businessDayCutoff: setting(
      'BUSINESS_DAY_CUTOFF',
      text(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time such as 00:00 or 17:30'),
      '00:00',
      'When a business day ends and the next one begins, by the clock of `BUSINESS_TIME_ZONE`. A cutoff at noon or later begins the business day of the next date.',
    ),
    tailBytesMax: setting(
      'TAIL_BYTES_MAX',
      integer(MIB, 64 * GIB),
      512 * MIB,
      'Memory of this pod for entries that may not be in MySQL yet; when it is full, writes get `backlog_full`. Divided by the number of shards, but at least 1 MiB for each.',
    ),
  },
  sync: {
    flushBatchMax: setting(
      'FLUSH_BATCH_MAX',
      integer(1, 20_000),
      8000,
      'Maximum number of transfers in one flush transaction. Each transaction writes an account once, so large transactions cost less per transfer.',
    ),
    flushGatherMs: setting(
      'FLUSH_GATHER_MS',
      integer(0, 10_000),
      50,
      'How long a flush waits for further transfers, because small transactions are expensive.',
    ),
    flushRetryBaseMs: setting(
      'FLUSH_RETRY_BASE_MS',
      integer(1, MINUTE_MS),
      50,
      'Delay before the first retry of a flush; doubles with each retry.',
    ),
    flushRetryMaxMs: setting(
      'FLUSH_RETRY_MAX_MS',
      integer(1, MINUTE_MS),
      5000,
      'Maximum delay between retries of a flush.',
    ),
    flushAlertAfterFailures: setting(
      'FLUSH_ALERT_AFTER_FAILURES',
      integer(1, 1000),
      5,
      'Number of consecutive failures after which administrators are alerted; retries continue.',
    ),
    lagAlertMs: setting(
      'LAG_ALERT_MS',
      integer(100, HOUR_MS),
      30_000,
      'How long a keeper may go without flushing before it logs the error `flushing is falling behind`.',
    ),
  },
  authority: {
    heartbeatMs: setting('HEARTBEAT_MS', integer(50, MINUTE_MS), 1000, 'Interval at which a pod reports to MySQL.'),
    redisLostAfterMs: setting(
      'REDIS_LOST_AFTER_MS',
      integer(100, HOUR_MS),
      1500,
      'How long a keeper must be unable to reach Redis before the ledger switches to MySQL, unless most pods still reach Redis.',
    ),
    redisLostByPodsAfterMs: setting(
      'REDIS_LOST_BY_PODS_AFTER_MS',
      integer(100, HOUR_MS),
      5000,
      'How long most pods must be unable to reach Redis before the ledger switches to MySQL, even if the keepers reach it.',
    ),
    redisSteadyAfterMs: setting(
      'REDIS_STEADY_AFTER_MS',
      integer(0, HOUR_MS),
      3000,
      'How long Redis must be steady after a loss before the ledger returns to it; doubles with each further loss within 5 min.',
    ),
    podRetireAfterMs: setting(
      'POD_RETIRE_AFTER_MS',
      integer(500, HOUR_MS),
      15_000,
      'How long a pod must be silent before it is retired.',
    ),
  },
} as const;
