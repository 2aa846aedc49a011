import { median } from '../contender.ts';
import { round } from '../measure.ts';

/** Something with a rate: ours, or what the machine could do at best. */
export interface Runner {
  name: string;
  /** @returns what was done in a second */
  run(seconds: number): Promise<number>;
}

export interface Rates {
  median: number;
  all: number[];
}

/**
 * All of them one after the other, A B A B …, every other round backwards, so that what else the machine does meets all; a
 * short round before is not counted.
 */
export async function inTurns(
  runners: readonly Runner[],
  seconds: number,
  rounds: number,
): Promise<Map<string, Rates>> {
  const all = new Map<string, number[]>(runners.map(({ name }) => [name, []]));
  for (const runner of runners) await runner.run(1);
  for (let turn = 0; turn < rounds; turn++) {
    for (const { name, run } of turn % 2 === 0 ? runners : [...runners].reverse()) {
      all.get(name)?.push(round(await run(seconds)));
    }
  }
  return new Map([...all].map(([name, rates]) => [name, { median: median(rates), all: rates }]));
}

/** The rates by name, and of the first its ratio to each other. */
export function ratioFigures(rates: ReadonlyMap<string, Rates>): Record<string, number> {
  const [[, ours] = ['', undefined], ...others] = [...rates];
  const own = ours?.median ?? Number.NaN;
  return Object.fromEntries([
    ...[...rates].map(([name, rate]) => [`${name}, /s`, rate.median]),
    ...others.map(([name, rate]) => [`ratio to ${name}`, round(own / rate.median, 3)]),
  ]);
}
