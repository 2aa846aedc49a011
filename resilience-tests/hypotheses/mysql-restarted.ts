import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { WITHOUT_MYSQL } from '../harness/seen.ts';

const AWAY_MS = 3_000;

export const mysqlRestarted: Hypothesis<Ground<Cluster>> = {
  name: 'mysql-restarted',
  expectation:
    'MySQL is killed and starts again 3 s later, while all clients send ids that are not UUIDv7. Transfers wait until it is back, and none gets an error.',
  pauseMsMax: 8_000,
  errorsAllowed: WITHOUT_MYSQL,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 8 } },
  load: { ownIds: 1, batches: 0, changes: 0 },
  ground: () => ownCluster(),
  async fault({ ground: { stack: cluster }, mark }) {
    mark('MySQL killed');
    await cluster.mysql.kill();
    await sleep(AWAY_MS);
    await cluster.mysql.start();
    mark('MySQL is back');
  },
  afterwards(scene, { errors, moves }) {
    for (const [error, count] of errors) if (error.endsWith('(transfer)')) scene.wrong(`${error}: ${count} times`);
    if (moves.length > 0) scene.wrong('the authority has moved');
  },
};
