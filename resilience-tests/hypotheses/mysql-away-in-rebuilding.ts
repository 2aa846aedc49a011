import type { Cluster } from '../../verification/harness/cluster.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { mysqlAway } from '../harness/mysql-away.ts';
import { firstDirect } from '../harness/switching.ts';

export const mysqlAwayInRebuilding: Hypothesis<Ground<Cluster>> = {
  name: 'mysql-away-in-rebuilding',
  expectation: 'MySQL is killed for 30 s while the authority is returning to Redis. The return completes later.',
  pauseMsMax: 60_000,
  errorsAllowed: /^(database_unavailable|overloaded|ledger_switching|504 outcome_unknown)$/,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault(scene) {
    const { ground, mark } = scene;
    const { stack: cluster } = ground;
    const fault = mark('Redis killed');
    await cluster.redis.kill();
    await firstDirect(scene, fault);
    await cluster.redis.start();
    mark('Redis is back');
    await cluster.untilMode('REBUILDING', 60_000);
    await mysqlAway(scene);
    await cluster.untilBack();
  },
};
