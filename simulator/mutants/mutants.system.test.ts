import { describe, expect, it } from 'vitest';
import { runSeed } from '../world/run-seed.ts';
import { MUTANTS } from './all.ts';
import { finderOf } from './search.ts';

describe('the simulator finds each broken rule', () => {
  it.each(MUTANTS)('$name', { timeout: 1_800_000 }, async (mutant) => {
    const seed = await finderOf(mutant);
    if (seed === null) expect.fail('no seed finds it');
    // The violation comes from the broken rule: without the mutant, the same run is valid.
    expect((await runSeed(seed, { theme: mutant.theme })).violations).toEqual([]);
  });
});

it('there are enough mutants, each with its own name', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
});
