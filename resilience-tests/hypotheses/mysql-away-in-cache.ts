import type { Cluster } from '../../verification/harness/cluster.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { mysqlAway } from '../harness/mysql-away.ts';
import { WITHOUT_MYSQL } from '../harness/seen.ts';

export const mysqlAwayInCache: Hypothesis<Ground<Cluster>> = {
  name: 'mysql-away-in-cache',
  expectation:
    'MySQL is killed for 30 s. Requests that need it get an error, all others continue, and the authority does not move.',
  pauseMsMax: 1_000,
  errorsAllowed: WITHOUT_MYSQL,
  seconds: { full: { before: 10, after: 20 }, short: { before: 3, after: 4 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  fault: mysqlAway,
  afterwards(scene, { moves }) {
    if (moves.length > 0) scene.wrong('the authority has moved');
  },
};
