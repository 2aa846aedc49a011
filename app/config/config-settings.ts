import { isSecureUrl } from '../kernel/secure-url.ts';
import { AUDIT_SETTINGS } from './config-audit.ts';
import {
  choice,
  cron,
  HOUR_MS,
  integer,
  MIB,
  MINUTE_MS,
  optional,
  ratio,
  secret,
  setting,
  text,
  timeZone,
  url,
} from './config-kinds.ts';
import { LEDGER_SETTINGS } from './config-ledger.ts';
import { WEBHOOK_SETTINGS } from './config-webhooks.ts';

/** All settings, grouped and named as in `Config`, in the order of docs/configuration.md. Other variables are not read. */
export const SETTINGS = {
  process: {
    role: setting(
      'ROLE',
      choice('api', 'keeper', 'search', 'webhooks'),
      'api',
      'Role of this process: API pod, keeper, `search` (keeps the search index up to date) or `webhooks` (delivers events).',
    ),
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
      'Maximum size of a list body; a batch of 1000 transfers must fit. Any other body may be up to 64 KiB.',
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
      'Maximum number of concurrent requests while the pod is short of CPU rather than waiting for a store. A higher limit would only delay the responses.',
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
      'Age at which a client connection is closed after a response, so that new pods get their share of connections. The age of each connection is a random 50 to 100 % of this value. 0: never.',
    ),
    requestsPerSecondPerUserMax: setting(
      'REQUESTS_PER_SECOND_PER_USER_MAX',
      integer(0, 1_000_000),
      0,
      'Requests per second that one user may send to all pods together; further ones get `rate_limited`. 0: no limit.',
    ),
    eventListenersMax: setting(
      'EVENT_LISTENERS_MAX',
      integer(0, 50_000),
      2000,
      'Maximum number of open streams of `GET /v1/events`, at most half of `CONNECTIONS_MAX`; further requests for a stream get `too_many_listeners`. Open streams do not count as requests in flight.',
    ),
    eventListenersPerUserMax: setting(
      'EVENT_LISTENERS_PER_USER_MAX',
      integer(0, 50_000),
      500,
      'Maximum number of open event streams per user, on each pod.',
    ),
  },
  ...LEDGER_SETTINGS,
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
      'Time zone of `RECONCILIATION_CRON`. If daylight saving time skips the scheduled time, the run is due when the clock jumps over it; if the time occurs twice, there is one run.',
    ),
    batchRecordDays: setting(
      'BATCH_RECORD_DAYS',
      integer(1, 3650),
      90,
      'How long the record of a batch is kept after its last change.',
    ),
    batchItemsMax: setting(
      'BATCH_ITEMS_MAX',
      integer(10_000, 1_000_000_000),
      20_000_000,
      'Maximum number of items in the records of all batches together (about 200 bytes each). Above it, keepers remove records before they expire, beginning with those that have been idle longest, but none that changed within the last day.',
    ),
  },
  audit: AUDIT_SETTINGS,
  ...WEBHOOK_SETTINGS,
  auth: {
    bootstrapApiKey: optional(
      'BOOTSTRAP_API_KEY',
      secret(24),
      'Initial API key with every scope; remove it once other keys exist.',
    ),
    apiKeysFile: optional(
      'API_KEYS_FILE',
      text(/^.{1,4096}$/, 'a path'),
      'File with API keys (JSON, docs/operation.md, "Keys from a file"), read once at startup. Keys that do not exist yet are created; existing ones are never changed.',
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
