import { type Hypothesis, ownStack } from '../harness/hypothesis.ts';

export const mysqlKilled: Hypothesis = {
  name: 'mysql-killed',
  expectation: 'MySQL dies and recovers; meanwhile Redis goes on deciding, and the journal waits.',
  pauseMsMax: 5_000,
  seconds: { full: { before: 5, after: 25 }, short: { before: 3, after: 7 } },
  ground: () => ownStack(),
  async fault({ ground: { stack } }) {
    stack.kill('mysql');
  },
};
