import { expect, it } from 'vitest';
import { goalsOf } from './goals.ts';

const figures = (of: Record<string, number>) => ({ figures: of });

it('reports which goals are met, which are missed, and which were not measured', () => {
  const goals = goalsOf(
    new Map([
      ['single', figures({ '/s': 12_000, 'p95, ms': 50, 'p99, ms': 99 })],
      ['hot', figures({ '/s': 10_700 })],
      ['typeorm', figures({ 'Holdfast, /s': 10_000, 'TypeORM, optimistic, /s': 1000, 'TypeORM, row locks, /s': 2500 })],
      ['overload', figures({ 'API pods before, MiB': 200, 'API pods after, MiB': 300 })],
    ]),
  );
  const met = (what: string) => goals.find((goal) => goal.what.includes(what))?.met;
  expect(met('single transfers over HTTP')).toBe(true);
  expect(met('… p95')).toBe(false);
  expect(met('… p99')).toBe(true);
  expect(met('one hot account, ratio to uniform accounts')).toBe(false);
  // The better variant counts: 10,000 is ten times the rate of the worse one, but only four times the rate of the
  // better one.
  expect(met('better TypeORM variant, uniform accounts')).toBe(false);
  expect(met('memory of the API pods')).toBe(false);
  expect(met('balance reads')).toBeNull();
});
