import { Redis, type RedisOptions, ReplyError } from 'ioredis';

/**
 * A connection whose other end is gone without a word answers nothing and breaks off nothing, for a quarter of an hour: a
 * ping that gets no answer in time ends it, and ioredis makes a new one. What was under way is in doubt then.
 */
function giveUpWhenSilent(redis: Redis, everyMs: number): void {
  const timer = setInterval(() => {
    if (redis.status !== 'ready') return;
    redis.ping().catch((error: Error) => {
      if (redis.status === 'ready' && error.message === 'Command timed out') redis.disconnect(true);
    });
  }, everyMs);
  timer.unref();
  redis.once('end', () => clearInterval(timer));
}

/** Which server answers. */
export interface ServerIdentity {
  role: string;
  replid: string;
}

/** What decides whether a Redis may hold the ledger, read on one connection. */
export interface ServerFacts extends ServerIdentity {
  version: string;
  /** Identifies the process; it changes with a restart. */
  runId: string;
  /** `master_replid2`: its replid as a replica, until its replication backlog was recreated. */
  formerReplid: string;
  /** `appenddirname`: a name of the node that does not replicate. */
  node: string;
  connectedReplicas: number;
  settings: Record<string, string>;
  /** The source of `settings`: the server's own answer or, if it refuses `CONFIG`, the operator's guarantee. */
  settingsFrom: 'server' | 'operator' | 'nowhere';
  /** True when no user of this server may make it, or feed, a replica. */
  replicationForbidden: boolean;
}

export interface RedisConnectionOptions {
  url: string;
  connectTimeoutMs: number;
  commandTimeoutMs: number;
}

/**
 * A connection for money commands: nothing is queued while it is down, nothing is ever sent twice by the library, and a
 * command that gets no answer in time fails here while it may still run there: it is in doubt.
 */
export function connectRedis(options: RedisConnectionOptions, extra: RedisOptions = {}): Redis {
  const redis = new Redis(options.url, {
    lazyConnect: true,
    connectTimeout: options.connectTimeoutMs,
    commandTimeout: options.commandTimeoutMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableAutoPipelining: false,
    retryStrategy: (attempt) => Math.min(25 * attempt, 500),
    ...extra,
  });
  // Errors of the connection show in the commands that fail; without a listener ioredis would print them.
  redis.on('error', () => {});
  redis.connect().catch(() => {});
  giveUpWhenSilent(redis, options.commandTimeoutMs);
  return redis;
}

/**
 * Destroys the connection, with every command that is under way on it and every byte that still sits in it; a new one is made.
 * `disconnect` would let the buffer reach the server first.
 */
export function cutConnection(redis: Redis): void {
  redis.stream?.destroy();
}

const BACKLOG_TTL = 'repl-backlog-ttl';
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
 * Reads the facts that decide whether this server may hold the ledger. Managed services refuse `CONFIG` and `ACL`.
 * @param managed the operator guarantees that the server writes its append-only file before every reply
 */
export async function inspectServer(redis: Redis, managed = false): Promise<ServerFacts> {
  const [info, server, told] = await Promise.all([
    redis.info('replication'),
    redis.info('server'),
    refusedAsNull(Promise.all(SETTINGS.map((name) => redis.config('GET', name) as Promise<string[]>))),
  ]);
  const settings = told
    ? Object.fromEntries(told.map((pair, index) => [SETTINGS[index] ?? '', pair[1] ?? '']))
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
    settingsFrom: told ? 'server' : managed ? 'operator' : 'nowhere',
    replicationForbidden: (await refusedAsNull(replicationForbidden(redis))) ?? false,
  };
}

/** The user lacks the permission, or the server does not know the command: a definite answer that waiting does not change. */
const REFUSED = /^(NOPERM|ERR (unknown|Unknown|This instance|command|.*(disabled|not (allowed|supported))))/;

async function refusedAsNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ReplyError && REFUSED.test((error as Error).message)) return null;
    throw error;
  }
}

/** Settings that `INFO` reports are read; those that only `CONFIG` reports are guaranteed by the operator (`REDIS_MANAGED`). */
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

/** What every Redis is called that was not given a name. */
const DEFAULT_NODE = 'appendonlydir';

/**
 * The name by which this node can be known again after a restart; '' when a restart proves nothing: it has no name of its
 * own, or replicas could have taken its name and lost its past.
 */
export function provableNode(facts: ServerFacts): string {
  const provable = facts.node !== DEFAULT_NODE && facts.connectedReplicas === 0 && facts.replicationForbidden;
  return provable ? facts.node : '';
}

/**
 * Settings that are no reason to refuse this server but will cause a switch-over some day: its `master_replid`, by which scripts
 * identify it, changes with the first replica (or `redis-cli --rdb`), and when the backlog of the last replica expires.
 */
export function replidRisks(facts: ServerFacts): string[] {
  if (facts.replicationForbidden) return [];
  const ttl = facts.settings[BACKLOG_TTL];
  const risks = [
    'REPLICAOF, PSYNC and SYNC are not forbidden by ACL: a replica or `redis-cli --rdb` changes master_replid',
  ];
  if (ttl !== undefined && ttl !== '' && ttl !== '0') {
    risks.push(`${BACKLOG_TTL} is ${ttl}, not 0: so long after the last replica has gone, master_replid changes again`);
  }
  return risks;
}

/** Explains, as far as possible, why the `master_replid` of a server is no longer that of the epoch. */
export function explainReplid(facts: ServerFacts, runIdBefore: string | null): string {
  if (facts.role !== 'master') return `it is a ${facts.role} now`;
  if (runIdBefore === null) return 'its master_replid has changed';
  if (facts.runId !== runIdBefore) return 'its process is another: it has restarted, or this is another node';
  if (!/^0*$/.test(facts.formerReplid)) {
    return 'its process is the same, and it was a replica for a while (REPLICAOF): its data may be those of another node';
  }
  const replicas = facts.connectedReplicas > 0 ? `, ${facts.connectedReplicas} connected` : '';
  return `its process is the same and its master_replid has changed: a replica or \`redis-cli --rdb\` connected${replicas}, or ${BACKLOG_TTL} ran out`;
}

/** Why this server may not hold the ledger; empty when it may. */
export function unfitness(facts: ServerFacts): string[] {
  const wrong: string[] = [];
  if (!/^[0-9a-f]{40}$/.test(facts.replid)) wrong.push(`its master_replid is ${JSON.stringify(facts.replid)}`);
  const want = (name: string, value: string) => {
    if (facts.settings[name] !== value) wrong.push(`${name} is ${facts.settings[name]}, must be ${value}`);
  };
  if (facts.role !== 'master') wrong.push(`its role is ${facts.role}`);
  if (!(Number.parseInt(facts.version, 10) >= 7)) wrong.push(`its version is ${facts.version}, 7 or later is needed`);
  if (facts.settingsFrom === 'nowhere') {
    wrong.push('it refuses CONFIG GET: grant the command, or vouch for its settings with REDIS_MANAGED=true');
    return wrong;
  }
  want('appendonly', 'yes');
  want('appendfsync', 'always');
  want('maxmemory-policy', 'noeviction');
  want('no-appendfsync-on-rewrite', 'no');
  return wrong;
}
