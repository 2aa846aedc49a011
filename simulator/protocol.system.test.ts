import { expect, it } from 'vitest';
import { Random } from './core/random.ts';
import { runMany } from './many.ts';
import { planOf } from './world/plan.ts';
import { runSeed } from './world/run-seed.ts';

const SEEDS = 2_000;
const WORKERS = 2;

it(`${SEEDS} seeds pass`, { timeout: 3_600_000 }, async () => {
  const tally = await runMany({ from: 1, to: 1 + SEEDS, mutant: null, theme: null }, WORKERS);
  const failed = tally.failed.map(({ seed, violations }) => ({ seed, first: violations[0] }));
  expect(failed, 'replay one with: npm run simulate -- --seed N --trace').toEqual([]);
  expect(tally.runs).toBe(SEEDS);
  // The runs must reach the situations that they are meant to test.
  expect(tally.endings.CACHE ?? 0).toBeGreaterThan(SEEDS / 2);
  expect(tally.endings.DIRECT ?? 0).toBeGreaterThan(SEEDS / 50);
  expect(tally.endings.frozen ?? 0).toBeGreaterThan(SEEDS / 500);
  expect(tally.epochs / tally.runs).toBeGreaterThan(4);
  expect(tally.transfers / tally.runs).toBeGreaterThan(80);
});

/** Rare situations: by chance, few runs reach them, and few seeds show a bug there. */
it.each([
  ['stops', 60],
  ['renewals', 150],
  ['changes', 60],
  ['foreign', 60],
  ['formats', 150],
  ['groups', 100],
  ['holds', 150],
  ['midnights', 100],
] as const)('%s: %i seeds pass', { timeout: 3_600_000 }, async (theme, seeds) => {
  const tally = await runMany({ from: 1, to: 1 + seeds, mutant: null, theme }, WORKERS);
  expect(tally.failed.map(({ seed, violations }) => ({ seed, first: violations[0] }))).toEqual([]);
  expect(tally.runs).toBe(seeds);
});

it('worlds begin in either format, and move to format 2 when an operator requests it', async () => {
  const begun = new Set<number>();
  for (let seed = 1; seed <= 12; seed++) begun.add((await runSeed(seed)).formats[0]);
  expect([...begun].sort()).toEqual([1, 2]);
  for (let seed = 1; seed <= 12; seed++) expect((await runSeed(seed, { theme: 'formats' })).formats).toEqual([1, 2]);
});

it('clients send groups in some worlds of any theme', () => {
  const plans = Array.from({ length: 300 }, (_, seed) => planOf(new Random(seed).fork(), null));
  const some = plans.filter(({ groupWeight }) => groupWeight > 0);
  expect(some.length).toBeGreaterThan(30);
  expect(some.length).toBeLessThan(100);
  expect(some.filter(({ format }) => format === 2).length).toBeGreaterThan(15);
  expect(new Set(some.map(({ theme }) => theme)).size).toBeGreaterThan(8);
});

it('clients place holds in some worlds of any theme, and holds are captured, voided and expire', async () => {
  const plans = Array.from({ length: 300 }, (_, seed) => planOf(new Random(seed).fork(), null));
  const some = plans.filter(({ holdWeight }) => holdWeight > 0);
  expect(some.length).toBeGreaterThan(40);
  expect(some.filter(({ format }) => format === 2).length).toBeGreaterThan(20);
  expect(new Set(some.map(({ theme }) => theme)).size).toBeGreaterThan(8);
  const statuses = new Set<string>();
  for (let seed = 1; seed <= 5; seed++) {
    await runSeed(seed, {
      theme: 'holds',
      trace: (line) => void statuses.add(/ hold .* held ([A-Z]+) /.exec(line)?.[1] ?? ''),
    });
  }
  expect([...statuses].sort()).toEqual(['', 'CAPTURED', 'EXPIRED', 'OPEN', 'VOIDED']);
});

it('the same seed gives the same run, step by step', async () => {
  for (const [seed, theme] of [
    [1, null],
    [7, null],
    [232, null],
    [5, 'holds'],
  ] as const) {
    const lines: string[][] = [[], []];
    const [first, again] = [await runSeed(seed, { theme }), await runSeed(seed, { theme })];
    expect(again).toEqual(first);
    for (const kept of lines) await runSeed(seed, { theme, trace: (line) => kept.push(line) });
    expect(lines[1]).toEqual(lines[0]);
    expect(lines[0]?.length).toBeGreaterThan(100);
  }
  const hashes = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) hashes.add((await runSeed(seed)).hash);
  expect(hashes.size).toBe(20);
});
