import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';

export const keepersKilled: Hypothesis<Ground<Cluster>> = {
  name: 'keepers-killed',
  expectation:
    'No keeper runs for a while. The journal grows, no request fails (only `persisted` requests time out), and the next keeper continues from the cursor.',
  pauseMsMax: 1_000,
  errorsAllowed: /^504 outcome_unknown$/,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault({ ground: { stack: cluster }, short, mark }) {
    mark('all keepers killed');
    await Promise.all(cluster.keepers.map((keeper) => keeper.kill()));
    await sleep(short ? 5_000 : 30_000);
    await Promise.all(cluster.keepers.map((keeper) => keeper.start()));
    mark('the keepers are back');
  },
};
