import { RedisServer } from '../../verification/harness/redis-server.ts';
import type { Hypothesis } from '../harness/hypothesis.ts';
import { othersUnaffected, ownShards, SHARDED, type ShardedGround, SWITCHING } from '../harness/sharded.ts';

const MOVED = 1;

export const shardsRedisMoved: Hypothesis<ShardedGround> = {
  ...SHARDED,
  name: 'shards-redis-moved',
  expectation:
    'The host name of the Redis of one shard moves to another, empty Redis; no process is restarted. Transfers that do not touch that shard get no error and do not pause.',
  pauseMsMax: 1_500,
  errorsAllowed: SWITCHING,
  ground: () => ownShards({ wired: true }),
  async fault({ ground: { stack: cluster }, mark }) {
    const before = await cluster.epoch(MOVED);
    const second = cluster.add(await RedisServer.in({ dir: cluster.dir, stack: cluster.dir }));
    await second.start();
    mark('the host name of the Redis of shard 1 points to another Redis');
    for (const link of cluster.wires('redis', MOVED)) link.redirect(second);
    await cluster.untilEpoch(MOVED, before + 1);
    await cluster.untilBack();
    mark('shard 1 works in the other Redis');
  },
  afterwards: othersUnaffected(MOVED),
};
