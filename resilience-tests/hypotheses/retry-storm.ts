import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';
import { firstDirect } from '../harness/switching.ts';

export const retryStorm: Hypothesis<Ground<Cluster>> = {
  name: 'retry-storm',
  expectation:
    'Every client sends each transfer five times at once, to any of the pods, while Redis is lost and comes back. Each id has one outcome.',
  pauseMsMax: 10_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: { ...BUSY_LOAD, rate: 230, batches: 0.2, copies: 5 },
  ground: () => ownCluster(),
  async fault(scene) {
    const { ground, mark } = scene;
    const { stack: cluster } = ground;
    const fault = mark('Redis killed');
    await cluster.redis.kill();
    await firstDirect(scene, fault);
    await sleep(3_000);
    await cluster.redis.start();
    mark('Redis is back');
    await cluster.untilBack();
  },
};
