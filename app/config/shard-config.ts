import type { Config } from './config.ts';
import { MIB } from './config-kinds.ts';
import { urlFor } from './shard-urls.ts';

/** The minimum share of a shard. The largest call has to fit into its queue, and a part of the tail into its memory. */
const QUEUE_TRANSFERS_MIN = 1_000;
const TAIL_BYTES_MIN = MIB;

/**
 * The configuration of one shard: its URLs, and its share of the limits that apply to the whole process. Limits that
 * protect Redis or MySQL (cached accounts, journal, batches) apply to each shard.
 */
export function configOfShard(config: Config, shard: number): Config {
  const { redis, mysql, search, ledger } = config;
  const { shards } = ledger;
  const index = { ...search, mysqlUrl: search.mysqlUrl && urlFor(search.mysqlUrl, shard) };
  if (shards === 1) return { ...config, redis: ofShard(redis, 0), mysql: ofShard(mysql, 0), search: index };
  return {
    ...config,
    redis: ofShard(redis, shard),
    mysql: ofShard(mysql, shard),
    search: index,
    ledger: {
      ...ledger,
      queueTransfersMax: Math.max(QUEUE_TRANSFERS_MIN, Math.ceil(ledger.queueTransfersMax / shards)),
      tailBytesMax: Math.max(TAIL_BYTES_MIN, Math.ceil(ledger.tailBytesMax / shards)),
    },
  };
}

const ofShard = <T extends { url: string }>(store: T, shard: number): T => ({
  ...store,
  url: urlFor(store.url, shard),
});
