/** `npm run loadtest`: measures its own stack over loopback. */

import { loadavg } from 'node:os';
import { flag, readCommandLine, some, text, wholeNumber } from '../app/config/command-line.mjs';
import { exitOnSignals } from '../verification/harness/command.ts';
import { PrivateStack } from '../verification/harness/stack.ts';
import { against, otherStack } from './against.ts';
import { reconcile } from './bank.ts';
import { Contender } from './contender.ts';
import { commit, machine, nodeOf, round } from './measure.ts';
import { PARTS } from './parts/index.ts';
import { goalTable, writeReport } from './report/report.ts';

const { values } = readCommandLine({
  name: 'npm run loadtest --',
  about:
    'Measures its own stack. A run of all parts writes RESULTS.md; the results of a selection (--only) are only printed.',
  options: {
    only: some(
      PARTS.map(({ name }) => name),
      'only these parts',
    ),
    full: flag('run each part for a minute (npm run loadtest:full)'),
    against: text('FOLDER', 'compare with another checkout, in alternating runs'),
    'against-programs': text(
      'FOLDERS',
      'compare with this checkout on other Redis and MySQL programs, from these folders, in alternating runs',
    ),
    seconds: wholeNumber('duration of each part (6; with --only 10; with --full 60)', { min: 1, max: 600 }),
    turn: wholeNumber('seconds per turn when variants are compared (2; with --full 10)', { min: 1, max: 600 }),
    rounds: wholeNumber('number of rounds (1; with --against 3)', { min: 1, max: 100 }),
    accounts: wholeNumber('number of accounts', { min: 1, max: 100_000, fallback: 10_000 }),
  },
});
const { accounts } = values;
const parts = PARTS.filter(({ name }) => values.only?.includes(name) ?? true);
const other = otherStack(values.against, values['against-programs']);
const whole = values.only === undefined && other === null;
const seconds = values.seconds ?? (values.full ? 60 : whole ? 6 : 10);
const turnSeconds = values.turn ?? (values.full ? 10 : 2);
const rounds = values.rounds ?? (other === null ? 1 : 3);

exitOnSignals();

if (other !== null) {
  const clean = await against({ other, parts, accounts, seconds, turnSeconds, rounds });
  if (!clean) process.exitCode = 1;
} else {
  const loadAverage = round(loadavg()[0] ?? Number.NaN, 1);
  const at = new Date().toISOString();
  await using own = await PrivateStack.start();
  const contender = new Contender('this', own);
  await contender.prepare(accounts);
  for (let turn = 0; turn < rounds; turn++) {
    for (const part of parts) {
      console.log(`${part.name}: ${part.title} …`);
      const { figures } = await contender.run(part, { accounts, seconds, turnSeconds });
      if (figures['/s'] !== undefined) console.log(`  ${figures['/s']}/s`);
    }
  }
  const podNode = nodeOf(contender.stack);
  const reconciliation = await reconcile(own.file, accounts);
  const found = new Map(parts.map(({ name }) => [name, contender.medians(name)]));
  if (whole) {
    const command = ['npm run loadtest', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(
      ' ',
    );
    const circumstances = { at, command, commit: commit(), machine: machine(), podNode, loadAverage };
    const report = { ...circumstances, accounts, seconds, turnSeconds, parts, found, reconciliation };
    writeReport(import.meta.dirname, report);
    console.log(`\n${goalTable(found)}`);
  } else {
    for (const { name, title } of parts) {
      console.log(`\n${title}`);
      for (const [what, value] of Object.entries(found.get(name)?.figures ?? {})) console.log(`  ${what}: ${value}`);
    }
  }
  const { clean, report } = reconciliation;
  console.log(`\nReconciliation: ${clean ? 'clean' : `not clean: ${JSON.stringify(report).slice(0, 300)}`}.`);
  if (!clean) {
    own.keep = true;
    console.error(`Kept for inspection: ${own.keptAs}`);
    process.exitCode = 1;
  }
}
