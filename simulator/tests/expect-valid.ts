import { expect } from 'vitest';
import { runMany, type Tally } from '../many.ts';
import type { Theme } from '../world/themes.ts';

/**
 * One process per test file: Vitest runs as many files at a time as the machine has cores for, so the seeds are divided
 * among files of about equal length.
 */
const WORKERS = 1;

/** Runs consecutive seeds, which must all be valid. @param theme null: a random one for each seed */
export async function expectValid(theme: Theme | null, from: number, seeds: number): Promise<Tally> {
  const tally = await runMany({ from, to: from + seeds, mutant: null, theme }, WORKERS);
  const failed = tally.failed.map(({ seed, violations }) => ({ seed, first: violations[0] }));
  expect(failed, 'replay one with: npm run simulate -- --seed N --trace').toEqual([]);
  expect(tally.runs).toBe(seeds);
  return tally;
}

/** Random themes. The runs must also reach the situations that they are meant to test. */
export async function expectValidOfAnyTheme(from: number, seeds: number): Promise<void> {
  const { endings, epochs, transfers, runs } = await expectValid(null, from, seeds);
  expect(endings.CACHE ?? 0).toBeGreaterThan(seeds / 2);
  expect(endings.DIRECT ?? 0).toBeGreaterThan(seeds / 50);
  expect(endings.frozen ?? 0).toBeGreaterThan(seeds / 500);
  expect(epochs / runs).toBeGreaterThan(4);
  expect(transfers / runs).toBeGreaterThan(80);
}
