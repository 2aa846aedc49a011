import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runSharded } from '../shards/run-sharded.ts';
import { runSeed } from '../world/run-seed.ts';
import type { ShardedMutant } from './crossing.ts';
import type { Mutant } from './mutant.ts';

/** The seed that finds each mutant, by name. */
export const FINDERS_FILE = join(import.meta.dirname, 'finders.json');
/** The command that, with `--write`, updates the file. */
export const RENEW = 'npx tsx simulator/mutants/finders.ts';
const FINDERS = JSON.parse(readFileSync(FINDERS_FILE, 'utf8')) as Readonly<Record<string, number>>;

/** How many other seeds are tried if the recorded one no longer finds the mutant, because the code has changed. */
const MORE_SEEDS = 1_500;
/** The same for worlds with several shards, which take longer. */
const MORE_SHARDED_SEEDS = 150;

/** @returns a seed that finds the mutant; null: none of those that were tried */
export const finderOf = (mutant: Mutant): Promise<number | null> =>
  search(mutant.name, MORE_SEEDS, async (seed) => {
    const { violations } = await runSeed(seed, mutant);
    return violations.length > 0;
  });

/** The same for a mutant of the rules of several shards. */
export const shardedFinderOf = ({ name, assembly }: ShardedMutant): Promise<number | null> =>
  search(name, MORE_SHARDED_SEEDS, async (seed) => {
    const { violations } = await runSharded(seed, { assembly });
    // Some mutants claim that MySQL has what it does not have. That claim alone does not count; only its consequences
    // do.
    return violations.some(({ kind }) => kind !== 'not-persisted');
  });

async function search(name: string, more: number, finds: (seed: number) => Promise<boolean>): Promise<number | null> {
  const known = FINDERS[name];
  if (known !== undefined && (await finds(known))) return known;
  for (let seed = 1; seed <= more; seed++) {
    if (seed === known || !(await finds(seed))) continue;
    console.warn(`${name}: seed ${seed} finds it, but ${known ?? 'no seed'} is recorded: run ${RENEW} --write`);
    return seed;
  }
  return null;
}
