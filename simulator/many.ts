import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Epilogue } from './shards/epilogue.ts';
import type { ShardedRunResult } from './shards/run-sharded.ts';
import type { Ending } from './world/recovery.ts';
import type { RunResult } from './world/run-seed.ts';
import type { Theme } from './world/themes.ts';

/** Consecutive seeds of worlds with several shards. */
export interface ShardedShare {
  from: number;
  /** Exclusive. */
  to: number;
  mutant: string | null;
  sharded: true;
}

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
/** The same for seeds of worlds with several shards, which take longer. */
const SHARDED_SHARE = 10;

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

export interface ShardedTally {
  runs: number;
  failed: ShardedRunResult[];
  crossings: ShardedRunResult['crossings'];
  transfers: number;
  losses: number;
  reversals: number;
  epilogues: Record<Epilogue, number>;
  steps: number;
}
export const emptyShardedTally = (): ShardedTally => ({
  runs: 0,
  failed: [],
  crossings: { done: 0, returned: 0, kept: 0, refused: 0 },
  epilogues: { 'back-refused': 0, restored: 0 },
  ...{ transfers: 0, losses: 0, reversals: 0, steps: 0 },
});

export function countSharded(tally: ShardedTally, run: ShardedRunResult): void {
  const epilogues = { ...emptyShardedTally().epilogues };
  if (run.epilogue) epilogues[run.epilogue] += 1;
  addSharded(tally, { ...run, epilogues, runs: 1, failed: run.violations.length > 0 ? [run] : [] });
}

function addSharded(tally: ShardedTally, part: ShardedTally): void {
  tally.runs += part.runs;
  tally.transfers += part.transfers;
  tally.losses += part.losses;
  tally.reversals += part.reversals;
  for (const name of ['back-refused', 'restored'] as const) tally.epilogues[name] += part.epilogues[name];
  tally.steps += part.steps;
  for (const end of ['done', 'returned', 'kept', 'refused'] as const) tally.crossings[end] += part.crossings[end];
  tally.failed.push(...part.failed.slice(0, FAILED_MAX - tally.failed.length));
}

/** Runs seeds of worlds with several shards in several processes. @param progress is called from time to time */
export async function runManySharded(
  share: Omit<ShardedShare, 'sharded'>,
  workers: number,
  progress: (tally: ShardedTally) => void = () => {},
): Promise<ShardedTally> {
  const tally = emptyShardedTally();
  await inProcesses({ ...share, sharded: true }, SHARDED_SHARE, workers, (part: ShardedTally) => {
    addSharded(tally, part);
    progress(tally);
  });
  return tally;
}

/** Runs seeds in several processes. @param progress is called with the tally from time to time */
export async function runMany(
  share: Share,
  workers: number,
  progress: (tally: Tally) => void = () => {},
): Promise<Tally> {
  const tally = emptyTally();
  await inProcesses(share, SHARE, workers, (part: Tally) => {
    add(tally, part);
    progress(tally);
  });
  return tally;
}

/**
 * The worker as one file of plain JavaScript: as modules that tsx compiles, it would take a second to start, and run
 * more slowly, because tsx lets every function keep its name. The file is next to the packages that it imports.
 * @returns its path
 */
async function buildWorker(): Promise<string> {
  const outfile = join(
    import.meta.dirname,
    `../node_modules/.cache/holdfast-simulator/worker-${process.pid}-${++builds}.mjs`,
  );
  await build({
    entryPoints: [join(import.meta.dirname, 'worker.ts')],
    outfile,
    ...{ bundle: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external', logLevel: 'error' },
  });
  return outfile;
}
let builds = 0;

/** Divides the seeds among processes. @param sharesOf how many seeds a process gets at a time */
async function inProcesses<S extends Share | ShardedShare, T>(
  share: S,
  sharesOf: number,
  workers: number,
  done: (part: T) => void,
): Promise<void> {
  const worker = await buildWorker();
  let next = share.from;
  const give = (child: ChildProcess) => {
    if (next >= share.to) return child.disconnect();
    const part: S = { ...share, from: next, to: Math.min(next + sharesOf, share.to) };
    next = part.to;
    child.send(part);
  };
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(worker, { execArgv: [] });
      child.on('message', (part: T) => {
        done(part);
        give(child);
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        if (code === 0) resolve();
        else reject(new Error(`a simulator process ended with ${code ?? signal}`));
      });
      give(child);
    });
  try {
    await Promise.all(Array.from({ length: Math.max(1, workers) }, work));
  } finally {
    rmSync(worker, { force: true });
  }
}
