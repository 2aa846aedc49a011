import { count, countSharded, emptyShardedTally, emptyTally, type ShardedShare, type Share } from './many.ts';
import { assemblyOf, shardedAssemblyOf } from './mutants/all.ts';
import { runSharded } from './shards/run-sharded.ts';
import { runSeed } from './world/run-seed.ts';

/** A process that runs part of the seeds for run.ts and for the tests. */
process.on('message', (share: Share | ShardedShare) => {
  void ('sharded' in share ? runShards(share) : run(share));
});

async function run({ from, to, mutant, theme }: Share): Promise<void> {
  const tally = emptyTally();
  for (let seed = from; seed < to; seed++) count(tally, await runSeed(seed, { assembly: assemblyOf(mutant), theme }));
  process.send?.(tally);
}

async function runShards({ from, to, mutant }: ShardedShare): Promise<void> {
  const tally = emptyShardedTally();
  const assembly = shardedAssemblyOf(mutant);
  for (let seed = from; seed < to; seed++) countSharded(tally, await runSharded(seed, { assembly }));
  process.send?.(tally);
}
