import { sleep } from '../../verification/harness/time.ts';
import { largeTown } from '../../verification/load/population.ts';
import { type Hypothesis, ownStack } from '../harness/hypothesis.ts';

const CACHED = { full: '10000', short: '1000' };

/** The fault is not in a component but in the sizing: a hundred times as many accounts are in use as Redis may hold. */
export const accountsChurn: Hypothesis = {
  name: 'accounts-churn',
  expectation:
    'A million accounts are used uniformly, with room for 10,000 in Redis. Accounts are constantly loaded and evicted, and none is ever loaded with an outdated balance.',
  pauseMsMax: 2_000,
  seconds: { full: { before: 10, after: 10 }, short: { before: 3, after: 3 } },
  load: { batches: 0.3, batchSize: 50, reads: 0.3 },
  ground: (short) => ownStack({ env: { CACHED_ACCOUNTS_MAX: short ? CACHED.short : CACHED.full } }),
  population: (prefix, short) => largeTown(prefix, short ? 30_000 : 1_000_000),
  async fault({ short }) {
    await sleep(short ? 3_000 : 20_000);
  },
};
