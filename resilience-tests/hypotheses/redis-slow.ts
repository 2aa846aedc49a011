import type { Cluster } from '../../verification/harness/cluster.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';
import { slowRedis } from '../harness/slow-redis.ts';

export const redisSlow: Hypothesis<Ground<Cluster>> = {
  name: 'redis-slow',
  expectation:
    'Every reply of Redis is delayed by 200 ms. Requests take longer, but none fails, and the authority does not move.',
  pauseMsMax: 2_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster({ wired: true }),
  fault: (scene) => slowRedis(scene, { roundTripMs: 200, forMs: scene.short ? 5_000 : 20_000 }),
  afterwards({ wrong }, { moves }) {
    if (moves.length > 0) wrong('the authority has moved');
  },
};
