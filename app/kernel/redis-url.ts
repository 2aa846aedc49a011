/** An address of a Redis server, a Sentinel, or a cluster node. */
export interface Endpoint {
  host: string;
  port: number;
}

export interface Credentials {
  username: string | null;
  password: string | null;
}

/** How a Redis URL specifies the node: by its address, or by the endpoints that know it. */
export interface RedisUrl extends Credentials {
  /** `address`: the URL names the node. `sentinel` and `cluster`: the endpoints are queried for the node. */
  by: 'address' | 'sentinel' | 'cluster';
  endpoints: readonly Endpoint[];
  tls: boolean;
  /** The name of the master that the Sentinels monitor; otherwise ''. */
  masterName: string;
  /** The credentials for the Sentinels, whose users are separate from those of Redis. */
  sentinel: Credentials & { tls: boolean };
}

export const REDIS_URL_RANGE =
  'redis://[user:password@]host[:port][/database], redis+sentinel://[user:password@]host[:port],…/master-name, or redis+cluster://[user:password@]host[:port],…; rediss instead of redis for TLS';

const SCHEME = /^(redis|rediss)(?:\+(sentinel|cluster))?:\/\/(.*)$/s;
const REST = /^(?:([^@/?#]*)@)?([^/?#@]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/s;
const ENDPOINT = /^(\[[0-9a-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i;
const MASTER_NAME = /^[\w.-]+$/;
const PORTS = { address: 6379, sentinel: 26_379, cluster: 6379 } as const;

/** @returns null if the text is not a Redis URL, or has a part that is not allowed */
export function parseRedisUrl(text: string): RedisUrl | null {
  const [, scheme, by = 'address', rest] = (SCHEME.exec(text) ?? []) as (string | undefined)[];
  if (rest === undefined || !isSearch(by)) return null;
  const tls = scheme === 'rediss';
  if (by === 'address') return addressOf(text, tls);
  const [, user, hosts, path = '', query = ''] = REST.exec(rest) ?? [];
  const endpoints = hosts?.split(',').map((host) => endpointOf(host, PORTS[by])) ?? [];
  const login = credentialsOf(user);
  const sentinel = by === 'sentinel' ? sentinelOf(query, tls) : query === '' ? { ...NOBODY, tls } : null;
  if (endpoints.length === 0 || !endpoints.every((found) => found !== null) || !login || !sentinel) return null;
  if (by === 'sentinel' ? !MASTER_NAME.test(path) : path !== '') return null;
  return { by, endpoints, tls, masterName: path, sentinel, ...login };
}

const NOBODY: Credentials = { username: null, password: null };
const isSearch = (by: string): by is RedisUrl['by'] => by in PORTS;

/**
 * The client library gives the parameters of a URL precedence over the options of the code. Therefore a URL may contain
 * only parameters that cannot make the library send a command twice, or queue a command while there is no connection.
 */
const ADDRESS_PARAMETERS = new Set(['db', 'family']);

/** Checks a URL that names the node itself; the client library parses the rest of it. */
function addressOf(text: string, tls: boolean): RedisUrl | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.hostname === '' || url.hostname.includes(',')) return null;
  for (const name of url.searchParams.keys()) if (!ADDRESS_PARAMETERS.has(name)) return null;
  const endpoints = [{ host: url.hostname, port: Number(url.port) || PORTS.address }];
  const login = credentialsOf(
    url.username === '' && url.password === '' ? undefined : `${url.username}:${url.password}`,
  );
  return login && { by: 'address', endpoints, tls, masterName: '', sentinel: { ...NOBODY, tls }, ...login };
}

function endpointOf(text: string, usualPort: number): Endpoint | null {
  const [, host, port] = ENDPOINT.exec(text) ?? [];
  const at = port === undefined ? usualPort : Number(port);
  if (host === undefined || at < 1 || at > 65_535) return null;
  return { host: host.replace(/^\[|\]$/g, ''), port: at };
}

function credentialsOf(user: string | undefined): Credentials | null {
  if (user === undefined) return NOBODY;
  const colon = user.indexOf(':');
  const username = decoded(colon < 0 ? user : user.slice(0, colon));
  const password = colon < 0 ? '' : decoded(user.slice(colon + 1));
  if (username === null || password === null) return null;
  return { username: username || null, password: password || null };
}

const SENTINEL_PARAMETERS = new Set(['sentinelUsername', 'sentinelPassword', 'sentinelTls']);

/** A misspelled parameter must not be ignored, because the Sentinels would then be queried without a password. */
function sentinelOf(query: string, tls: boolean): RedisUrl['sentinel'] | null {
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) if (!SENTINEL_PARAMETERS.has(name)) return null;
  const sentinelTls = parameters.get('sentinelTls') ?? String(tls);
  if (sentinelTls !== 'true' && sentinelTls !== 'false') return null;
  return {
    username: parameters.get('sentinelUsername'),
    password: parameters.get('sentinelPassword'),
    tls: sentinelTls === 'true',
  };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
