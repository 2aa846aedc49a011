import type { Config } from '../../config/config.ts';
import { configOfShard } from '../../config/shard-config.ts';
import type { Authority } from '../../domain/authority.ts';
import { systemClock } from '../../kernel/clock.ts';
import { retriedUntil } from '../../kernel/retry.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { LedgerIdentity } from '../../mysql/operations/ledger-identity.ts';
import { connectRedis, identifyServer } from '../../redis/connection.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';
import { shardPrefix, slotOfPrefix } from '../../redis/shard-prefix.ts';

const CONNECTIONS_MAX = 2;
const RETRY_MS = 50;
/** A connection may take this long on a busy machine, ms. */
const REDIS_WAIT_MS = 10_000;

/** Connections to the stores of one shard, for a command. */
export class ShardStores implements AsyncDisposable {
  readonly shard: number;
  readonly database: Database;
  readonly identity: LedgerIdentity;
  readonly #redis: ReturnType<typeof connectRedis>;
  readonly #scripts: RedisScripts;

  constructor(config: Config, shard: number) {
    const { redis, mysql, ledger } = configOfShard(config, shard);
    this.shard = shard;
    this.database = new Database({ ...mysql, connectionsMax: CONNECTIONS_MAX });
    this.identity = new LedgerIdentity(this.database);
    const prefix = shardPrefix(ledger.keyPrefix, shard, ledger.shards);
    this.#redis = connectRedis({ ...redis, slot: slotOfPrefix(prefix) });
    this.#scripts = new RedisScripts(this.#redis, prefix, () => this.identity.read());
  }

  /** Whose Redis this is. @throws Error if Redis does not answer */
  owner() {
    return this.#askRedis(async () => {
      const { replid } = await identifyServer(this.#redis);
      return this.#scripts.ownership(replid);
    });
  }

  /** The last seq of the journal of an epoch. @throws Error if Redis is not the one of this epoch, or does not answer */
  journalEnd({ epoch, format, replid }: Pick<Authority, 'epoch' | 'format' | 'replid'>): Promise<number> {
    return this.#askRedis(async () => {
      await identifyServer(this.#redis);
      const caller = { fenceEpoch: epoch, epoch, format, replid: replid ?? '' };
      const { head } = await this.#scripts.journal(caller, Number.MAX_SAFE_INTEGER - 1, 1);
      return head.seq;
    });
  }

  /** Use this only for reads, because a call is repeated for a while after any failure. */
  #askRedis<T>(question: () => Promise<T>): Promise<T> {
    const plan = { clock: systemClock, deadlineMs: REDIS_WAIT_MS, baseMs: RETRY_MS, maxMs: RETRY_MS };
    return retriedUntil({ ...plan, when: () => true, onFailure: () => {} }, question);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redis.disconnect();
    await this.database[Symbol.asyncDispose]();
  }
}
