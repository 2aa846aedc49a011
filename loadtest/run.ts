/**
 * Measures a stack of its own, over loopback. `--only` measures parts of it, and prints; all of it writes RESULTS.md.
 *
 *   npx tsx loadtest/run.ts [--only single,hot] [--seconds 10] [--rounds 1] [--accounts 10000]
 *   npx tsx loadtest/run.ts --only single,hot --against ../another-checkout [--rounds 3]
 */
import { parseArgs } from 'node:util';
import { PrivateStack } from '../resilience-tests/harness/stack.ts';
import { against } from './against.ts';
import { reconcile } from './bank.ts';
import { Contender, medians } from './contender.ts';
import { partsOf } from './parts/index.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string' },
    accounts: { type: 'string', default: '10000' },
    against: { type: 'string' },
  },
});
const limited = (name: 'seconds' | 'rounds' | 'accounts', most: number, fallback = Number.NaN): number => {
  const value = Number(values[name] ?? fallback);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new RangeError(`--${name} must be a whole number from 1 to ${most}`);
};
const parts = partsOf(values.only);
const accounts = limited('accounts', 100_000);
const seconds = limited('seconds', 600);
const rounds = limited('rounds', 100, values.against === undefined ? 1 : 3);

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

if (values.against !== undefined) {
  const clean = await against({ other: values.against, parts, accounts, seconds, rounds });
  if (!clean) process.exitCode = 1;
} else {
  await using own = await PrivateStack.start();
  const contender = new Contender('this', own);
  await contender.prepare(accounts);
  for (let round = 0; round < rounds; round++) {
    for (const part of parts) {
      const { figures } = await contender.run(part, { accounts, seconds });
      console.log(`${part.name}: ${figures['/s']}/s, p99 ${figures['p99, ms']} ms`);
    }
  }
  for (const { name, title } of parts) {
    console.log(`\n${title}`);
    for (const [what, value] of Object.entries(medians(contender.rounds(name)))) console.log(`  ${what}: ${value}`);
  }
  const books = await reconcile(own.file);
  console.log(`\nThe books are ${books.clean ? 'clean' : `not clean: ${JSON.stringify(books.report).slice(0, 300)}`}.`);
  if (!books.clean) {
    own.keep = true;
    console.error(`Kept for a look: ${own.keptAs}`);
    process.exitCode = 1;
  }
}
