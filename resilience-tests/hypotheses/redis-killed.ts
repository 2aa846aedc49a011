import { type Hypothesis, ownStack } from '../harness/hypothesis.ts';

export const redisKilled: Hypothesis = {
  name: 'redis-killed',
  expectation:
    'Redis is killed and restarted with its append-only file. The rest of the journal is written to MySQL, and the next epoch begins.',
  pauseMsMax: 10_000,
  seconds: { full: { before: 5, after: 25 }, short: { before: 3, after: 8 } },
  ground: () => ownStack(),
  async fault({ ground: { stack } }) {
    stack.kill('redis');
  },
};
