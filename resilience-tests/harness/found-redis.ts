import { shardPrefix, slotOfPrefix } from '../../app/redis/shard-prefix.ts';
import { OwnCluster } from '../../app/redis/testing/own-cluster.ts';
import { OwnSentinels } from '../../app/redis/testing/own-sentinels.ts';
import { ownShards, SHARDS, type ShardedGround } from './sharded.ts';

export interface WithRedisCluster extends ShardedGround {
  redis: OwnCluster;
}
export interface WithSentinels extends ShardedGround {
  sentinels: OwnSentinels;
}

/** The slot of all keys of a shard. */
export const slotOfShard = (shard: number): number => slotOfPrefix(shardPrefix('any', shard, SHARDS));

/** Three shards in a real Redis Cluster of six processes. */
export async function shardsInRedisCluster(): Promise<WithRedisCluster> {
  const redis = await OwnCluster.start();
  try {
    const { stack } = await ownShards({ redisUrls: Array.from({ length: SHARDS }, () => redis.url) });
    return {
      ...{ stack, redis },
      async [Symbol.asyncDispose]() {
        await stack[Symbol.asyncDispose]();
        await redis.stop();
      },
    };
  } catch (error) {
    await redis.stop();
    throw error;
  }
}

/** Three shards, the first of which finds its Redis through Sentinels. */
export async function firstShardBehindSentinels(): Promise<WithSentinels> {
  const sentinels = await OwnSentinels.start();
  try {
    const { stack } = await ownShards({ redisUrls: [sentinels.url] });
    return {
      ...{ stack, sentinels },
      async [Symbol.asyncDispose]() {
        await stack[Symbol.asyncDispose]();
        await sentinels.stop();
      },
    };
  } catch (error) {
    await sentinels.stop();
    throw error;
  }
}
