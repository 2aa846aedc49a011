import { describe, expect, it } from 'vitest';
import { runSeed } from '../world/run-seed.ts';
import { MUTANTS } from './all.ts';

/**
 * How many other seeds are tried for a mutant: after a change of the code, the seed of the mutant may no longer find
 * it.
 */
const MORE_SEEDS = 1_500;

describe('the simulator finds each broken rule', () => {
  it.each(MUTANTS)('$name', { timeout: 1_800_000 }, async ({ assembly, theme, seed: known }) => {
    const seeds = [known, ...Array.from({ length: MORE_SEEDS }, (_, index) => index + 1)];
    for (const seed of seeds) {
      const { violations } = await runSeed(seed, { assembly, theme });
      if (violations.length === 0) continue;
      // The violation comes from the broken rule: without the mutant, the same run is valid.
      expect((await runSeed(seed, { theme })).violations).toEqual([]);
      return;
    }
    expect.fail(`none of ${seeds.length} seeds shows it`);
  });
});

it('there are enough mutants, each with its own name', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
});
