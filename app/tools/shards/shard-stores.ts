import type { Config } from '../../config/config.ts';
import { configOfShard } from '../../config/shard-config.ts';
import { systemClock } from '../../kernel/clock.ts';
import { retriedUntil } from '../../kernel/retry.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { LedgerIdentity } from '../../mysql/operations/ledger-identity.ts';
import { connectRedis, identifyServer } from '../../redis/connection.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';
import { type ShardPrefix, shardPrefix, slotOfPrefix } from '../../redis/shard-prefix.ts';

const CONNECTIONS_MAX = 2;
const RETRY_MS = 50;

/** Connections to the stores of one shard, for reading. */
export class ShardStores implements AsyncDisposable {
  readonly shard: number;
  readonly database: Database;
  readonly identity: LedgerIdentity;
  readonly #redis: ReturnType<typeof connectRedis>;
  readonly #prefix: ShardPrefix;
  readonly #connectTimeoutMs: number;

  constructor(config: Config, shard: number) {
    const { redis, mysql, ledger } = configOfShard(config, shard);
    this.shard = shard;
    this.database = new Database({ ...mysql, connectionsMax: CONNECTIONS_MAX });
    this.identity = new LedgerIdentity(this.database);
    this.#prefix = shardPrefix(ledger.keyPrefix, shard, ledger.shards);
    this.#redis = connectRedis({ ...redis, slot: slotOfPrefix(this.#prefix) });
    this.#connectTimeoutMs = redis.connectTimeoutMs;
  }

  /** Whose Redis this is. @throws Error if Redis does not answer */
  async owner() {
    const plan = {
      ...{ clock: systemClock, deadlineMs: this.#connectTimeoutMs, baseMs: RETRY_MS, maxMs: RETRY_MS },
      when: () => this.#redis.status !== 'ready',
      onFailure: () => {},
    };
    const { replid } = await retriedUntil(plan, () => identifyServer(this.#redis));
    return new RedisScripts(this.#redis, this.#prefix, () => this.identity.read()).ownership(replid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redis.disconnect();
    await this.database[Symbol.asyncDispose]();
  }
}
