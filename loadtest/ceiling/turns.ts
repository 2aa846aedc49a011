import { median } from '../../verification/harness/command.ts';
import { round } from '../measure.ts';

/** A contender in a comparison: Holdfast, or a server that shows the upper limit of this machine. */
export interface Runner {
  name: string;
  run(seconds: number): Promise<Turn>;
}

interface Turn {
  /** Operations per second. */
  rate: number;
  /** CPU time of the server process per operation. */
  cpuMicros?: number;
}

/** Medians over the turns. */
export interface Rates {
  rate: number;
  cpuMicros: number | null;
}

/**
 * Runs the contenders in turns, A B A B …, with every other round in reverse order, so that other load on the machine
 * affects all of them. A short warm-up round is not counted.
 */
export async function inTurns(
  runners: readonly Runner[],
  seconds: number,
  rounds: number,
): Promise<Map<string, Rates>> {
  const all = new Map<string, Turn[]>(runners.map(({ name }) => [name, []]));
  for (const runner of runners) await runner.run(1);
  for (let turn = 0; turn < rounds; turn++) {
    for (const { name, run } of turn % 2 === 0 ? runners : [...runners].reverse()) {
      all.get(name)?.push(await run(seconds));
    }
  }
  return new Map([...all].map(([name, turns]) => [name, medians(turns)]));
}

function medians(turns: readonly Turn[]): Rates {
  const micros = turns.flatMap(({ cpuMicros }) => cpuMicros ?? []);
  return {
    rate: round(median(turns.map(({ rate }) => rate))),
    cpuMicros: micros.length === 0 ? null : round(median(micros), 1),
  };
}

/** The rates by name, and the ratio of the first contender to each of the others. */
export function ratioFigures(rates: ReadonlyMap<string, Rates>): Record<string, number> {
  const [[, ours] = ['', undefined], ...others] = [...rates];
  const own = ours?.rate ?? Number.NaN;
  return Object.fromEntries([
    ...[...rates].map(([name, rate]) => [`${name}, /s`, rate.rate]),
    ...[...rates].flatMap(([name, { cpuMicros }]) =>
      cpuMicros === null ? [] : [[`${name}, server CPU, µs`, cpuMicros]],
    ),
    ...others.map(([name, rate]) => [`ratio to ${name}`, round(own / rate.rate, 3)]),
  ]);
}
