import { type Hypothesis, ownStack } from '../harness/hypothesis.ts';

export const mysqlKilled: Hypothesis = {
  name: 'mysql-killed',
  expectation: 'MySQL is killed and recovers. Meanwhile Redis keeps the authority, and the journal is not flushed.',
  pauseMsMax: 5_000,
  seconds: { full: { before: 5, after: 25 }, short: { before: 3, after: 7 } },
  ground: () => ownStack(),
  async fault({ ground: { stack } }) {
    stack.kill('mysql');
  },
};
