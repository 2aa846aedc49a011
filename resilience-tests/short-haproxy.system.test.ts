import { it } from 'vitest';
import { mustHold, START_MS_MAX, TEST_MS_MAX } from './harness/must-hold.ts';
import { rollBehindHaproxy } from './hypotheses/roll-behind-haproxy.ts';

/** The experiment has its own environment, because its clients send requests only to HAProxy. */
it(
  'roll-behind-haproxy: nothing is lost, doubled or overdrawn, and no request fails',
  async () => {
    await using ground = await rollBehindHaproxy.ground(true);
    await mustHold(rollBehindHaproxy, ground);
  },
  START_MS_MAX + TEST_MS_MAX,
);
