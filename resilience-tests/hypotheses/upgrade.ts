import { sleep } from '../../verification/harness/time.ts';
import type { Hypothesis } from '../harness/hypothesis.ts';
import { CLOSED, NONE } from '../harness/seen.ts';
import { bothServe, endOld, startBeside, UPGRADE, type Upgrade } from '../harness/upgrading.ts';

const SIDE_BY_SIDE_MS = 10_000;

export const upgradeFrom010: Hypothesis<Upgrade> = {
  ...UPGRADE,
  name: 'upgrade-from-0.1.0',
  expectation:
    'Pods and keepers of release 0.1.0 run under load behind HAProxy. The schema is migrated, pods and keepers of this release start alongside them, both serve in one epoch, and the old ones are stopped with SIGTERM, one after the other. No request fails, and the authority does not move.',
  pauseMsMax: 2_000,
  errorsAllowed: NONE,
  async fault(scene) {
    scene.mark('the upgrade begins');
    await startBeside(scene);
    await sleep(scene.short ? 1_000 : SIDE_BY_SIDE_MS);
    await endOld(scene);
  },
  afterwards({ wrong }, { moves }) {
    if (moves.length > 0) wrong(`the authority moved: ${moves.map(({ what }) => what).join(', ')}`);
  },
};

export const upgradeFrom010RedisKilled: Hypothesis<Upgrade> = {
  ...UPGRADE,
  name: 'upgrade-from-0.1.0-redis-killed',
  expectation:
    'Like upgrade-from-0.1.0, but Redis is killed and restarted while old and new pods and keepers run side by side. Together they recover the epoch from its journal, and serve in the next epoch.',
  pauseMsMax: 15_000,
  errorsAllowed: CLOSED,
  async fault(scene) {
    const { stack: cluster } = scene.ground;
    await startBeside(scene);
    scene.mark('Redis is killed');
    await cluster.redis.kill();
    await cluster.redis.start();
    await cluster.untilBack();
    await bothServe(scene);
    await endOld(scene);
  },
  afterwards({ wrong }, { moves }) {
    if (!moves.some(({ mode }) => mode === 'CACHE')) wrong('the authority did not move to another epoch of the cache');
  },
};
