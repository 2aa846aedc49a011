/**
 * Measures a stack of its own, over loopback. `--only` measures parts of it, and prints; all of it writes RESULTS.md.
 *
 *   npx tsx loadtest/run.ts [--full]
 *   npx tsx loadtest/run.ts [--only single,hot] [--seconds 10] [--rounds 1] [--accounts 10000]
 *   npx tsx loadtest/run.ts --only single,hot --against ../another-checkout [--rounds 3]
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { PrivateStack } from '../resilience-tests/harness/stack.ts';
import { against } from './against.ts';
import { reconcile } from './bank.ts';
import { Contender } from './contender.ts';
import { commit, machine, nodeOf, round } from './measure.ts';
import { partsOf } from './parts/index.ts';
import { goalTable, writeReport } from './report/report.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    full: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    turn: { type: 'string' },
    rounds: { type: 'string' },
    accounts: { type: 'string', default: '10000' },
    against: { type: 'string' },
  },
});
const limited = (name: 'seconds' | 'turn' | 'rounds' | 'accounts', most: number, fallback = Number.NaN): number => {
  const value = Number(values[name] ?? fallback);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new RangeError(`--${name} must be a whole number from 1 to ${most}`);
};
const parts = partsOf(values.only);
const accounts = limited('accounts', 100_000);
const whole = values.only === undefined && values.against === undefined;
const seconds = limited('seconds', 600, values.full ? 60 : whole ? 6 : 10);
const turnSeconds = limited('turn', 600, values.full ? 10 : 2);
const rounds = limited('rounds', 100, values.against === undefined ? 1 : 3);

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

if (values.against !== undefined) {
  const clean = await against({ other: values.against, parts, accounts, seconds, turnSeconds, rounds });
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
  const reconciliation = await reconcile(own.file);
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
  console.log(`\nThe books are ${clean ? 'clean' : `not clean: ${JSON.stringify(report).slice(0, 300)}`}.`);
  if (!clean) {
    own.keep = true;
    console.error(`Kept for a look: ${own.keptAs}`);
    process.exitCode = 1;
  }
}
