/**
 * Records the seed that finds each mutant, so that the tests need not search:
 * `npx tsx simulator/mutants/finders.ts --write`. Any change of the plan, the clients or the product may make another
 * seed necessary. Then the tests still pass, but they search for a seed, and print the command that updates the record.
 */
import { writeFileSync } from 'node:fs';
import { readWriteCommand } from '../../app/config/command-line.mjs';
import { MUTANTS, SHARDED_MUTANTS } from './all.ts';
import { FINDERS_FILE, finderOf, RENEW, shardedFinderOf } from './search.ts';

async function findAll(): Promise<Record<string, number>> {
  const finders: Record<string, number> = {};
  const record = (name: string, seed: number | null) => {
    if (seed === null) throw new Error(`no seed finds ${name}`);
    finders[name] = seed;
  };
  for (const mutant of MUTANTS) record(mutant.name, await finderOf(mutant));
  for (const mutant of SHARDED_MUTANTS) record(mutant.name, await shardedFinderOf(mutant));
  return finders;
}

readWriteCommand(RENEW, 'Records the seed that finds each mutant.');
writeFileSync(FINDERS_FILE, `${JSON.stringify(await findAll(), null, 2)}\n`);
