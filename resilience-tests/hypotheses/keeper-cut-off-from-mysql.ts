import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';

export const keeperCutOffFromMysql: Hypothesis<Ground<Cluster>> = {
  name: 'keeper-cut-off-from-mysql',
  expectation:
    'One of two keepers loses MySQL twice: first its connections break, later they go silent. The other keeper does all the work, and no request fails.',
  pauseMsMax: 1_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster({ wired: true }),
  async fault({ ground: { stack: cluster }, short, mark }) {
    for (const keeper of cluster.keepers) {
      const wire = keeper.wire('mysql');
      for (const how of ['cut', 'hold'] as const) {
        wire[how]();
        mark(`${keeper.name}: the link is ${how === 'cut' ? 'cut' : 'silent'}`);
        await sleep(short ? 2_500 : 10_000);
        wire.heal();
        await sleep(500);
      }
    }
  },
  afterwards({ wrong }, { moves }) {
    if (moves.length > 0) wrong('the authority has moved');
  },
};
