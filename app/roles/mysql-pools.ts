import type { Config } from '../config/config.ts';
import { configOfShard } from '../config/shard-config.ts';
import { ConnectionPool, databaseOf, FailoverCount } from '../mysql/connection/connection-pool.ts';
import type { OwnLedger } from '../mysql/connection/own-ledger.ts';
import { Database } from '../mysql/connection/pool.ts';
import { PoolShare } from '../mysql/connection/pool-share.ts';

/** The purposes of connections. Each purpose has separate pools, so that one kind of work does not delay the others. */
type Purpose = 'requests' | 'protocol' | 'recovering' | 'direct';
export type ShardDatabases = Record<Purpose, Database>;

interface Plan {
  /** The number of connections to a server that has the databases of this many shards. */
  connectionsMax(shards: number): number;
  waitTimeoutS?: number;
  lockWaitTimeoutS?: number;
}

/** Maximum time for which a crashed process keeps the authority row locked, seconds. */
const PROTOCOL_WAIT_TIMEOUT_S = 10;
/** A longer time for an epoch recovery, which computes its result between reading and writing, seconds. */
const RECOVERY_WAIT_TIMEOUT_S = 60;
const DIRECT_LOCK_WAIT_S = 2;

/**
 * A pod has sessions in all shards, each of which reads and writes a few rows per second, so they share connections. A keeper
 * flushes all shards at the same time, and may recover any of them, so these connections are not shared.
 */
function plansOf(role: Config['process']['role'], poolMax: number): Record<Purpose, Plan> {
  const shared = role === 'api';
  return {
    requests: { connectionsMax: () => poolMax },
    // A flood of requests must not delay heartbeats, the authority or the flush.
    protocol: {
      connectionsMax: (shards) => (shared ? Math.max(4, 2 + Math.ceil(shards / 2)) : 4 * shards),
      waitTimeoutS: PROTOCOL_WAIT_TIMEOUT_S,
    },
    // An epoch recovery reads the handed-over entries, and computes the result before it writes.
    recovering: {
      connectionsMax: (shards) => (shared ? 2 : 2 * shards),
      waitTimeoutS: RECOVERY_WAIT_TIMEOUT_S,
    },
    // For transfers in MySQL: one for each call that the queue sends concurrently, and one more for account changes.
    direct: {
      connectionsMax: (shards) => Math.max(4, 2 * shards),
      lockWaitTimeoutS: DIRECT_LOCK_WAIT_S,
      waitTimeoutS: PROTOCOL_WAIT_TIMEOUT_S,
    },
  };
}

/** Maximum number of connections that a process opens to a server with the databases of this many shards. */
export function mysqlConnectionsMax(role: Config['process']['role'], poolMax: number, shards: number): number {
  const plans = plansOf(role, poolMax);
  return PURPOSES.reduce((sum, purpose) => sum + plans[purpose].connectionsMax(shards), 0);
}

const PURPOSES: readonly Purpose[] = ['requests', 'protocol', 'recovering', 'direct'];

/** The pools of a process: one of each kind for every MySQL server, shared by the shards whose databases are there. */
export class MysqlPools implements AsyncDisposable {
  readonly #config: Config;
  readonly #shardsOn = new Map<string, number>();
  readonly #pools = new Map<string, Record<Purpose, ConnectionPool>>();

  constructor(config: Config) {
    this.#config = config;
    for (let shard = 0; shard < config.ledger.shards; shard++) {
      const server = serverOf(configOfShard(config, shard).mysql.url);
      this.#shardsOn.set(server, (this.#shardsOn.get(server) ?? 0) + 1);
    }
  }

  /**
   * @param url the URL of the shard's database @param watch is notified whether MySQL answers this shard
   * @param ledger the ledger to which the database must belong
   */
  databasesOf(
    url: string,
    watch: { succeeded(): void; failed(error: unknown): void },
    ledger: OwnLedger,
  ): ShardDatabases {
    const shards = this.#shardsOn.get(serverOf(url)) ?? 1;
    const pools = this.#poolsOf(url, shards);
    const database = databaseOf(url);
    const entries = PURPOSES.map((purpose) => {
      const pool = pools[purpose];
      const share = shards === 1 ? null : new PoolShare(Math.ceil(pool.connectionsMax / 2), pool.queueMax);
      return [purpose, new Database({ pool, database, share, watch, ledger })];
    });
    return Object.fromEntries(entries) as ShardDatabases;
  }

  #poolsOf(url: string, shards: number): Record<Purpose, ConnectionPool> {
    const server = serverOf(url);
    const known = this.#pools.get(server);
    if (known) return known;
    const { queueMax, connectTimeoutMs, queryTimeoutMs, lockWaitTimeoutS } = this.#config.mysql;
    const readOnly = new FailoverCount();
    const shared = { url, queueMax, connectTimeoutMs, queryTimeoutMs, lockWaitTimeoutS, readOnly };
    const plans = plansOf(this.#config.process.role, this.#config.mysql.poolMax);
    const entries = PURPOSES.map((purpose) => {
      const { connectionsMax, ...different } = plans[purpose];
      return [purpose, new ConnectionPool({ ...shared, ...different, connectionsMax: connectionsMax(shards) })];
    });
    const pools = Object.fromEntries(entries) as Record<Purpose, ConnectionPool>;
    this.#pools.set(server, pools);
    return pools;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pools of this.#pools.values()) {
      for (const purpose of PURPOSES.toReversed()) await pools[purpose][Symbol.asyncDispose]();
    }
  }
}

/** Server, user and parameters of a URL: databases whose URLs agree in these can share connections. */
function serverOf(url: string): string {
  const server = new URL(url);
  server.pathname = '';
  return server.href;
}
