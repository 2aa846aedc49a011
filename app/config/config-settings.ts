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

/** Every setting there is, in the groups and under the names of `Config`. A variable that is not here is not read. */
export const SETTINGS = {
  process: {
    role: setting('ROLE', choice('api', 'keeper'), 'api', 'What this process is: an API pod, or a keeper.'),
    shutdownGraceMs: setting(
      'SHUTDOWN_GRACE_MS',
      integer(0, 10 * MINUTE_MS),
      25_000,
      'Longest time from SIGTERM to exit; below the `terminationGracePeriodSeconds` of Kubernetes.',
    ),
    preStopDelayMs: setting(
      'PRE_STOP_DELAY_MS',
      integer(0, MINUTE_MS),
      0,
      'How long the pod still accepts connections after SIGTERM while already unready, so that balancers notice.',
    ),
  },
  http: {
    host: setting('HOST', text(/^[\w.:-]{1,255}$/, 'an address or host name'), '0.0.0.0', 'Address to listen on.'),
    port: setting('PORT', integer(0, 65_535), 8080, 'Port of the API; 0 takes any free one.'),
    adminPort: setting(
      'ADMIN_PORT',
      integer(0, 65_535),
      0,
      'Port of its own for metrics and probes: the API port then has the probes alone. 0: none, the API port answers both.',
    ),
    requestTimeoutMs: setting(
      'REQUEST_TIMEOUT_MS',
      integer(100, 2 * MINUTE_MS),
      10_000,
      'Longest time a request is held, waiting for the ledger included.',
    ),
    keepAliveTimeoutMs: setting(
      'KEEP_ALIVE_TIMEOUT_MS',
      integer(1000, HOUR_MS),
      65_000,
      'How long an idle connection stays open; above the idle time-out of the balancer in front, or it reuses closed ones.',
    ),
    bodyBytesMax: setting(
      'BODY_BYTES_MAX',
      integer(MIB, 16 * MIB),
      2 * MIB,
      'Largest body of a list; a batch of 1000 transfers must fit. Any other body may have 64 KiB.',
    ),
    requestsInFlightMax: setting(
      'REQUESTS_IN_FLIGHT_MAX',
      integer(1, 100_000),
      5000,
      'Requests handled at the same time; more are answered `overloaded`.',
    ),
    requestsInFlightBusyMax: setting(
      'REQUESTS_IN_FLIGHT_BUSY_MAX',
      integer(1, 100_000),
      400,
      'The same while the pod is short of CPU, and not just waiting for a store: more would only be answered later.',
    ),
    connectionsMax: setting(
      'CONNECTIONS_MAX',
      integer(100, 100_000),
      10_000,
      'Most client connections at a time; further ones are closed immediately.',
    ),
    requestsPerSecondPerUserMax: setting(
      'REQUESTS_PER_SECOND_PER_USER_MAX',
      integer(0, 1_000_000),
      0,
      'Requests that one user may make in a second, on all pods together; more are answered `rate_limited`. 0: no limit.',
    ),
  },
  redis: {
    url: required(
      'REDIS_URL',
      url(['redis', 'rediss'], 'redis://[user:password@]host[:port][/database] or rediss://…'),
      'The Redis that holds the balances.',
    ),
    connectTimeoutMs: setting(
      'REDIS_CONNECT_TIMEOUT_MS',
      integer(50, MINUTE_MS),
      1000,
      'Longest wait for a connection to Redis.',
    ),
    commandTimeoutMs: setting(
      'REDIS_COMMAND_TIMEOUT_MS',
      integer(50, MINUTE_MS),
      1500,
      'Longest wait for a reply of Redis; after it the call is in doubt.',
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
      'The MySQL that keeps everything.',
    ),
    poolMax: setting('MYSQL_POOL_MAX', integer(2, 1000), 10, 'Connections of this process to MySQL.'),
    queueMax: setting(
      'MYSQL_QUEUE_MAX',
      integer(1, 100_000),
      1000,
      'Queries that wait for a connection; more are refused at once.',
    ),
    connectTimeoutMs: setting(
      'MYSQL_CONNECT_TIMEOUT_MS',
      integer(50, MINUTE_MS),
      2000,
      'Longest wait for a connection to MySQL.',
    ),
    queryTimeoutMs: setting('MYSQL_QUERY_TIMEOUT_MS', integer(100, 10 * MINUTE_MS), 5000, 'Longest wait for a query.'),
    lockWaitTimeoutS: setting(
      'MYSQL_LOCK_WAIT_TIMEOUT_S',
      integer(1, 60),
      5,
      '`innodb_lock_wait_timeout` of the connections: how long a statement waits for a row.',
    ),
  },
  ledger: {
    keyPrefix: setting(
      'KEY_PREFIX',
      text(/^[A-Za-z0-9_-]{1,16}$/, '1–16 characters A–Z a–z 0–9 _ -'),
      'hf',
      'What every key in Redis begins with.',
    ),
    shards: setting('SHARDS', integer(1, 1024), 1, 'Partitions of the accounts; only 1 for now.'),
    queueTransfersMax: setting(
      'QUEUE_TRANSFERS_MAX',
      integer(1000, 1_000_000),
      20_000,
      'Transfers that wait in this pod for their script call; more are answered `overloaded`.',
    ),
    applyBatchMax: setting('APPLY_BATCH_MAX', integer(1, 1000), 1000, 'Transfers in one script call.'),
    applyCallsInFlightMax: setting(
      'APPLY_CALLS_IN_FLIGHT_MAX',
      integer(1, 64),
      2,
      'Script calls of this pod that wait for their reply at the same time.',
    ),
    secondCallTransfersMin: setting(
      'SECOND_CALL_TRANSFERS_MIN',
      integer(1, 1000),
      32,
      'A script call beside another waits for so many transfers; when fewer wait, they go when the other returns. A call costs as much as some ten transfers, however few are in it.',
    ),
    cachedAccountsMax: setting(
      'CACHED_ACCOUNTS_MAX',
      integer(1000, 100_000_000),
      1_000_000,
      'Accounts kept in Redis; beyond it the coldest are evicted.',
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
      'Longest journal; at it writes are answered `backlog_full`.',
    ),
    backlogAgeMaxMs: setting(
      'BACKLOG_AGE_MAX_MS',
      integer(1000, 24 * HOUR_MS),
      600_000,
      'Oldest journal entry; at it writes are answered `backlog_full`.',
    ),
    tailBytesMax: setting(
      'TAIL_BYTES_MAX',
      integer(MIB, 64 * GIB),
      512 * MIB,
      'Memory of this pod for entries that are not known to be in MySQL; full, writes are answered `backlog_full`.',
    ),
  },
  sync: {
    flushBatchMax: setting(
      'FLUSH_BATCH_MAX',
      integer(1, 20_000),
      8000,
      'Transfers in one transaction of the flush. An account is written once in each, so large ones cost less.',
    ),
    flushGatherMs: setting(
      'FLUSH_GATHER_MS',
      integer(0, 10_000),
      50,
      'How long a flush waits for more than it found, as small transactions cost most.',
    ),
    flushRetryBaseMs: setting(
      'FLUSH_RETRY_BASE_MS',
      integer(1, MINUTE_MS),
      50,
      'Wait before the first retry of a flush; it doubles with each.',
    ),
    flushRetryMaxMs: setting(
      'FLUSH_RETRY_MAX_MS',
      integer(1, MINUTE_MS),
      5000,
      'Longest wait between retries of a flush.',
    ),
    flushAlertAfterFailures: setting(
      'FLUSH_ALERT_AFTER_FAILURES',
      integer(1, 1000),
      5,
      'Failures in a row after which administrators are alerted; the retries go on.',
    ),
    lagAlertMs: setting(
      'LAG_ALERT_MS',
      integer(100, HOUR_MS),
      30_000,
      'How long a keeper may go without flushing before it logs the error `the flush does not keep up`.',
    ),
  },
  authority: {
    heartbeatMs: setting('HEARTBEAT_MS', integer(50, MINUTE_MS), 1000, 'How often a pod reports to MySQL.'),
    redisLostAfterMs: setting(
      'REDIS_LOST_AFTER_MS',
      integer(100, HOUR_MS),
      1500,
      'How long a keeper cannot reach Redis before the ledger goes on in MySQL, unless most pods still reach it.',
    ),
    redisLostByPodsAfterMs: setting(
      'REDIS_LOST_BY_PODS_AFTER_MS',
      integer(100, HOUR_MS),
      5000,
      'How long most pods cannot reach Redis before the ledger goes on in MySQL, whatever the keepers see.',
    ),
    redisSteadyAfterMs: setting(
      'REDIS_STEADY_AFTER_MS',
      integer(0, HOUR_MS),
      3000,
      'How long Redis has to be steady after a loss before the ledger returns to it; doubled with each further loss within 5 min.',
    ),
    podRetireAfterMs: setting('POD_RETIRE_AFTER_MS', integer(500, HOUR_MS), 15_000, 'Silence that retires a pod.'),
  },
  jobs: {
    reconciliationCron: setting(
      'RECONCILIATION_CRON',
      cron(),
      '0 3 * * *',
      'When balances, postings and sums are compared; runs once, however many keepers there are.',
    ),
    reconciliationTimeZone: setting(
      'RECONCILIATION_TIME_ZONE',
      timeZone(),
      'UTC',
      'Time zone of `RECONCILIATION_CRON`. A time that daylight saving time skips is due when the clock jumps over it; one that occurs twice runs once.',
    ),
  },
  auth: {
    bootstrapApiKey: optional(
      'BOOTSTRAP_API_KEY',
      secret(24),
      'An API key with every scope, to begin with; leave it out once others exist.',
    ),
    jwtIssuer: optional(
      'JWT_ISSUER',
      text(/^\S{1,255}$/, '1–255 characters'),
      'The `iss` that a JWT must carry. If neither `JWT_JWKS_FILE` nor `JWT_JWKS_URL` is set, OpenID Connect Discovery finds its keys.',
    ),
    jwtAudience: optional('JWT_AUDIENCE', text(/^\S{1,255}$/, '1–255 characters'), 'The `aud` that a JWT must carry.'),
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
      'Least level that is logged; a transfer is logged at info.',
    ),
    otlpEndpoint: optional(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      url(['http', 'https'], 'http://host[:port][/path] or https://…'),
      'OTLP/HTTP collector, without `/v1/traces`; without it there is no tracing.',
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
      'Share of requests that are traced when their caller has not decided it.',
    ),
  },
  breakers: {
    errorThresholdPercent: setting(
      'BREAKER_ERROR_THRESHOLD_PERCENT',
      integer(1, 99),
      50,
      'Share of failed calls above which a store counts as down.',
    ),
    resetTimeoutMs: setting(
      'BREAKER_RESET_TIMEOUT_MS',
      integer(50, 10 * MINUTE_MS),
      1000,
      'How long it counts as down before one good call may show that it is back.',
    ),
    rollingWindowMs: setting(
      'BREAKER_ROLLING_WINDOW_MS',
      integer(100, 10 * MINUTE_MS),
      10_000,
      'The time over which calls are counted.',
    ),
    volumeThreshold: setting(
      'BREAKER_VOLUME_THRESHOLD',
      integer(1, 100_000),
      5,
      'Calls within that time below which nothing is concluded.',
    ),
  },
} as const;
