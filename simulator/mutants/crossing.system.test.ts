import { describe, expect, it } from 'vitest';
import { runSharded } from '../shards/run-sharded.ts';
import { SHARDED_MUTANTS } from './crossing.ts';
import { RESTORING } from './restoring.ts';

/** How many other seeds are tried for a mutant, if a change of the code has moved the one that finds it. */
const MORE_SEEDS = 150;

describe('the simulator finds each broken rule of transfers between shards', () => {
  it.each([...SHARDED_MUTANTS, ...RESTORING])('$name', { timeout: 1_800_000 }, async ({ assembly, seed: known }) => {
    const seeds = [known, ...Array.from({ length: MORE_SEEDS }, (_, index) => index + 1)];
    for (const seed of seeds) {
      const { violations } = await runSharded(seed, { assembly });
      // Some mutants claim that MySQL has what it does not have. Only what follows from it counts.
      if (violations.every(({ kind }) => kind === 'not-persisted')) continue;
      // The violation comes from the broken rule: without the mutant, the same run is valid.
      expect((await runSharded(seed)).violations).toEqual([]);
      return;
    }
    expect.fail(`none of ${seeds.length} seeds shows it`);
  });
});
