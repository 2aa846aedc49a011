import { Redis, type RedisOptions, ReplyError } from 'ioredis';
import { BACKLOG_TTL, InspectionRefused, type ServerFacts, type ServerIdentity } from '../authority/server-facts.ts';
import { parseRedisUrl } from '../kernel/redis-url.ts';
import { CERTIFICATE_CODE, clusterSearch, type NodeSearch, sentinelSearch, WrongEndpoint } from './node-search.ts';
import { searchingConnector } from './searching-connector.ts';

/**
 * Replaces a connection that no longer leads to the ledger. ioredis then resolves the host name again, which may
 * point to another server by now. Commands in flight are in doubt.
 *
 * If the peer vanishes silently, the connection neither answers nor breaks for a quarter of an hour, so a request that
 * gets no reply in time closes it. A server that is now a replica keeps its connections and refuses every script;
 * without this, a process would remain connected to it forever.
 */
function leaveLostServer(redis: Redis, everyMs: number): void {
  // `disconnect` would wait 2 s for a peer that is gone.
  const reconnect = () => {
    if (redis.status === 'ready') cutConnection(redis);
  };
  const timer = setInterval(() => {
    if (redis.status !== 'ready') return;
    identifyServer(redis).then(
      ({ role }) => {
        if (role === 'slave') reconnect();
      },
      (error: Error) => {
        if (error.message === 'Command timed out') reconnect();
      },
    );
  }, everyMs);
  timer.unref();
  redis.once('end', () => clearInterval(timer));
}

export interface RedisConnectionOptions {
  url: string;
  /** False for a process that does not use Redis. */
  connects?: boolean;
  /** The slot of all keys that are used on this connection; needed only for a cluster. */
  slot?: number;
  connectTimeoutMs: number;
  commandTimeoutMs: number;
}

/** The latest error of each connection that is not established. */
const connectionErrors = new WeakMap<Redis, Error>();

/**
 * A connection for money commands. Nothing is queued while it is down, and the library never sends anything twice. A
 * command that gets no reply in time fails here, but may still run in Redis: it is in doubt.
 */
export function connectRedis(options: RedisConnectionOptions, extra: RedisOptions = {}): Redis {
  const search = searchOf(options);
  const redis: Redis = open(options, search, {
    lazyConnect: true,
    connectTimeout: options.connectTimeoutMs,
    commandTimeout: options.commandTimeoutMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableAutoPipelining: false,
    retryStrategy: (attempt) => Math.min(25 * attempt, 500),
    reconnectOnError(error) {
      if (search && ANOTHER_NODE.test(error.message)) void leaveForOtherNode(redis, search);
      return false;
    },
    ...extra,
  });
  // The errors of failed commands do not contain the reason why there is no connection. Without a
  // listener, ioredis would print the errors of the connection.
  redis.on('error', (error) => connectionErrors.set(redis, error));
  redis.on('ready', () => connectionErrors.delete(redis));
  if (options.connects === false) return redis;
  redis.connect().catch(() => {});
  leaveLostServer(redis, options.commandTimeoutMs);
  return redis;
}

/** How long the queue's connection waits before it reconnects, ms. */
const QUEUE_RETRY_MS = 1_000;

/** A connection for a queue that carries no money: its commands wait until there is a connection. */
export function connectQueue(options: RedisConnectionOptions): Redis {
  const redis = open(options, searchOf(options), {
    maxRetriesPerRequest: null,
    retryStrategy: () => QUEUE_RETRY_MS,
    reconnectOnError: ({ message }) => ANOTHER_NODE.test(message),
  });
  redis.on('error', () => {});
  return redis;
}

function searchOf({ url, slot, ...timing }: RedisConnectionOptions): NodeSearch | null {
  const parsed = parseRedisUrl(url);
  if (parsed?.by === 'sentinel') return sentinelSearch(parsed, timing);
  if (parsed?.by !== 'cluster') return null;
  if (slot === undefined) throw new TypeError('a connection to a cluster is for the keys of one slot');
  return clusterSearch(parsed, slot, timing);
}

function open({ url }: RedisConnectionOptions, search: NodeSearch | null, options: RedisOptions): Redis {
  if (search === null) return new Redis(url, options);
  const { username, password, tls } = parseRedisUrl(url) ?? { username: null, password: null, tls: false };
  return new Redis({
    ...options,
    Connector: searchingConnector(search),
    ...(username !== null && { username }),
    ...(password !== null && { password }),
    ...(tls && { tls: {} }),
  });
}

/**
 * Error replies of a server that is not, or not yet, the node of the keys. They prove that nothing was written.
 * Redirections are never followed: if a slot has moved, it is on another server, and the epoch ends.
 */
const ANOTHER_NODE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|MASTERDOWN|LOADING|REFUSED demoted)\b/;
/** Minimum time between two searches for the node of a connection, ms. */
const SEARCH_EVERY_MS = 100;
const searching = new WeakSet<Redis>();

