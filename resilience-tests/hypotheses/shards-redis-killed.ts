import { sleep } from '../../verification/harness/time.ts';
import type { Hypothesis } from '../harness/hypothesis.ts';
import { othersUnaffected, ownShards, SHARDED, type ShardedGround, SWITCHING } from '../harness/sharded.ts';

const AWAY = 0;

export const shardsRedisKilled: Hypothesis<ShardedGround> = {
  ...SHARDED,
  name: 'shards-redis-killed',
  expectation:
    'One of three Redis servers is killed. Its shard continues in MySQL. Transfers that do not touch that shard get no error and do not pause.',
  pauseMsMax: 1_500,
  // The errors of shard 0; `othersUnaffected` allows none in the other shards.
  errorsAllowed: SWITCHING,
  ground: () => ownShards(),
  async fault({ ground: { stack: cluster }, short, mark }) {
    await cluster.redis(AWAY).kill();
    mark('the Redis of shard 0 is killed');
    await cluster.untilMode(AWAY, 'DIRECT', 30_000);
    mark('shard 0 works in MySQL');
    await sleep(short ? 2_000 : 8_000);
    await cluster.redis(AWAY).start();
    mark('Redis is back');
    await cluster.untilBack();
    mark('shard 0 works in Redis');
  },
  afterwards: othersUnaffected(AWAY),
};
