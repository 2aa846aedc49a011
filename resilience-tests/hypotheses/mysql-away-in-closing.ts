import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { mysqlAway } from '../harness/mysql-away.ts';

export const mysqlAwayInClosing: Hypothesis<Ground<Cluster>> = {
  name: 'mysql-away-in-closing',
  expectation:
    'MySQL is killed for 30 s while the pods hand over, and one of the pods is paused. They complete the hand-over once MySQL is back.',
  pauseMsMax: 60_000,
  errorsAllowed:
    /^(database_unavailable|overloaded|ledger_switching|ledger_closed|504 outcome_unknown|no answer in time)$/,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  ground: () => ownCluster(),
  async fault(scene) {
    const { ground, mark } = scene;
    const { stack: cluster } = ground;
    cluster.pod(0).freeze(); // keeps the ledger in CLOSING for as long as this test needs
    mark('pod 1 is paused, and Redis is killed');
    await cluster.redis.kill();
    await cluster.untilMode('CLOSING', 30_000);
    await mysqlAway(scene);
    cluster.pod(0).wake();
    mark('pod 1 is resumed');
    await cluster.untilMode('DIRECT', 60_000);
    await sleep(2_000);
    await cluster.redis.start();
    mark('Redis is back');
    await cluster.untilBack();
  },
};
