import { once } from 'node:events';
import { sleep } from '../../verification/harness/time.ts';
import { type Hypothesis, ownStack } from '../harness/hypothesis.ts';

const REFUSED_MS_MAX = 30_000;

export const secondStart: Hypothesis = {
  name: 'second-start',
  expectation:
    'A second npm start in the same folder is refused and has no effect. When the first one is killed with kill -9, the next one ends the processes that the first left running, and takes over.',
  pauseMsMax: 60_000,
  seconds: { full: { before: 5, after: 20 }, short: { before: 3, after: 6 } },
  ground: () => ownStack(),
  async fault({ ground: { stack }, note }) {
    const from = stack.output.length;
    const [code] = await once(stack.launch(), 'exit', { signal: AbortSignal.timeout(REFUSED_MS_MAX) });
    const refused = code !== 0 && stack.output.includes('already running', from);
    if (!refused) throw new Error(`the second start exited with code ${code}: ${stack.output.slice(from)}`);
    note('the second start was refused');
    await sleep(2000);
    await stack.stop('SIGKILL');
    await sleep(2000);
    await stack.startAgain();
    note('killed with kill -9, then taken over by the next start');
  },
};
