import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';

export const redisFlapping: Hypothesis<Ground<Cluster>> = {
  name: 'redis-flapping',
  expectation:
    'Redis is repeatedly killed soon after it is back, at every stage of the return. It does not get the authority back until it stays available.',
  pauseMsMax: 15_000,
  errorsAllowed: /^504 outcome_unknown$|^ledger_switching$/,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault({ ground: { stack: cluster }, short, mark }) {
    for (const [awayMs, backMs] of FLAPS.slice(0, short ? 4 : FLAPS.length)) {
      mark('Redis killed');
      await cluster.redis.kill();
      await sleep(awayMs);
      await cluster.redis.start();
      mark('Redis is back');
      await sleep(backMs);
    }
    await cluster.untilBack();
  },
};

/** How long Redis is down, and then up, ms. */
const FLAPS = [
  [100, 700],
  [2_000, 300],
  [300, 2_000],
  [2_500, 3_400],
  [1_600, 1_000],
  [1_000, 3_200],
  [3_000, 100],
  [500, 500],
] as const;
