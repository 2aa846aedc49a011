import { sleep } from '../../verification/harness/time.ts';
import { shardsInRedisCluster, slotOfShard, type WithRedisCluster } from '../harness/found-redis.ts';
import type { Hypothesis } from '../harness/hypothesis.ts';
import { othersUnaffected, SHARDED, SWITCHING } from '../harness/sharded.ts';

const MOVED = 0;
const PAUSE_MS = 50;

export const shardsSlotMoved: Hypothesis<WithRedisCluster> = {
  ...SHARDED,
  name: 'shards-slot-moved',
  expectation:
    'A Redis Cluster of six processes moves the slot of a shard to another master under load, key by key, and back. The shard follows, with a new epoch. Transfers that do not touch that shard get no error and do not pause.',
  pauseMsMax: 1_500,
  errorsAllowed: SWITCHING,
  ground: shardsInRedisCluster,
  async fault({ ground: { stack: cluster, redis }, mark }) {
    const slot = slotOfShard(MOVED);
    const home = await redis.masterOf(slot);
    const other = await redis.masterOf(slotOfShard(1));
    for (const to of [other, home]) {
      const before = await cluster.epoch(MOVED);
      mark(`slot ${slot} of shard ${MOVED} begins to move`);
      await redis.moveSlot(slot, to, () => sleep(PAUSE_MS));
      mark('the slot has moved');
      await cluster.untilEpoch(MOVED, before + 1);
      await cluster.untilBack();
      mark('the shard works on the other master');
      await sleep(2_000);
    }
  },
  afterwards: othersUnaffected(MOVED),
};
