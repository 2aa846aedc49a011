import { count, emptyTally, type Share } from './many.ts';
import { assemblyOf } from './mutants/all.ts';
import { runSeed } from './world/run-seed.ts';

/** A process that runs part of the seeds for run.ts and for the tests. */
process.on('message', (share: Share) => {
  void run(share);
});

async function run({ from, to, mutant, theme }: Share): Promise<void> {
  const tally = emptyTally();
  for (let seed = from; seed < to; seed++) count(tally, await runSeed(seed, { assembly: assemblyOf(mutant), theme }));
  process.send?.(tally);
}
