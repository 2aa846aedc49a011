import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { experiment } from './harness/experiment.ts';
import { type Ground, ownStack } from './harness/hypothesis.ts';
import { apiKilled } from './hypotheses/api-killed.ts';
import { keeperKilled } from './hypotheses/keeper-killed.ts';
import { mysqlKilled } from './hypotheses/mysql-killed.ts';
import { redisKilled } from './hypotheses/redis-killed.ts';

const START_MS_MAX = 180_000;
const TEST_MS_MAX = 120_000;

/** One stack for all: what a fault leaves behind is the ground of the next. */
describe('a running stack', () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await ownStack();
  }, START_MS_MAX);
  afterAll(() => ground[Symbol.asyncDispose](), START_MS_MAX);

  it.each([apiKilled, keeperKilled, mysqlKilled, redisKilled])(
    '$name: nothing is lost, doubled or overdrawn',
    async (hypothesis) => {
      const { verdict, violations, unknown, lost, doubled, overdrawn, reconciled } = await experiment(
        hypothesis,
        ground,
        true,
      );
      expect({ verdict, violations, unknown, lost, doubled, overdrawn, reconciled }).toEqual({
        verdict: 'valid',
        violations: [],
        unknown: 0,
        lost: 0,
        doubled: 0,
        overdrawn: 0,
        reconciled: true,
      });
    },
    TEST_MS_MAX,
  );
});
