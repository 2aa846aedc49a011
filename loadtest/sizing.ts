/**
 * Computes how many pods, cores, connections and shards a rate of single transfers needs, from the newest raw result of
 * the load test, with the formulas of docs/sizing.md.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCommandLine, refuse, text } from '../app/config/command-line.mjs';
import { CROSSING_RATIOS, costsOf, need, needShards } from './sizing/model.ts';

const RESULTS = join(import.meta.dirname, 'results');

const command = {
  name: 'npx tsx loadtest/sizing.ts',
  about:
    'Computes pods, cores and connections for rates of single transfers, from the newest result in loadtest/results.',
  options: { rates: text('RATES', 'transfers per second, separated by commas', '10000,50000,100000') },
};
const rates = readCommandLine(command).values.rates.split(',').map(Number);
if (!rates.every((rate) => Number.isInteger(rate) && rate > 0)) refuse(command, '--rates must be whole numbers.');

const newest = readdirSync(RESULTS)
  .filter((name) => /^\d{4}-.*\.json$/.test(name))
  .sort()
  .at(-1);
if (newest === undefined) throw new Error('there is no result yet: run npm run loadtest');
const costs = costsOf(JSON.parse(readFileSync(join(RESULTS, newest), 'utf8')).found);

console.log(`From loadtest/results/${newest}.\n`);
console.table(costs);
console.table(Object.fromEntries(rates.map((rate) => [rate.toLocaleString('en'), need(rate, costs)])));

console.log(
  `Shards, if a transfer between two of them costs ${JSON.stringify(CROSSING_RATIOS)} times one inside a shard:\n`,
);
for (const rate of rates) {
  const rows = ([0, 0.1, 0.5, 'uniform'] as const).map((crossing) => {
    const name = crossing === 'uniform' ? 'uniform pairs' : `${100 * crossing} % between shards`;
    return [name, needShards(rate, crossing, costs, CROSSING_RATIOS)] as const;
  });
  console.log(`${rate.toLocaleString('en')}/s`);
  console.table(Object.fromEntries(rows));
}
