import { type Hypothesis, ownStack } from '../harness/hypothesis.ts';

export const redisKilled: Hypothesis = {
  name: 'redis-killed',
  expectation:
    'Redis dies and starts again on its append-only file: the journal is settled, and the next epoch begins.',
  pauseMsMax: 10_000,
  seconds: { full: { before: 5, after: 25 }, short: { before: 3, after: 8 } },
  ground: () => ownStack(),
  async fault({ ground: { stack } }) {
    stack.kill('redis');
  },
};
