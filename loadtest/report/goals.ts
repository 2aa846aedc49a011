import type { Found } from '../parts/part.ts';

export interface Goal {
  what: string;
  goal: string;
  measured: string;
  met: boolean | null;
}

type Figures = (part: string, figure: string) => number;

const most = (a: number, b: number) => Math.max(a, b);
const number = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 2 });
/**
 * Memory that is not released immediately is not growth; a leak would exceed this ratio by far in a run at twice the
 * best rate.
 */
const GROWTH_MAX = 1.25;

/**
 * The goals and their results. A goal is neither met nor missed if its part did not run, or if its figure is missing.
 */
export function goalsOf(found: ReadonlyMap<string, Found>): Goal[] {
  const of: Figures = (part, figure) => found.get(part)?.figures[figure] ?? Number.NaN;
  const least = (what: string, value: number, bound: number, unit = ''): Goal =>
    goal(what, `≥ ${number(bound)}${unit}`, value, unit, value >= bound);
  const below = (what: string, value: number, bound: number, unit: string): Goal =>
    goal(what, `< ${number(bound)}${unit}`, value, unit, value < bound);
  const rival = (part: string) =>
    of(part, 'Holdfast, /s') / most(of(part, 'TypeORM, optimistic, /s'), of(part, 'TypeORM, row locks, /s'));
  const [before, after] = [of('overload', 'API pods before, MiB'), of('overload', 'API pods after, MiB')];
  return [
    least('single transfers over HTTP, uniform accounts', of('single', '/s'), 10_000, '/s'),
    below('… p95', of('single', 'p95, ms'), 50, ' ms'),
    below('… p99', of('single', 'p99, ms'), 100, ' ms'),
    below('… flush lag p99', of('single', 'flush lag p99, ms'), 1000, ' ms'),
    least('one hot account, ratio to uniform accounts', of('hot', '/s') / of('single', '/s'), 0.9),
    least('batches of 100: accepted', of('batch100', '/s'), 50_000, '/s'),
    least(
      '… persisted, including the catch-up after the run',
      of('batch100', 'persisted including catch-up, /s'),
      25_000,
      '/s',
    ),
    least('balance reads', of('readsmax', '/s'), 15_000, '/s'),
    below('… p99 at 10,000/s', of('reads', 'p99, ms'), 10, ' ms'),
    below('80 % reads, 20 % transfers at 8,000/s: p95', of('mixed', 'p95, ms'), 10, ' ms'),
    least('single transfers, ratio to the bare server', of('bare', 'ratio to bare Koa and EVALSHA'), 0.75),
    least('single transfers, ratio to the better TypeORM variant, uniform accounts', rival('typeorm'), 5),
    least('… on one hot account', rival('typeormhot'), 20),
    least(
      'overload at twice the best rate: accepted, ratio to the best rate',
      of('overload', 'ratio to the best rate'),
      0.95,
    ),
    below('… refusals, p99 since sending', of('overload', 'refused: p99 since sending, ms'), 20, ' ms'),
    {
      what: '… memory of the API pods, before / after',
      goal: 'no growth',
      measured: `${number(before)} / ${number(after)} MiB`,
      met: Number.isNaN(before) ? null : after <= GROWTH_MAX * before,
    },
  ];
}

function goal(what: string, bound: string, value: number, unit: string, met: boolean): Goal {
  if (Number.isNaN(value)) return { what, goal: bound, measured: 'not measured', met: null };
  return { what, goal: bound, measured: `${number(value)}${unit}`, met };
}
