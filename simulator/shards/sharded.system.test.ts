import { expect, it } from 'vitest';
import { runManySharded } from '../many.ts';
import { runSharded } from './run-sharded.ts';

const SEEDS = 40;
const WORKERS = 2;

it(`${SEEDS} seeds with several shards pass`, { timeout: 1_800_000 }, async () => {
  const { failed, runs, crossings, transfers, losses, reversals, epilogues } = await runManySharded(
    { from: 1, to: 1 + SEEDS, mutant: null },
    WORKERS,
  );
  const shown = failed.map(({ seed, violations }) => ({ seed, first: violations[0] }));
  expect(shown, 'replay one with: npm run simulate -- --sharded --seed N --trace').toEqual([]);
  expect(runs).toBe(SEEDS);
  // The runs must reach the situations that they are meant to test.
  expect(transfers / runs).toBeGreaterThan(20);
  expect(crossings.done / runs).toBeGreaterThan(15);
  expect(crossings.refused / runs).toBeGreaterThan(10);
  expect(crossings.returned).toBeGreaterThan(SEEDS / 2);
  expect(crossings.kept).toBeGreaterThan(0);
  expect(losses).toBeGreaterThan(SEEDS / 3);
  expect(reversals).toBeGreaterThan(SEEDS / 4);
  expect(epilogues['back-refused']).toBeGreaterThan(2);
  expect(epilogues.restored).toBeGreaterThan(2);
});

it('the same seed gives the same run of several shards, step by step', async () => {
  const lines: string[][] = [[], []];
  for (const kept of lines) await runSharded(3, { trace: (line) => kept.push(line) });
  expect(lines[1]).toEqual(lines[0]);
  expect(lines[0]?.length).toBeGreaterThan(100);
});
