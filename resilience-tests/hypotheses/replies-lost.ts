import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep, until } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { smallTown } from '../../verification/load/population.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { loseReplies } from '../harness/lost-replies.ts';

export const repliesLost: Hypothesis<Ground<Cluster>> = {
  name: 'replies-lost',
  expectation:
    'Redis executes commands of one pod whose replies are lost, and then Redis is lost. Only Redis has those entries: their accounts are frozen, all others continue on MySQL, and the journal resolves the frozen ones when Redis is back.',
  pauseMsMax: 10_000,
  errorsAllowed: /^(account_unsettled|504 outcome_unknown)$/,
  seconds: { full: { before: 10, after: 15 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  population: (prefix) => smallTown(prefix, 2_000),
  ground: () => ownCluster({ wired: true }),
  async fault(scene) {
    const { ground, short, mark } = scene;
    const { stack: cluster } = ground;
    await loseReplies(scene);
    await sleep(short ? 2_000 : 10_000);
    await cluster.redis.start();
    mark('Redis is back');
    await until('nothing is frozen anymore', 30_000, async () => {
      const [row] = await cluster.query('SELECT COUNT(*) AS frozen FROM frozen_accounts');
      return Number(row?.['frozen']) === 0;
    });
    mark('nothing is frozen anymore');
    await cluster.untilBack();
  },
};
