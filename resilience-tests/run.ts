/**
 * `npm run resilience`: breaks a running stack on purpose, and then compares the answers that clients got with what is
 * in MySQL.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { flag, readCommandLine } from '../app/config/command-line.mjs';
import { exitOnSignals } from '../verification/harness/command.ts';
import { experiment, type Result } from './harness/experiment.ts';
import { type Hypothesis, NotHere } from './harness/hypothesis.ts';
import { type Broken, type Skipped, textOf, writeResults } from './report.ts';
import { saveSharded } from './report-sharded.ts';

/** Tests one hypothesis in its own environment. */
async function tested(hypothesis: Hypothesis, short: boolean): Promise<Result> {
  await using ground = await hypothesis.ground(short);
  const result = await experiment(hypothesis, ground, short).catch((error: unknown) => {
    ground.stack.keep = true;
    throw error;
  });
  if (ground.stack.keep) result.notes.push(`kept for inspection: ${ground.stack.keptAs}`);
  return result;
}

/** Everything that the files in hypotheses/ export. */
async function allHypotheses(): Promise<Map<string, Hypothesis>> {
  const folder = join(import.meta.dirname, 'hypotheses');
  const modules = await Promise.all(
    readdirSync(folder).map((file) => import(join(folder, file)) as Promise<Record<string, Hypothesis>>),
  );
  return new Map(modules.flatMap(Object.values).map((hypothesis: Hypothesis) => [hypothesis.name, hypothesis]));
}

exitOnSignals();
const hypotheses = await allHypotheses();

const { values, operands } = readCommandLine({
  name: 'npm run resilience --',
  about: 'Breaks a running stack on purpose, and then compares the answers that clients got with what is in MySQL.',
  options: {
    short: flag('with less load, and for a shorter time'),
    list: flag('only print the names'),
    save: flag('write the rows of experiments with several shards to RESULTS.md'),
  },
  operands: {
    label: '[NAME]…',
    help: 'The experiments to run; without a name, all of them (takes an hour, and writes RESULTS.md).',
    choices: ['all', ...hypotheses.keys()],
  },
});
if (values.list) {
  console.log([...hypotheses.keys()].join('\n'));
  process.exit();
}
const { short } = values;
const all = operands.length === 0 || operands.includes('all');
const names = all ? [...hypotheses.keys()] : operands;

const results: Result[] = [];
const broken: Broken[] = [];
const skipped: Skipped[] = [];
for (const [name, hypothesis] of hypotheses) {
  if (!names.includes(name)) continue;
  try {
    const result = await tested(hypothesis, short);
    results.push(result);
    console.log(textOf(result));
  } catch (error) {
    if (error instanceof NotHere) {
      skipped.push({ name, reason: error.message });
      console.log(`skipped ${name}: ${error.message}`);
      continue;
    }
    // The other experiments still run, because their results are valid.
    broken.push({ name, reason: error instanceof Error ? error.message : String(error) });
    console.error(`FAILED  ${name} could not be completed:`, error);
  }
}
const command = short ? 'npm run resilience -- --short' : 'npm run resilience';
const findings = { results, broken, skipped, command };
const path = join(import.meta.dirname, 'RESULTS.md');
if (all) writeResults(path, findings);
else if (values.save) saveSharded(path, findings);
process.exitCode = broken.length === 0 && results.every(({ passed }) => passed) ? 0 : 1;
// Everything that was started has stopped; a half-open connection must not keep the command running.
process.exit();
