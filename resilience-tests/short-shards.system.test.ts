import { it } from 'vitest';
import { mustHold, START_MS_MAX, TEST_MS_MAX } from './harness/must-hold.ts';
import { shardsRedisKilled } from './hypotheses/shards-redis-killed.ts';

/** The environment has three shards. */
it(
  'shards-redis-killed: nothing is lost, doubled or overdrawn, and the other shards get no error',
  async () => {
    await using ground = await shardsRedisKilled.ground(true);
    await mustHold(shardsRedisKilled, ground);
  },
  START_MS_MAX + TEST_MS_MAX,
);
