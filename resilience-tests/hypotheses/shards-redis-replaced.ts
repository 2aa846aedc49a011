import type { Hypothesis } from '../harness/hypothesis.ts';
import { othersUnaffected, ownShards, SHARDED, type ShardedGround, SWITCHING } from '../harness/sharded.ts';

const AWAY = 2;

export const shardsRedisReplaced: Hypothesis<ShardedGround> = {
  ...SHARDED,
  name: 'shards-redis-replaced',
  expectation:
    'One of three Redis servers dies and is replaced by an empty one. The memory of the pods contains the transfers that had not reached MySQL. Transfers that do not touch its shard get no error and do not pause.',
  pauseMsMax: 1_500,
  errorsAllowed: SWITCHING,
  ground: () => ownShards(),
  async fault({ ground: { stack: cluster }, mark }) {
    const before = await cluster.epoch(AWAY);
    await cluster.redis(AWAY).kill();
    cluster.redis(AWAY).loseDisk();
    await cluster.redis(AWAY).start();
    mark('the Redis of shard 2 is back, empty');
    await cluster.untilEpoch(AWAY, before + 1);
    await cluster.untilBack();
    mark('shard 2 works in the new Redis');
  },
  afterwards: othersUnaffected(AWAY),
};
