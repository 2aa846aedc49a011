import { now } from '../../verification/harness/time.ts';
import { type Hypothesis, ownStack } from '../harness/hypothesis.ts';

export const sigtermUnderLoad: Hypothesis = {
  name: 'sigterm-under-load',
  expectation:
    'The whole stack is stopped with SIGTERM under full load, and started again with its data. It answers every request that it accepted, and loses nothing.',
  pauseMsMax: 60_000,
  seconds: { full: { before: 10, after: 20 }, short: { before: 4, after: 6 } },
  load: { rate: 2000 },
  ground: () => ownStack(),
  async fault({ ground: { stack }, note }) {
    const stopMs = await stack.stop('SIGTERM');
    const since = now();
    await stack.startAgain();
    note(`stopped in ${(stopMs / 1000).toFixed(1)} s, ready again after ${((now() - since) / 1000).toFixed(1)} s`);
  },
};
