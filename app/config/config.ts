import { isSecureUrl } from '../kernel/secure-url.ts';
import type { Setting } from './config-kinds.ts';
import { SETTINGS } from './config-settings.ts';

type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** What the process was told, checked as a whole and frozen. Absent optional settings are null. */
export type Config = {
  readonly [G in keyof typeof SETTINGS]: {
    readonly [N in keyof (typeof SETTINGS)[G]]: ValueOf<(typeof SETTINGS)[G][N]>;
  };
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** Every setting in order, for the docs and for whoever lists them. */
export const settings: readonly Setting<unknown>[] = Object.values(SETTINGS).flatMap((group) =>
  Object.values<Setting<unknown>>(group),
);

/** Why the process does not start: all that is wrong with its environment, by the name of the variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The configuration cannot be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/**
 * Reads the environment once. Empty text counts as absent, as templates render what is not set so; blanks around a
 * value are dropped, as secrets read from files end in a newline.
 * @throws ConfigError that names every fault, and no secret
 */
export function loadConfig(env: Environment): Config {
  const faults = new Map<string, string>();
  const groups = Object.entries(SETTINGS).map(([name, group]) => {
    const values = Object.entries<Setting<unknown>>(group).map(([key, setting]) => [key, read(setting, env, faults)]);
    return [name, Object.freeze(Object.fromEntries(values))];
  });
  // The one place where the type is asserted: SETTINGS is what both the keys and the values above come from.
  const config = Object.freeze(Object.fromEntries(groups)) as Config;
  const conflicts = CONTRADICTIONS.filter(([unless]) => !unless(config)).map(([, fault]) => fault);
  const all = [...faults.values(), ...conflicts.filter((conflict) => !namesAny(conflict, [...faults.keys()]))];
  if (all.length > 0) throw new ConfigError(all);
  return config;
}

/** What a start may log of its configuration, by variable: what could hold a credential only says that it is given. */
export function withoutSecrets(config: Config): Record<string, unknown> {
  const values = Object.values(config).flatMap((group) => Object.values<unknown>(group));
  const shown = settings.map(({ variable, secret }, i) => [variable, secret && values[i] ? '(given)' : values[i]]);
  return Object.fromEntries(shown);
}

/** The setting's value, or its fallback; a fault is put down under the variable. */
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

/** A conflict with a value that is wrong by itself would only be noise beside that fault. */
function namesAny(conflict: string, variables: readonly string[]): boolean {
  return variables.some((variable) => new RegExp(`\\b${variable}\\b`).test(conflict));
}

function jwtIsWhole({ jwtIssuer, jwtAudience, jwtJwksFile, jwtJwksUrl }: Config['auth']): boolean {
  const given = [jwtIssuer, jwtAudience].filter((value) => value !== null).length;
  return given === 2 || (given === 0 && jwtJwksFile === null && jwtJwksUrl === null);
}

/** Settings that are fine by themselves and cannot all be meant: what must hold, and what to say when it does not. */
const CONTRADICTIONS: readonly (readonly [unless: (config: Config) => boolean, fault: string])[] = [
  [
    ({ ledger }) => ledger.shards === 1,
    'SHARDS must be 1: a transfer between two shards has no protocol yet, and would not be safe',
  ],
  [({ http }) => http.adminPort === 0 || http.adminPort !== http.port, 'ADMIN_PORT must differ from PORT'],
  [
    ({ process, http }) => process.preStopDelayMs + http.requestTimeoutMs <= process.shutdownGraceMs,
    'SHUTDOWN_GRACE_MS must be at least PRE_STOP_DELAY_MS + REQUEST_TIMEOUT_MS, or held requests are cut off',
  ],
  [
    ({ redis, http }) => redis.connectTimeoutMs < http.requestTimeoutMs,
    'REDIS_CONNECT_TIMEOUT_MS must be below REQUEST_TIMEOUT_MS, or no request outlives one attempt',
  ],
  [
    ({ redis, http }) => redis.commandTimeoutMs < http.requestTimeoutMs,
    'REDIS_COMMAND_TIMEOUT_MS must be below REQUEST_TIMEOUT_MS, or no request outlives one attempt',
  ],
  [
    ({ mysql, http }) => mysql.queryTimeoutMs < http.requestTimeoutMs,
    'MYSQL_QUERY_TIMEOUT_MS must be below REQUEST_TIMEOUT_MS, or no request outlives one attempt',
  ],
  [
    ({ mysql }) => mysql.lockWaitTimeoutS * 1000 <= mysql.queryTimeoutMs,
    'MYSQL_LOCK_WAIT_TIMEOUT_S must not exceed MYSQL_QUERY_TIMEOUT_MS, or a wait for a row looks like a dead server',
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
    'FLUSH_GATHER_MS must be below LAG_ALERT_MS, or all flushes alert',
  ],
  [
    ({ sync, ledger }) => sync.lagAlertMs < ledger.backlogAgeMaxMs,
    'LAG_ALERT_MS must be below BACKLOG_AGE_MAX_MS, or writes are refused before anybody is alerted',
  ],
  [
    ({ authority }) => 3 * authority.heartbeatMs <= authority.podRetireAfterMs,
    'POD_RETIRE_AFTER_MS must be at least three times HEARTBEAT_MS, or one late report retires a pod',
  ],
  [
    ({ auth }) => jwtIsWhole(auth),
    'JWT_ISSUER and JWT_AUDIENCE must be set together, and JWT_JWKS_FILE or JWT_JWKS_URL requires both, or JWTs would be checked only in part',
  ],
  [
    ({ auth }) => auth.jwtJwksFile === null || auth.jwtJwksUrl === null,
    'JWT_JWKS_FILE and JWT_JWKS_URL must not both be set: the keys come from one source',
  ],
  [
    ({ auth: { jwtIssuer, jwtJwksFile, jwtJwksUrl } }) =>
      jwtIssuer === null || jwtJwksFile !== null || jwtJwksUrl !== null || isSecureUrl(jwtIssuer),
    'JWT_ISSUER must be an https URL for discovery of its keys, unless JWT_JWKS_FILE or JWT_JWKS_URL is set',
  ],
];
