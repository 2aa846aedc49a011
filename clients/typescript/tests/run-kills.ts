/** `npm run clients:kills`: the test in `kills.system.test.ts` with any number of transfers. Prints its figures. */
import { flag, readCommandLine, wholeNumber } from '../../../app/config/command-line.mjs';
import { Cluster } from '../../../verification/harness/cluster.ts';
import { throughKills } from './harness/through-kills.ts';

const { values } = readCommandLine({
  name: 'npm run clients:kills --',
  about:
    'Makes transfers with the client library while pods and Redis are killed and frozen, and compares every reported outcome with MySQL. Exits with 1 if they differ.',
  options: {
    transfers: wholeNumber('how many', { min: 1, max: 10_000_000, fallback: 1_000_000 }),
    pods: wholeNumber('API pods', { min: 1, max: 9, fallback: 2 }),
    pause: wholeNumber('seconds between two faults', { min: 1, max: 600, fallback: 10 }),
    json: flag('print JSON'),
  },
});

await using cluster = await Cluster.start({ pods: values.pods, env: { REDIS_STEADY_AFTER_MS: '500' } });
const log = (line: string) => console.error(`${new Date().toISOString()} ${line}`);
const result = await throughKills(cluster, { transfers: values.transfers, pauseMs: values.pause * 1000, log });
const { comparison } = result;
const isExact = Object.values(comparison).every((list) => list.length === 0);
console.log(JSON.stringify({ isExact, ...result }, null, values.json ? 0 : 2));
if (!isExact) process.exitCode = 1;
