import type { Cluster } from '../../verification/harness/cluster.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';

export const rollingRestart: Hypothesis<Ground<Cluster>> = {
  name: 'rolling-restart',
  expectation: 'All pods and keepers are restarted with SIGTERM, one after the other. No request fails.',
  pauseMsMax: 1_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 1 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault({ ground: { stack: cluster }, mark, note }) {
    for (const service of [...cluster.pods, ...cluster.keepers]) {
      mark(`${service.name} gets SIGTERM`);
      const ms = await service.stop();
      note(`${service.name} ended in ${(ms / 1000).toFixed(1)} s`);
      await service.start();
      await cluster.untilReady();
    }
  },
};
