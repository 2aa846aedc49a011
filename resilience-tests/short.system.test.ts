import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../verification/harness/cluster.ts';
import type { System } from '../verification/harness/system.ts';
import { experiment } from './harness/experiment.ts';
import { type Ground, type Hypothesis, ownCluster, ownStack } from './harness/hypothesis.ts';
import { apiKilled } from './hypotheses/api-killed.ts';
import { keeperKilled } from './hypotheses/keeper-killed.ts';
import { mysqlKilled } from './hypotheses/mysql-killed.ts';
import { podKilled } from './hypotheses/pod-killed.ts';
import { redisAway } from './hypotheses/redis-away.ts';
import { redisDiskLost } from './hypotheses/redis-disk-lost.ts';
import { redisFrozen } from './hypotheses/redis-frozen.ts';
import { redisKilled } from './hypotheses/redis-killed.ts';
import { rollBehindHaproxy } from './hypotheses/roll-behind-haproxy.ts';
import { rollingRestart } from './hypotheses/rolling-restart.ts';
import { shardsRedisKilled } from './hypotheses/shards-redis-killed.ts';

const START_MS_MAX = 600_000;
const TEST_MS_MAX = 600_000;

/** Only `npm run resilience` checks durations, because here, other tests run on the machine at the same time. */
async function mustHold<G extends Ground<System>>(hypothesis: Hypothesis<G>, ground: G): Promise<void> {
  const { verdict, violations, wrongs, unknown, lost, doubled, overdrawn, reconciled } = await experiment(
    hypothesis,
    ground,
    true,
  );
  expect({ verdict, violations, wrongs, unknown, lost, doubled, overdrawn, reconciled }).toEqual({
    verdict: 'valid',
    violations: [],
    wrongs: [],
    unknown: 0,
    lost: 0,
    doubled: 0,
    overdrawn: 0,
    reconciled: true,
  });
}

/** All faults share one environment: each starts with the state that the previous one left. */
describe('a stack of npm start', () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await ownStack();
  }, START_MS_MAX);
  afterAll(() => ground[Symbol.asyncDispose](), START_MS_MAX);

  it.each([apiKilled, keeperKilled, mysqlKilled, redisKilled])(
    '$name: nothing is lost, doubled or overdrawn',
    (hypothesis) => mustHold(hypothesis, ground),
    TEST_MS_MAX,
  );
});

describe('three pods and two keepers', () => {
  let ground: Ground<Cluster>;
  beforeAll(async () => {
    // After each switch, the keepers wait longer before they trust Redis again. With the usual setting, the last tests
    // would wait for half a minute.
    ground = await ownCluster({ env: { REDIS_STEADY_AFTER_MS: '500' } });
  }, START_MS_MAX);
  afterAll(() => ground[Symbol.asyncDispose](), START_MS_MAX);

  it.each([redisAway, redisDiskLost, redisFrozen, podKilled, rollingRestart])(
    '$name: nothing is lost, doubled or overdrawn',
    (hypothesis) => mustHold(hypothesis, ground),
    TEST_MS_MAX,
  );
});

/** This test has its own environment, because its clients send requests only to HAProxy. */
it(
  'roll-behind-haproxy: nothing is lost, doubled or overdrawn, and no request fails',
  async () => {
    await using ground = await rollBehindHaproxy.ground(true);
    await mustHold(rollBehindHaproxy, ground);
  },
  START_MS_MAX + TEST_MS_MAX,
);

/** This test has its own environment, with three shards. */
it(
  'shards-redis-killed: nothing is lost, doubled or overdrawn, and the other shards get no error',
  async () => {
    await using ground = await shardsRedisKilled.ground(true);
    await mustHold(shardsRedisKilled, ground);
  },
  START_MS_MAX + TEST_MS_MAX,
);
