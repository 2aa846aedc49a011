import { until } from '../../verification/harness/time.ts';
import { shardsInRedisCluster, slotOfShard, type WithRedisCluster } from '../harness/found-redis.ts';
import type { Hypothesis } from '../harness/hypothesis.ts';
import { othersUnaffected, SHARDED, SWITCHING } from '../harness/sharded.ts';

const AWAY = 1;

export const shardsClusterMasterKilled: Hypothesis<WithRedisCluster> = {
  ...SHARDED,
  name: 'shards-cluster-master-killed',
  expectation:
    'The master of one shard in a Redis Cluster of six processes is killed, and its replica is promoted. The shard works in MySQL until it uses the new master. Transfers that do not touch that shard get no error and do not pause.',
  pauseMsMax: 1_500,
  errorsAllowed: SWITCHING,
  ground: shardsInRedisCluster,
  async fault({ ground: { stack: cluster, redis }, mark }) {
    const before = await cluster.epoch(AWAY);
    const { server } = await redis.masterOf(slotOfShard(AWAY));
    await server.kill();
    mark('the master of shard 1 is killed');
    await cluster.untilEpoch(AWAY, before + 1);
    await cluster.untilBack();
    mark('shard 1 works on the promoted replica');
    await server.startAgain();
    await until('the cluster is whole again', 60_000, () => redis.isWhole());
    mark('the old master is back as a replica');
  },
  afterwards: othersUnaffected(AWAY),
};
