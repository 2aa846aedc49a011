import type { Cluster } from '../../verification/harness/cluster.ts';
import { median } from '../../verification/harness/command.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';
import { firstDirect } from '../harness/switching.ts';

const FIRST_DIRECT_MS_MAX = 3_000;

export const redisAway: Hypothesis<Ground<Cluster>> = {
  name: 'redis-away',
  expectation:
    'Redis is killed and stays unavailable for a while. MySQL takes over, and posts the first transfer within 3 s (median). Redis gets the authority again once it is back. No client that waits 10 s gets an error.',
  pauseMsMax: 8_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  // Each loss doubles the time for which Redis must be stable, and this test has several losses.
  ground: () => ownCluster({ env: { REDIS_STEADY_AFTER_MS: '500' } }),
  async fault(scene) {
    const { ground, short, mark, note, late } = scene;
    const { stack: cluster } = ground;
    const toFirst: number[] = [];
    for (let round = 0; round < (short ? 1 : 7); round++) {
      if (round > 0) await sleep(5_000);
      const fault = mark('Redis killed');
      await cluster.redis.kill();
      toFirst.push(await firstDirect(scene, fault));
      await sleep(short ? 2_000 : 5_000);
      await cluster.redis.start();
      mark('Redis is back');
      await cluster.untilBack();
    }
    const inOrder = toFirst.map((ms) => (ms / 1000).toFixed(2)).join(', ');
    note(`from kill -9 to the first transfer in DIRECT: median ${(median(toFirst) / 1000).toFixed(2)} s (${inOrder})`);
    if (median(toFirst) > FIRST_DIRECT_MS_MAX) late('the first transfer in DIRECT came later than expected');
  },
};
