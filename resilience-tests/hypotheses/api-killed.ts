import { type Hypothesis, ownStack } from '../harness/hypothesis.ts';

export const apiKilled: Hypothesis = {
  name: 'api-killed',
  expectation:
    'All API pods are killed at once, with requests in flight and unflushed outcomes in their memory. They continue after a restart.',
  pauseMsMax: 10_000,
  seconds: { full: { before: 5, after: 20 }, short: { before: 3, after: 6 } },
  ground: () => ownStack(),
  async fault({ ground: { stack } }) {
    stack.kill('api');
  },
};
