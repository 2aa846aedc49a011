import { sleep } from '../../verification/harness/time.ts';
import { firstShardBehindSentinels, type WithSentinels } from '../harness/found-redis.ts';
import type { Hypothesis } from '../harness/hypothesis.ts';
import { othersUnaffected, SHARDED, SWITCHING } from '../harness/sharded.ts';

const AWAY = 0;

export const shardsSentinelFailover: Hypothesis<WithSentinels> = {
  ...SHARDED,
  name: 'shards-sentinel-failover',
  expectation:
    'The master of one shard is frozen, three Sentinels promote its replica, and the old master resumes. The shard continues on the replica. Transfers that do not touch that shard get no error and do not pause.',
  pauseMsMax: 1_500,
  errorsAllowed: SWITCHING,
  ground: firstShardBehindSentinels,
  async fault({ ground: { stack: cluster, sentinels }, mark }) {
    const [master] = sentinels.servers;
    const before = await cluster.epoch(AWAY);
    master.freeze();
    mark('the master of shard 0 is frozen');
    await cluster.untilEpoch(AWAY, before + 1);
    await cluster.untilBack();
    mark('shard 0 works on the promoted replica');
    master.thaw();
    mark('the old master responds again');
    await sleep(3_000);
  },
  afterwards: othersUnaffected(AWAY),
};
