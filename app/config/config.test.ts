import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, settings, withoutSecrets } from './config.ts';
import { settingsTable, withSettingsTable } from './config-docs.ts';

const URLS = { REDIS_URL: 'redis://localhost:6379', MYSQL_URL: 'mysql://root@localhost/holdfast' };

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig({ ...URLS, ...env });
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('loadConfig', () => {
  it('fills in defaults, each of them within its own range', () => {
    const { process, http, redis, mysql, ledger, auth } = loadConfig(URLS);
    expect(process.role).toBe('api');
    expect(http).toMatchObject({ port: 8080, requestTimeoutMs: 10_000, bodyBytesMax: 2_097_152 });
    expect(redis).toMatchObject({ url: URLS.REDIS_URL, commandTimeoutMs: 1500 });
    expect(mysql.url).toBe(URLS.MYSQL_URL);
    expect(ledger).toMatchObject({ keyPrefix: 'hf', shards: 1 });
    expect(auth).toEqual({
      bootstrapApiKey: null,
      jwtIssuer: null,
      jwtAudience: null,
      apiKeysFile: null,
      jwtJwksFile: null,
      jwtJwksUrl: null,
    });
    const defaults = settings.filter(({ fallback }) => fallback !== undefined && fallback !== null);
    expect(faultsOf(Object.fromEntries(defaults.map((s) => [s.variable, String(s.fallback)])))).toEqual([]);
  });

  it('is deeply frozen', () => {
    const config = loadConfig(URLS);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.values(config).every(Object.isFrozen)).toBe(true);
  });

  it('takes given values without surrounding whitespace, and treats empty text as absent', () => {
    const config = loadConfig({ ...URLS, ROLE: 'keeper', PORT: ' 9000\n', LOG_LEVEL: '', JWT_ISSUER: ' ', OTHER: 'x' });
    expect(config.process.role).toBe('keeper');
    expect(config.http.port).toBe(9000);
    expect(config.telemetry.logLevel).toBe('info');
    expect(config.auth.jwtIssuer).toBeNull();
  });

  it('reports every error at once, by variable', () => {
    const faults = {
      PORT: '80a',
      LOG_LEVEL: 'loud',
      RECONCILIATION_CRON: 'daily',
      TRACE_SAMPLE_RATIO: '1.5',
      SHARDS: '0',
    };
    expect(faultsOf({ ...faults, MYSQL_URL: '' }).map((fault) => fault.split(' ')[0])).toEqual([
      'PORT',
      'MYSQL_URL',
      'SHARDS',
      'RECONCILIATION_CRON',
      'LOG_LEVEL',
      'TRACE_SAMPLE_RATIO',
    ]);
    expect(() => loadConfig({ PORT: 'x' })).toThrow(
      /PORT must be a whole number from 0 to 65535, not "x"\n {2}REDIS_URL is/,
    );
  });

  it.each([
    'redis://cache',
    'rediss://user:p%40ss@cache:6380/2',
    'redis+sentinel://user:pass@one:26379,two/bank?sentinelPassword=other',
    'rediss+cluster://user:pass@one:7000,two:7000',
    'redis://cache-{shard}',
    'redis+sentinel://one,two/bank-{shard}',
  ])('accepts %j as the URL of Redis', (REDIS_URL) => {
    expect(loadConfig({ ...URLS, REDIS_URL }).redis.url).toBe(REDIS_URL);
  });

  it.each(['', '-1', '1.0', '1e3', '0x10', '65536', '99999999999999999999', 'NaN', '1_000'])(
    'rejects %j as a port',
    (PORT) => {
      expect(faultsOf({ PORT })).toHaveLength(PORT === '' ? 0 : 1);
    },
  );

  it.each([
    ['REDIS_URL', 'http://user:hunter2@cache', 'redis'],
    ['REDIS_URL', 'redis://:hunter2@', 'redis'],
    ['REDIS_URL', 'redis+sentinel://:hunter2@one,two', 'master-name'],
    ['REDIS_URL', 'redis+sentinel://one/bank?sentinelPasword=hunter2', 'master-name'],
    ['REDIS_URL', 'redis+cluster://:hunter2@one/2', 'redis+cluster'],
    ['MYSQL_URL', 'mysql://root:hunter2@db', 'database'],
    ['MYSQL_URL', 'root:hunter2@db/x', 'database'],
    ['BOOTSTRAP_API_KEY', 'hunter2', '24 characters'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'grpc://u:hunter2@otel', 'http'],
  ])('describes what %s must be, and never repeats a secret', (variable, value, hint) => {
    const [fault, ...others] = faultsOf({ [variable]: value });
    expect(others).toEqual([]);
    expect(fault).toContain(variable);
    expect(fault).toContain(hint);
    expect(fault).not.toContain('hunter2');
  });

  it.each([
    [{ SHARDS: '2' }, 'MYSQL_URL must name a different database for each of the SHARDS shards'],
    [{ SHARDS: '2', MYSQL_URL: 'mysql://user{shard}@db/holdfast' }, 'MYSQL_URL must name a different database'],
    [{ SHARDS: '3', MYSQL_URL: 'mysql://a/x mysql://b/x' }, 'MYSQL_URL must be one URL, or as many as SHARDS'],
    [{ SHARDS: '3', MYSQL_URL: 'mysql://a/x mysql://b/x mysql://a/x' }, 'MYSQL_URL must name a different database'],
    [{ SHARDS: '2', MYSQL_URL: 'mysql://db/x mysql://DB:3306/x' }, 'MYSQL_URL must name a different database'],
    [{ REDIS_URL: 'redis://a redis://b' }, 'REDIS_URL must be one URL, or as many as SHARDS'],
    [{ ADMIN_PORT: '8080' }, 'ADMIN_PORT must differ from PORT'],
    [{ PRE_STOP_DELAY_MS: '20000' }, 'SHUTDOWN_GRACE_MS'],
    [{ REDIS_CONNECT_TIMEOUT_MS: '10000' }, 'REDIS_CONNECT_TIMEOUT_MS'],
    [{ REDIS_COMMAND_TIMEOUT_MS: '10000' }, 'REDIS_COMMAND_TIMEOUT_MS'],
    [{ MYSQL_QUERY_TIMEOUT_MS: '10000' }, 'MYSQL_QUERY_TIMEOUT_MS'],
    [{ MYSQL_LOCK_WAIT_TIMEOUT_S: '6' }, 'MYSQL_LOCK_WAIT_TIMEOUT_S'],
    [{ APPLY_BATCH_MAX: '2000', QUEUE_TRANSFERS_MAX: '1000' }, 'APPLY_BATCH_MAX'],
    [{ FLUSH_RETRY_BASE_MS: '6000' }, 'FLUSH_RETRY_BASE_MS'],
    [{ LAG_ALERT_MS: '500', FLUSH_GATHER_MS: '500' }, 'FLUSH_GATHER_MS'],
    [{ LAG_ALERT_MS: '600000' }, 'LAG_ALERT_MS'],
    [{ HEARTBEAT_MS: '6000' }, 'POD_RETIRE_AFTER_MS'],
    [{ JWT_ISSUER: 'https://issuer' }, 'JWT_ISSUER'],
    [{ JWT_JWKS_URL: 'https://issuer/keys' }, 'JWT_JWKS_URL'],
    [{ JWT_ISSUER: 'issuer', JWT_AUDIENCE: 'holdfast' }, 'JWT_ISSUER must be an https URL'],
    [{ JWT_ISSUER: 'http://issuer', JWT_AUDIENCE: 'holdfast' }, 'JWT_ISSUER must be an https URL'],
    [
      {
        JWT_ISSUER: 'https://issuer',
        JWT_AUDIENCE: 'holdfast',
        JWT_JWKS_FILE: '/keys.json',
        JWT_JWKS_URL: 'https://issuer/keys',
      },
      'JWT_JWKS_FILE and JWT_JWKS_URL',
    ],
    [{ JWT_JWKS_URL: 'http://issuer/keys' }, 'JWT_JWKS_URL must be https://'],
  ])('rejects %j because it contradicts another setting or itself', (env, fault) => {
    const faults = faultsOf(env);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(fault);
  });

  it('accepts JWT keys together with issuer and audience', () => {
    const names = { JWT_ISSUER: 'https://issuer', JWT_AUDIENCE: 'holdfast' };
    expect(loadConfig({ ...URLS, ...names, JWT_JWKS_FILE: '/keys.json' }).auth.jwtJwksFile).toBe('/keys.json');
    expect(loadConfig({ ...URLS, ...names }).auth).toMatchObject({ jwtJwksFile: null, jwtJwksUrl: null });
    for (const keys of [
      'https://issuer/keys',
      'http://127.0.0.1:8000/keys',
      'http://localhost/keys',
      'http://[::1]/',
    ]) {
      expect(loadConfig({ ...URLS, ...names, JWT_JWKS_URL: keys }).auth.jwtJwksUrl).toBe(keys);
    }
  });

  it('reports no contradiction involving a value that is itself invalid', () => {
    const faults = faultsOf({ REQUEST_TIMEOUT_MS: 'soon', MYSQL_QUERY_TIMEOUT_MS: '60000' });
    expect(faults).toEqual([expect.stringMatching(/^REQUEST_TIMEOUT_MS must be/)]);
  });
});

describe('withoutSecrets', () => {
  it('shows every setting, but only the presence of those that may contain a credential', () => {
    const secrets = { MYSQL_URL: 'mysql://root:hunter2@db/x', BOOTSTRAP_API_KEY: 'hunter2'.repeat(4) };
    const shown = withoutSecrets(loadConfig({ ...URLS, ...secrets, PORT: '9000' }));
    expect(Object.keys(shown)).toEqual(settings.map(({ variable }) => variable));
    expect(shown).toMatchObject({ PORT: 9000, MYSQL_URL: '(given)', BOOTSTRAP_API_KEY: '(given)' });
    expect(JSON.stringify(shown)).not.toContain('hunter2');
  });
});

describe('docs/configuration.md', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

  it('contains the current settings table (npx tsx app/config/config-docs.ts --write)', () => {
    expect(withSettingsTable(page)).toBe(page);
    for (const { variable } of settings) expect(settingsTable()).toContain(`| \`${variable}\` |`);
  });

  it('is not rewritten when its markers are missing', () => {
    expect(() => withSettingsTable('# Configuration')).toThrow('markers');
  });

  it('lists no variable twice', () => {
    expect(new Set(settings.map(({ variable }) => variable)).size).toBe(settings.length);
  });
});
