import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';
import { firstDirect } from '../harness/switching.ts';

const FROZEN_MS = { full: 10_000, short: 6_000 };

export const redisFrozen: Hypothesis<Ground<Cluster>> = {
  name: 'redis-frozen',
  expectation:
    'Redis is frozen for 10 s, with commands in its buffers that it executes afterwards. The fence, or the end of the epoch, makes them fail.',
  pauseMsMax: 8_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault(scene) {
    const { ground, short, mark, note } = scene;
    const { stack: cluster } = ground;
    const fault = mark('Redis frozen');
    cluster.redis.freeze();
    const first = await firstDirect(scene, fault);
    note(`the first transfer in DIRECT after ${(first / 1000).toFixed(2)} s`);
    await sleep(Math.max(0, FROZEN_MS[short ? 'short' : 'full'] - first));
    cluster.redis.wake();
    mark('Redis thawed');
    await cluster.untilBack();
  },
};
