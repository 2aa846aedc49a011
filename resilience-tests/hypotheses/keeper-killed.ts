import { type Hypothesis, ownStack } from '../harness/hypothesis.ts';

export const keeperKilled: Hypothesis = {
  name: 'keeper-killed',
  expectation:
    'The keeper is killed between reading the journal and publishing the cursor. No request fails, and the next keeper continues from the cursor.',
  pauseMsMax: 2_000,
  seconds: { full: { before: 5, after: 15 }, short: { before: 3, after: 5 } },
  ground: () => ownStack(),
  async fault({ ground: { stack } }) {
    stack.kill('keeper');
  },
};
