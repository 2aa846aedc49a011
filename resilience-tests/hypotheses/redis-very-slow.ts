import type { Cluster } from '../../verification/harness/cluster.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';
import { slowRedis } from '../harness/slow-redis.ts';

export const redisVerySlow: Hypothesis<Ground<Cluster>> = {
  name: 'redis-very-slow',
  expectation:
    'Every reply of Redis is delayed by 4 s, longer than pods and keepers wait, although the commands are executed. Redis counts as lost, and MySQL takes over.',
  pauseMsMax: 15_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster({ wired: true }),
  async fault(scene) {
    await slowRedis(scene, { roundTripMs: 4_000, forMs: scene.short ? 8_000 : 20_000 });
    await scene.ground.stack.untilBack();
  },
};
