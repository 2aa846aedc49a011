import type { Cluster } from '../../verification/harness/cluster.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';

export const redisDiskLost: Hypothesis<Ground<Cluster>> = {
  name: 'redis-disk-lost',
  expectation:
    "Redis is killed and immediately comes back with an empty disk under its old node name. It is not trusted; the pods' tails are sufficient for the recovery.",
  pauseMsMax: 10_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault({ ground: { stack: cluster }, mark }) {
    mark('Redis killed, its disk lost');
    await cluster.redis.kill();
    cluster.redis.loseDisk();
    await cluster.redis.start();
    mark('Redis is back, empty');
    await cluster.untilMode('CLOSING', 30_000).catch(() => {}); // the mode may already have changed again
    await cluster.untilBack();
  },
};
