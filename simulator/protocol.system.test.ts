import { expect, it } from 'vitest';
import { Random } from './core/random.ts';
import { planOf } from './world/plan.ts';
import { runSeed } from './world/run-seed.ts';

it('worlds begin in either format, and move to format 2 when an operator requests it', async () => {
  const begun = new Set<number>();
  for (let seed = 1; seed <= 12; seed++) begun.add((await runSeed(seed)).formats[0]);
  expect([...begun].sort()).toEqual([1, 2]);
  for (let seed = 1; seed <= 12; seed++) expect((await runSeed(seed, { theme: 'formats' })).formats).toEqual([1, 2]);
});

it('clients send groups in some worlds of every theme', () => {
  const plans = Array.from({ length: 300 }, (_, seed) => planOf(new Random(seed).fork(), null));
  const some = plans.filter(({ groupWeight }) => groupWeight > 0);
  expect(some.length).toBeGreaterThan(30);
  expect(some.length).toBeLessThan(100);
  expect(some.filter(({ format }) => format === 2).length).toBeGreaterThan(15);
  expect(new Set(some.map(({ theme }) => theme)).size).toBeGreaterThan(8);
});

it('clients place holds in some worlds of every theme, and the holds are captured, are voided and expire', async () => {
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