/**
 * Replaces the connection if the node is now another server. Replies to commands in flight usually arrive during the
 * search, so those commands are not in doubt.
 */
async function leaveForOtherNode(redis: Redis, search: NodeSearch): Promise<void> {
  if (searching.has(redis) || redis.status !== 'ready') return;
  searching.add(redis);
  const { host, port } = redis.options;
  const node = await search.find().catch(() => null);
  const elsewhere = node !== null && (node.host !== host || node.port !== port);
  if (elsewhere && redis.status === 'ready' && redis.options.port === port && redis.options.host === host)
    cutConnection(redis);
  setTimeout(() => searching.delete(redis), SEARCH_EVERY_MS).unref();
}

/**
 * Destroys the connection, discarding every command in flight and every byte still buffered, and opens a new one.
 * `disconnect` would send the buffer to the server first.
 */
export function cutConnection(redis: Redis): void {
  redis.stream?.destroy();
}

const SETTINGS = [
  'appendonly',
  'appendfsync',
  'maxmemory-policy',
  'no-appendfsync-on-rewrite',
  'appenddirname',
  BACKLOG_TTL,
];

const field = (info: string, name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';

export async function identifyServer(redis: Redis): Promise<ServerIdentity> {
  const info = await redis.info('replication');
  return { role: field(info, 'role'), replid: field(info, 'master_replid') };
}

/**
 * Reads the facts that determine whether this server may hold the ledger. Managed services refuse `CONFIG` and
 * `ACL`.
 * @param managed the operator guarantees that the server writes its append-only file before every reply
 * @throws InspectionRefused
 */
export async function inspectServer(redis: Redis, managed = false): Promise<ServerFacts> {
  try {
    return await factsOf(redis, managed);
  } catch (error) {
    if (error instanceof ReplyError) throw new InspectionRefused((error as Error).message, { cause: error });
    const wrong = wrongSettingOf(connectionErrors.get(redis));
    if (wrong !== null) throw new InspectionRefused(wrong, { cause: error });
    throw error;
  }
}

/** @returns why connecting will fail until someone changes the configuration; null if the failure may be temporary */
function wrongSettingOf(error: Error | undefined): string | null {
  if (error === undefined) return null;
  if (error instanceof WrongEndpoint) return error.message;
  if (error instanceof ReplyError) return `it refuses the connection: ${error.message}`;
  const { code = '', message } = error as NodeJS.ErrnoException;
  return CERTIFICATE_CODE.test(code) ? `its certificate is not accepted: ${message} (${code})` : null;
}

async function factsOf(redis: Redis, managed: boolean): Promise<ServerFacts> {
  const [info, server, reply] = await Promise.all([
    redis.info('replication'),
    redis.info('server'),
    refusedAsNull(Promise.all(SETTINGS.map((name) => redis.config('GET', name) as Promise<string[]>))),
  ]);
  const settings = reply
    ? Object.fromEntries(reply.map((pair, index) => [SETTINGS[index] ?? '', pair[1] ?? '']))
    : managed
      ? await statedSettings(redis)
      : {};
  return {
    role: field(info, 'role'),
    replid: field(info, 'master_replid'),
    runId: field(server, 'run_id'),
    formerReplid: field(info, 'master_replid2'),
    version: field(server, 'redis_version'),
    node: settings['appenddirname'] ?? '',
    connectedReplicas: Number(field(info, 'connected_slaves')),
    settings,
    settingsFrom: reply ? 'server' : managed ? 'operator' : 'nowhere',
    replicationForbidden: (await refusedAsNull(replicationForbidden(redis))) ?? false,
  };
}

/**
 * The user lacks the permission, or the server does not support the command: a definite answer that retrying does not
 * change.
 */
const REFUSED = /^(NOPERM|ERR (unknown|Unknown|This instance|command|.*(disabled|not (allowed|supported))))/;

async function refusedAsNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ReplyError && REFUSED.test((error as Error).message)) return null;
    throw error;
  }
}

/**
 * Reads the settings that `INFO` reports; the operator guarantees those that only `CONFIG` reports (`REDIS_MANAGED`).
 */
async function statedSettings(redis: Redis): Promise<Record<string, string>> {
  const [persistence, memory] = await Promise.all([redis.info('persistence'), redis.info('memory')]);
  return {
    appendonly: field(persistence, 'aof_enabled') === '1' ? 'yes' : 'no',
    'maxmemory-policy': field(memory, 'maxmemory_policy'),
    appendfsync: 'always',
    'no-appendfsync-on-rewrite': 'no',
  };
}

async function replicationForbidden(redis: Redis): Promise<boolean> {
  const users = (await redis.call('ACL', 'USERS')) as string[];
  for (const user of users) {
    for (const command of [['REPLICAOF', 'NO', 'ONE'], ['SLAVEOF', 'NO', 'ONE'], ['PSYNC', '?', '-1'], ['SYNC']]) {
      const verdict = (await redis.call('ACL', 'DRYRUN', user, ...command)) as string;
      if (verdict === 'OK') return false;
    }
  }
  return true;
}
