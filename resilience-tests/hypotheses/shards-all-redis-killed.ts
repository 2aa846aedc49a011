import { sleep } from '../../verification/harness/time.ts';
import type { Hypothesis } from '../harness/hypothesis.ts';
import { bothPaths, ownShards, SHARDED, type ShardedGround, SWITCHING } from '../harness/sharded.ts';

export const shardsAllRedisKilled: Hypothesis<ShardedGround> = {
  ...SHARDED,
  name: 'shards-all-redis-killed',
  expectation:
    'All three Redis servers are killed at once. All shards continue in MySQL, and return to Redis one after the other.',
  pauseMsMax: 10_000,
  errorsAllowed: SWITCHING,
  ground: () => ownShards(),
  async fault({ ground: { stack: cluster }, short, mark }) {
    await Promise.all(cluster.redises.map((redis) => redis.kill()));
    mark('all Redis servers are killed');
    for (const shard of cluster.redises.keys()) await cluster.untilMode(shard, 'DIRECT', 60_000);
    mark('all shards work in MySQL');
    await sleep(short ? 2_000 : 8_000);
    for (const redis of cluster.redises) {
      await redis.start();
      await sleep(1_000);
    }
    mark('all Redis servers are back');
    await cluster.untilBack();
    mark('all shards work in Redis');
  },
  afterwards: bothPaths,
};
