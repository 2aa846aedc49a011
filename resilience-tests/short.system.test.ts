import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Ground, ownStack } from './harness/hypothesis.ts';
import { mustHold, START_MS_MAX, TEST_MS_MAX } from './harness/must-hold.ts';
import { apiKilled } from './hypotheses/api-killed.ts';
import { keeperKilled } from './hypotheses/keeper-killed.ts';
import { mysqlKilled } from './hypotheses/mysql-killed.ts';
import { redisKilled } from './hypotheses/redis-killed.ts';

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
