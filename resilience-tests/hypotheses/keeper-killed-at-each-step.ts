import type { Cluster } from '../../verification/harness/cluster.ts';
import { sleep } from '../../verification/harness/time.ts';
import { BUSY_LOAD } from '../../verification/load/load.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { NONE } from '../harness/seen.ts';

export const keeperKilledAtEachStep: Hypothesis<Ground<Cluster>> = {
  name: 'keeper-killed-at-each-step',
  expectation:
    'The keeper that has just moved the authority is killed, once at each step of the switch-over to MySQL and of the return to Redis. The other keeper continues from there.',
  pauseMsMax: 10_000,
  errorsAllowed: NONE,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 3 } },
  load: BUSY_LOAD,
  // Each loss doubles the time for which Redis must be stable, and this test has several losses.
  ground: () => ownCluster({ env: { REDIS_STEADY_AFTER_MS: '500' } }),
  async fault({ ground: { stack: cluster }, short, mark }) {
    const steps = ['CLOSING', 'DIRECT', 'REBUILDING', 'CACHE'] as const;
    for (const step of steps) {
      mark(`Redis killed; the keeper will be killed at ${step}`);
      await cluster.redis.kill();
      const isOnTheWayBack = step === 'REBUILDING' || step === 'CACHE';
      if (isOnTheWayBack) {
        await cluster.untilMode('DIRECT', 30_000);
        await cluster.redis.start();
      }
      await cluster.untilMode(step, 60_000);
      const keeper = await cluster.mover();
      if (!keeper) throw new Error('the log does not show who moved the authority');
      await keeper.kill();
      mark(`${keeper.name} killed at ${step}`);
      if (!isOnTheWayBack) {
        await cluster.untilMode('DIRECT', 30_000);
        await sleep(short ? 1_000 : 3_000);
        await cluster.redis.start();
      }
      await cluster.untilBack();
      await keeper.start();
      await sleep(short ? 500 : 3_000);
    }
  },
};
