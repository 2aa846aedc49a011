import type { Config } from '../../config/config.ts';
import { configOfShard } from '../../config/shard-config.ts';
import { SLOTS } from '../../domain/hash-slot.ts';
import { parseRedisUrl } from '../../kernel/redis-url.ts';
import { clusterSearch, nameOf, sentinelSearch } from '../../redis/node-search.ts';
import { shardPrefix, slotOfPrefix } from '../../redis/shard-prefix.ts';
import { mysqlConnectionsMax } from '../../roles/mysql-pools.ts';

interface PlannedShard {
  shard: number;
  /** The slots of its accounts. */
  slots: { from: number; to: number };
  /** The hash tag of its keys in Redis, and the slot of this tag. */
  tag: string;
  tagSlot: number;
  /** The Redis node, or why it was not found. */
  redis: string;
  mysql: string;
}

interface PlannedServer {
  server: string;
  shards: number[];
  /** The maximum number of connections that all processes together open. */
  connections: number;
}

export interface Plan {
  shards: PlannedShard[];
  redis: PlannedServer[];
  mysql: PlannedServer[];
}

export interface Processes {
  pods: number;
  keepers: number;
}

/** A keeper uses one connection for the ledger, and two for the schedule of its jobs. */
const REDIS_CONNECTIONS = { pod: 1, keeper: 3 };

/** Where the shards of a configuration are. Queries Sentinels and nodes of a cluster, but no other store. */
export async function planOf(config: Config, { pods, keepers }: Processes): Promise<Plan> {
  const numbers = Array.from({ length: config.ledger.shards }, (_, shard) => shard);
  const shards = await Promise.all(numbers.map((shard) => plannedShard(config, shard)));
  const { poolMax } = config.mysql;
  return {
    shards,
    redis: serversOf(
      shards.map(({ redis }) => redis),
      (count) => count * (pods * REDIS_CONNECTIONS.pod + keepers * REDIS_CONNECTIONS.keeper),
    ),
    mysql: serversOf(
      shards.map(({ mysql }) => mysql.slice(0, mysql.indexOf('/'))),
      (count) =>
        pods * mysqlConnectionsMax('api', poolMax, count) + keepers * mysqlConnectionsMax('keeper', poolMax, count),
    ),
  };
}

async function plannedShard(config: Config, shard: number): Promise<PlannedShard> {
  const { shards, keyPrefix } = config.ledger;
  const { redis, mysql } = configOfShard(config, shard);
  const prefix = shardPrefix(keyPrefix, shard, shards);
  const { hostname, port, pathname } = new URL(mysql.url);
  const tagSlot = slotOfPrefix(prefix);
  return {
    shard,
    slots: { from: Math.ceil((shard * SLOTS) / shards), to: Math.ceil(((shard + 1) * SLOTS) / shards) - 1 },
    tag: prefix.slice(prefix.indexOf('{')),
    tagSlot,
    redis: await redisNode(redis, tagSlot),
    mysql: `${hostname}:${port || '3306'}${pathname}`,
  };
}

async function redisNode({ url, connectTimeoutMs, commandTimeoutMs }: Config['redis'], slot: number): Promise<string> {
  const parsed = parseRedisUrl(url);
  if (parsed === null) throw new TypeError('the configuration accepted an invalid URL');
  const timing = { connectTimeoutMs, commandTimeoutMs };
  try {
    if (parsed.by === 'sentinel') return nameOf(await sentinelSearch(parsed, timing).find());
    if (parsed.by === 'cluster') return nameOf(await clusterSearch(parsed, slot, timing).find());
  } catch (error) {
    return `unknown (${(error as Error).message})`;
  }
  const [endpoint] = parsed.endpoints;
  return endpoint ? nameOf(endpoint) : 'unknown';
}

/** @param servers of each shard, in order */
function serversOf(servers: readonly string[], connectionsOf: (shards: number) => number): PlannedServer[] {
  return [...new Set(servers)].map((server) => {
    const shards = [...servers.keys()].filter((shard) => servers[shard] === server);
    return { server, shards, connections: connectionsOf(shards.length) };
  });
}
