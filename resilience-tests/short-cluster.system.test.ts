import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Cluster } from '../verification/harness/cluster.ts';
import { type Ground, ownCluster } from './harness/hypothesis.ts';
import { mustHold, START_MS_MAX, TEST_MS_MAX } from './harness/must-hold.ts';
import { podKilled } from './hypotheses/pod-killed.ts';
import { redisAway } from './hypotheses/redis-away.ts';
import { redisDiskLost } from './hypotheses/redis-disk-lost.ts';
import { redisFrozen } from './hypotheses/redis-frozen.ts';
import { rollingRestart } from './hypotheses/rolling-restart.ts';

/** All faults share one environment: each starts with the state that the previous one left. */
describe('three pods and two keepers', () => {
  let ground: Ground<Cluster>;
  beforeAll(async () => {
    // After each switch, the keepers wait longer before they trust Redis again. With the default setting, the last
    // tests would wait for half a minute.
    ground = await ownCluster({ env: { REDIS_STEADY_AFTER_MS: '500' } });
  }, START_MS_MAX);
  afterAll(() => ground[Symbol.asyncDispose](), START_MS_MAX);

  it.each([redisAway, redisDiskLost, redisFrozen, podKilled, rollingRestart])(
    '$name: nothing is lost, doubled or overdrawn',
    (hypothesis) => mustHold(hypothesis, ground),
    TEST_MS_MAX,
  );
});
