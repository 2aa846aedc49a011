import { isSecureUrl } from '../kernel/secure-url.ts';
import {
  choice,
  cron,
  integer,
  optional,
  ratio,
  required,
  secret,
  setting,
  text,
  timeZone,
  url,
} from './config-kinds.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** All settings, grouped and named as in `Config`. Other variables are not read. */
export const SETTINGS = {
  process: {
    role: setting('ROLE', choice('api', 'keeper'), 'api', 'Role of this process: API pod or keeper.'),
    shutdownGraceMs: setting(
      'SHUTDOWN_GRACE_MS',
      integer(0, 10 * MINUTE_MS),
      25_000,
      'Maximum time from SIGTERM to exit. Must be less than `terminationGracePeriodSeconds` in Kubernetes.',
    ),
    preStopDelayMs: setting(
      'PRE_STOP_DELAY_MS',
      integer(0, MINUTE_MS),
      0,
      'How long a pod that is already unready still accepts connections after SIGTERM, so that load balancers can react.',
    ),
  },
  http: {
    host: setting(
      'HOST',
      text(/^[\w.:-]{1,255}$/, 'an address or host name'),
      '0.0.0.0',
      'Address on which the process listens.',
    ),
    port: setting('PORT', integer(0, 65_535), 8080, 'Port of the API; 0 selects any free port.'),
    adminPort: setting(
      'ADMIN_PORT',
      integer(0, 65_535),
      0,
      'Separate port for metrics and probes; the API port then serves only the probes. 0: no separate port, the API port serves both.',
    ),
    requestTimeoutMs: setting(
      'REQUEST_TIMEOUT_MS',
      integer(100, 2 * MINUTE_MS),
      10_000,
      'Maximum time a request may take, including the time it waits for the ledger.',
    ),
    keepAliveTimeoutMs: setting(
      'KEEP_ALIVE_TIMEOUT_MS',
      integer(1000, HOUR_MS),
      65_000,
      'How long an idle connection stays open. Must exceed the idle timeout of the load balancer, which otherwise reuses closed connections.',
    ),
    bodyBytesMax: setting(
      'BODY_BYTES_MAX',
      integer(MIB, 16 * MIB),
      2 * MIB,
      'Maximum size of a list body; a batch of 1000 transfers must fit. Any other body may have 64 KiB.',
    ),
    requestsInFlightMax: setting(
      'REQUESTS_IN_FLIGHT_MAX',
      integer(1, 100_000),
      5000,
      'Maximum number of concurrent requests; further ones get `overloaded`.',
    ),
    requestsInFlightBusyMax: setting(
      'REQUESTS_IN_FLIGHT_BUSY_MAX',
      integer(1, 100_000),
      400,
      'The same limit while the pod is short of CPU rather than waiting for a store. A higher limit would only delay the responses.',
    ),
    connectionsMax: setting(
      'CONNECTIONS_MAX',
      integer(100, 100_000),
      10_000,
      'Maximum number of open client connections; further ones are closed immediately.',
    ),
    connectionAgeMaxMs: setting(
      'CONNECTION_AGE_MAX_MS',
      integer(0, HOUR_MS),
      30_000,
      'Age at which a client connection is closed after its response, so that new pods get their share. Each connection gets 50 to 100 % of this. 0: never.',
    ),
    requestsPerSecondPerUserMax: setting(
      'REQUESTS_PER_SECOND_PER_USER_MAX',
      integer(0, 1_000_000),
      0,
      'Requests per second that one user may send to all pods together; further ones get `rate_limited`. 0: no limit.',
    ),
  },
  redis: {
    url: required(
      'REDIS_URL',
      url(['redis', 'rediss'], 'redis://[user:password@]host[:port][/database] or rediss://…'),
      'Redis server that holds the balances.',
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
      url(['mysql', 'mariadb'], 'mysql://user[:password]@host[:port]/database', (u) => /^\/[^/]+$/.test(u.pathname)),
      'MySQL database that stores all data permanently.',
    ),
    poolMax: setting(
      'MYSQL_POOL_MAX',
      integer(2, 1000),
      10,
      'Maximum number of connections from this process to MySQL.',
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
  ledger: {
    keyPrefix: setting(
      'KEY_PREFIX',
      text(/^[A-Za-z0-9_-]{1,16}$/, '1–16 characters A–Z a–z 0–9 _ -'),
      'hf',
      'Prefix of every key in Redis.',
    ),
    shards: setting('SHARDS', integer(1, 1024), 1, 'Number of partitions of the accounts. Only 1 is supported.'),
    queueTransfersMax: setting(
      'QUEUE_TRANSFERS_MAX',
      integer(1000, 1_000_000),
      20_000,
      'Maximum number of transfers in this pod that wait for their script call; further ones get `overloaded`.',
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
      'Maximum number of accounts in Redis; beyond it, the least recently used ones are evicted.',
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
      'Maximum length of the journal; when it is reached, writes get `backlog_full`.',
    ),
    backlogAgeMaxMs: setting(
      'BACKLOG_AGE_MAX_MS',
      integer(1000, 24 * HOUR_MS),
      600_000,
      'Maximum age of a journal entry; when it is reached, writes get `backlog_full`.',
    ),
    tailBytesMax: setting(
      'TAIL_BYTES_MAX',
      integer(MIB, 64 * GIB),
      512 * MIB,
      'Memory of this pod for entries that may not be in MySQL yet; when it is full, writes get `backlog_full`.',
    ),
  },
  sync: {
    flushBatchMax: setting(
      'FLUSH_BATCH_MAX',
      integer(1, 20_000),
      8000,
      'Maximum number of transfers in one flush transaction. Each transaction writes an account once, so large ones cost less.',
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
  jobs: {
    reconciliationCron: setting(
      'RECONCILIATION_CRON',
      cron(),
      '0 3 * * *',
      'Schedule of the reconciliation of balances, postings and sums. It runs once, regardless of the number of keepers.',
    ),
    reconciliationTimeZone: setting(
      'RECONCILIATION_TIME_ZONE',
      timeZone(),
      'UTC',
      'Time zone of `RECONCILIATION_CRON`. A time skipped by daylight saving time is due when the clock jumps over it; a time that occurs twice runs once.',
    ),
  },
  auth: {
    bootstrapApiKey: optional(
      'BOOTSTRAP_API_KEY',
      secret(24),
      'Initial API key with every scope; remove it once other keys exist.',
    ),
    jwtIssuer: optional(
      'JWT_ISSUER',
      text(/^\S{1,255}$/, '1–255 characters'),
      'Required `iss` of a JWT. If neither `JWT_JWKS_FILE` nor `JWT_JWKS_URL` is set, its keys are found through OpenID Connect Discovery.',
    ),
    jwtAudience: optional('JWT_AUDIENCE', text(/^\S{1,255}$/, '1–255 characters'), 'Required `aud` of a JWT.'),
    jwtJwksFile: optional(
      'JWT_JWKS_FILE',
      text(/^.{1,4096}$/, 'a path'),
      'File with the public keys of JWTs (JWKS), read once at startup.',
    ),
    jwtJwksUrl: optional(
      'JWT_JWKS_URL',
      url(['https', 'http'], 'https://host[:port]/path, or http:// on loopback', ({ href }) => isSecureUrl(href)),
      'URL of the public keys of JWTs (JWKS), fetched every 10 minutes and when a token names an unknown key.',
    ),
  },
  telemetry: {
    logLevel: setting(
      'LOG_LEVEL',
      choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
      'info',
      'Minimum level that is logged. Transfers are logged at info.',
    ),
    otlpEndpoint: optional(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      url(['http', 'https'], 'http://host[:port][/path] or https://…'),
      'URL of the OTLP/HTTP collector, without `/v1/traces`. If it is not set, there is no tracing.',
    ),
    serviceName: setting(
      'OTEL_SERVICE_NAME',
      text(/^[\w.-]{1,64}$/, '1–64 characters A–Z a–z 0–9 _ . -'),
      'holdfast',
      'Name of the service in traces and logs.',
    ),
    traceSampleRatio: setting(
      'TRACE_SAMPLE_RATIO',
      ratio(),
      0.01,
      'Share of requests that are traced if the caller has not made a sampling decision.',
    ),
  },
  breakers: {
    errorThresholdPercent: setting(
      'BREAKER_ERROR_THRESHOLD_PERCENT',
      integer(1, 99),
      50,
      'Percentage of failed calls above which a store counts as down.',
    ),
    resetTimeoutMs: setting(
      'BREAKER_RESET_TIMEOUT_MS',
      integer(50, 10 * MINUTE_MS),
      1000,
      'How long a store counts as down before a successful test call can mark it as available again.',
    ),
    rollingWindowMs: setting(
      'BREAKER_ROLLING_WINDOW_MS',
      integer(100, 10 * MINUTE_MS),
      10_000,
      'Time window in which calls are counted.',
    ),
    volumeThreshold: setting(
      'BREAKER_VOLUME_THRESHOLD',
      integer(1, 100_000),
      5,
      'Minimum number of calls in the window; with fewer, no store counts as down.',
    ),
  },
} as const;
