import type { Hypothesis } from '../harness/hypothesis.ts';
import { shardsOnOneRedis, type WithSecondRedis } from '../harness/moved-stores.ts';
import { BROKEN } from '../harness/seen.ts';
import { othersUnaffected, SHARDED, SWITCHING } from '../harness/sharded.ts';

const MOVED = 1;

export const shardsRedisUrlChanged: Hypothesis<WithSecondRedis> = {
  ...SHARDED,
  name: 'shards-redis-url-changed',
  expectation:
    'Three shards begin on one Redis and one MariaDB. One shard gets another REDIS_URL: keepers and then pods are restarted one after the other. Until its first pod is restarted, transfers that touch the shard wait or get an error. Others get no error and do not pause.',
  pauseMsMax: 1_500,
  errorsAllowed: new RegExp(`${SWITCHING.source}|${BROKEN.source}|^ledger_closed$`),
  ground: shardsOnOneRedis,
  async fault({ ground: { stack: cluster, second }, mark }) {
    const before = await cluster.epoch(MOVED);
    mark('shard 1 gets another REDIS_URL');
    cluster.relocate(MOVED, { redis: second });
    await cluster.roll(cluster.keepers);
    mark('the keepers use the other Redis');
    await cluster.roll(cluster.pods);
    mark('the pods use the other Redis');
    await cluster.untilEpoch(MOVED, before + 1);
    await cluster.untilBack();
  },
  afterwards: othersUnaffected(MOVED),
};
