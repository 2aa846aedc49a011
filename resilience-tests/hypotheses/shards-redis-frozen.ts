import { sleep } from '../../verification/harness/time.ts';
import type { Hypothesis } from '../harness/hypothesis.ts';
import { othersUnaffected, ownShards, SHARDED, type ShardedGround, SWITCHING } from '../harness/sharded.ts';

const AWAY = 1;

export const shardsRedisFrozen: Hypothesis<ShardedGround> = {
  ...SHARDED,
  name: 'shards-redis-frozen',
  expectation:
    'One of three Redis servers stops responding, with its connections open, and responds again later. Transfers that do not touch its shard get no error and do not pause.',
  pauseMsMax: 1_500,
  errorsAllowed: SWITCHING,
  ground: () => ownShards(),
  async fault({ ground: { stack: cluster }, short, mark }) {
    cluster.redis(AWAY).freeze();
    mark('the Redis of shard 1 is frozen');
    await cluster.untilMode(AWAY, 'DIRECT', 30_000);
    mark('shard 1 works in MySQL');
    await sleep(short ? 2_000 : 8_000);
    cluster.redis(AWAY).wake();
    mark('Redis responds again');
    await cluster.untilBack();
    mark('shard 1 works in Redis');
  },
  afterwards: othersUnaffected(AWAY),
};
