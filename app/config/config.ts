import { isSecureUrl } from '../kernel/secure-url.ts';
import type { Setting } from './config-kinds.ts';
import { SETTINGS } from './config-settings.ts';
import { hasOwnDatabases, isForShards } from './shard-urls.ts';

type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** The configuration of the process, validated as a whole and frozen. Absent optional settings are null. */
export type Config = {
  readonly [G in keyof typeof SETTINGS]: {
    readonly [N in keyof (typeof SETTINGS)[G]]: ValueOf<(typeof SETTINGS)[G][N]>;
  };
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** All settings in order, for the docs and other listings. */
export const settings: readonly Setting<unknown>[] = Object.values(SETTINGS).flatMap((group) =>
  Object.values<Setting<unknown>>(group),
);

/** Thrown when the process cannot start: lists every error in its environment, by variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`Invalid configuration:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/**
 * Reads the environment once. Empty text counts as absent, because templates render unset values as empty; surrounding
 * whitespace is dropped, because secrets read from files end in a newline.
 * @throws ConfigError that lists every fault, but no secrets
 */
export function loadConfig(env: Environment): Config {
  const faults = new Map<string, string>();
  const groups = Object.entries(SETTINGS).map(([name, group]) => {
    const values = Object.entries<Setting<unknown>>(group).map(([key, setting]) => [key, read(setting, env, faults)]);
    return [name, Object.freeze(Object.fromEntries(values))];
  });
  // The only type assertion: both the keys and the values above come from SETTINGS.
  const config = Object.freeze(Object.fromEntries(groups)) as Config;
  const faulty = [...faults.keys()];
  const conflicts = CONTRADICTIONS.filter(([unless, fault]) => !namesAny(fault, faulty) && !unless(config));
  const all = [...faults.values(), ...conflicts.map(([, fault]) => fault)];
  if (all.length > 0) throw new ConfigError(all);
  return config;
}

/**
 * The part of the configuration that may be logged at startup, by variable: for settings that may contain a credential,
 * only whether they are set.
 */
export function withoutSecrets(config: Config): Record<string, unknown> {
  const values = Object.values(config).flatMap((group) => Object.values<unknown>(group));
  const shown = settings.map(({ variable, secret }, i) => [variable, secret && values[i] ? '(given)' : values[i]]);
  return Object.fromEntries(shown);
}

/** The setting's value, or its default; errors are recorded under the variable. */
function read(setting: Setting<unknown>, env: Environment, faults: Map<string, string>): unknown {
  const { variable, fallback, schema, range, secret } = setting;
  const text = env[variable]?.trim() ?? '';
  if (text === '') {
    if (fallback === undefined) faults.set(variable, `${variable} is missing: it must be ${range}`);
    return fallback;
  }
  const parsed = schema.safeParse(text);
  if (parsed.success) return parsed.data;
  faults.set(variable, `${variable} must be ${range}${secret ? '' : `, not ${JSON.stringify(text.slice(0, 64))}`}`);
  return fallback;
}

/** A contradiction with a value that is itself invalid would only add noise to that error. */
function namesAny(conflict: string, variables: readonly string[]): boolean {
  return variables.some((variable) => new RegExp(`\\b${variable}\\b`).test(conflict));
}

function jwtIsWhole({ jwtIssuer, jwtAudience, jwtJwksFile, jwtJwksUrl }: Config['auth']): boolean {
  const given = [jwtIssuer, jwtAudience].filter((value) => value !== null).length;
  return given === 2 || (given === 0 && jwtJwksFile === null && jwtJwksUrl === null);
}

/**
 * Combinations of settings that are valid individually but contradict each other: the condition that must hold, and the
 * message when it does not.
 */
const CONTRADICTIONS: readonly (readonly [unless: (config: Config) => boolean, fault: string])[] = [
  [
    ({ redis, ledger }) => isForShards(redis.url, ledger.shards),
    'REDIS_URL must be one URL, or as many as SHARDS, separated by whitespace',
  ],
  [
    ({ mysql, ledger }) => isForShards(mysql.url, ledger.shards),
    'MYSQL_URL must be one URL, or as many as SHARDS, separated by whitespace',
  ],
  [
    ({ mysql, ledger }) => !isForShards(mysql.url, ledger.shards) || hasOwnDatabases(mysql.url, ledger.shards),
    'MYSQL_URL must name a different database for each of the SHARDS shards, for example with {shard} in its name',
  ],
  [
    ({ search, ledger }) => search.mysqlUrl === null || isForShards(search.mysqlUrl, ledger.shards),
    'SEARCH_MYSQL_URL must be one URL, or as many as SHARDS, separated by whitespace',
  ],
  [
    ({ search: { mysqlUrl: url }, ledger: { shards } }) =>
      url === null || !isForShards(url, shards) || hasOwnDatabases(url, shards),
    'SEARCH_MYSQL_URL must name a different database for each of the SHARDS shards, for example with {shard} in its name',
  ],
  [({ http }) => http.adminPort === 0 || http.adminPort !== http.port, 'ADMIN_PORT must differ from PORT'],
  [
    ({ process, http }) => process.preStopDelayMs + http.requestTimeoutMs <= process.shutdownGraceMs,
    'SHUTDOWN_GRACE_MS must be at least PRE_STOP_DELAY_MS + REQUEST_TIMEOUT_MS, or held requests are cut off',
  ],
  [
    ({ redis, http }) => redis.connectTimeoutMs < http.requestTimeoutMs,
    'REDIS_CONNECT_TIMEOUT_MS must be below REQUEST_TIMEOUT_MS, or no request survives one failed attempt',
  ],
  [
    ({ redis, http }) => redis.commandTimeoutMs < http.requestTimeoutMs,
    'REDIS_COMMAND_TIMEOUT_MS must be below REQUEST_TIMEOUT_MS, or no request survives one failed attempt',
  ],
  [
    ({ mysql, http }) => mysql.queryTimeoutMs < http.requestTimeoutMs,
    'MYSQL_QUERY_TIMEOUT_MS must be below REQUEST_TIMEOUT_MS, or no request survives one failed attempt',
  ],
  [
    ({ mysql }) => mysql.lockWaitTimeoutS * 1000 <= mysql.queryTimeoutMs,
    'MYSQL_LOCK_WAIT_TIMEOUT_S must not exceed MYSQL_QUERY_TIMEOUT_MS, or a wait for a row lock looks like a dead server',
  ],
  [
    ({ http }) => http.requestsInFlightBusyMax <= http.requestsInFlightMax,
    'REQUESTS_IN_FLIGHT_BUSY_MAX must not exceed REQUESTS_IN_FLIGHT_MAX',
  ],
  [
    ({ ledger }) => ledger.applyBatchMax <= ledger.queueTransfersMax,
    'APPLY_BATCH_MAX must not exceed QUEUE_TRANSFERS_MAX',
  ],
  [
    ({ sync }) => sync.flushRetryBaseMs <= sync.flushRetryMaxMs,
    'FLUSH_RETRY_BASE_MS must not exceed FLUSH_RETRY_MAX_MS',
  ],
  [
    ({ sync }) => sync.flushGatherMs < sync.lagAlertMs,
    'FLUSH_GATHER_MS must be below LAG_ALERT_MS, or every flush raises an alert',
  ],
  [
    ({ sync, ledger }) => sync.lagAlertMs < ledger.backlogAgeMaxMs,
    'LAG_ALERT_MS must be below BACKLOG_AGE_MAX_MS, or writes are rejected before anyone is alerted',
  ],
  [
    ({ authority }) => 3 * authority.heartbeatMs <= authority.podRetireAfterMs,
    'POD_RETIRE_AFTER_MS must be at least three times HEARTBEAT_MS, or one late heartbeat retires a pod',
  ],
  [
    ({ auth }) => jwtIsWhole(auth),
    'JWT_ISSUER and JWT_AUDIENCE must be set together, and JWT_JWKS_FILE or JWT_JWKS_URL requires both, or JWTs would be validated only in part',
  ],
  [
    ({ auth }) => auth.jwtJwksFile === null || auth.jwtJwksUrl === null,
    'JWT_JWKS_FILE and JWT_JWKS_URL must not both be set: the keys come from a single source',
  ],
  [
    ({ auth: { jwtIssuer, jwtJwksFile, jwtJwksUrl } }) =>
      jwtIssuer === null || jwtJwksFile !== null || jwtJwksUrl !== null || isSecureUrl(jwtIssuer),
    'JWT_ISSUER must be an https URL so that its keys can be discovered, unless JWT_JWKS_FILE or JWT_JWKS_URL is set',
  ],
];
