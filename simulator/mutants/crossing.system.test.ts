import { describe, expect, it } from 'vitest';
import { runSharded } from '../shards/run-sharded.ts';
import { SHARDED_MUTANTS } from './all.ts';
import { shardedFinderOf } from './search.ts';

describe('the simulator finds each broken rule of transfers between shards', () => {
  it.each(SHARDED_MUTANTS)('$name', { timeout: 1_800_000 }, async (mutant) => {
    const seed = await shardedFinderOf(mutant);
    if (seed === null) expect.fail('no seed finds it');
    // The violation comes from the broken rule: without the mutant, the same run is valid.
    expect((await runSharded(seed)).violations).toEqual([]);
  });
});
