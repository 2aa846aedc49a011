import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Ending, RunResult } from './world/run-seed.ts';
import type { Theme } from './world/themes.ts';

/** Consecutive seeds. */
export interface Share {
  from: number;
  /** Exclusive. */
  to: number;
  mutant: string | null;
  theme: Theme | null;
}

export interface Tally {
  runs: number;
  failed: RunResult[];
  endings: Partial<Record<Ending, number>>;
  steps: number;
  transfers: number;
  epochs: number;
}
export const emptyTally = (): Tally => ({ runs: 0, failed: [], endings: {}, steps: 0, transfers: 0, epochs: 0 });

/** How many failing runs are kept; more would add no information. */
const FAILED_MAX = 50;
/** How many seeds a process gets at a time. */
const SHARE = 50;

export function count(tally: Tally, run: RunResult): void {
  tally.runs += 1;
  tally.steps += run.steps;
  tally.transfers += run.transfers;
  tally.epochs += run.epochs;
  tally.endings[run.ending] = (tally.endings[run.ending] ?? 0) + 1;
  if (run.violations.length > 0 && tally.failed.length < FAILED_MAX) tally.failed.push(run);
}

function add(tally: Tally, part: Tally): void {
  tally.runs += part.runs;
  tally.steps += part.steps;
  tally.transfers += part.transfers;
  tally.epochs += part.epochs;
  for (const [ending, runs] of Object.entries(part.endings) as [Ending, number][]) {
    tally.endings[ending] = (tally.endings[ending] ?? 0) + runs;
  }
  tally.failed.push(...part.failed.slice(0, FAILED_MAX - tally.failed.length));
}

/** Runs seeds in several processes. @param progress is called with the tally from time to time */
export async function runMany(
  { from, to, mutant, theme }: Share,
  workers: number,
  progress: (tally: Tally) => void = () => {},
): Promise<Tally> {
  const tally = emptyTally();
  let next = from;
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] });
      const give = () => {
        if (next >= to) return child.disconnect();
        const share: Share = { from: next, to: Math.min(next + SHARE, to), mutant, theme };
        next = share.to;
        child.send(share);
      };
      child.on('message', (part: Tally) => {
        add(tally, part);
        progress(tally);
        give();
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        if (code === 0) resolve();
        else reject(new Error(`a simulator process ended with ${code ?? signal}`));
      });
      give();
    });
  await Promise.all(Array.from({ length: Math.max(1, workers) }, work));
  return tally;
}
