/**
 * Breaks a running stack on purpose, and holds what clients were told against what is in MySQL afterwards.
 *
 *   npx tsx resilience-tests/run.ts <name>… | all [--short]
 */
import { join } from 'node:path';
import { experiment, type Result } from './harness/experiment.ts';
import type { Ground, Hypothesis } from './harness/hypothesis.ts';
import { accountsChurn } from './hypotheses/accounts-churn.ts';
import { apiKilled } from './hypotheses/api-killed.ts';
import { keeperKilled } from './hypotheses/keeper-killed.ts';
import { mysqlKilled } from './hypotheses/mysql-killed.ts';
import { mysqlStopped } from './hypotheses/mysql-stopped.ts';
import { redisKilled } from './hypotheses/redis-killed.ts';
import { secondStart } from './hypotheses/second-start.ts';
import { sigtermUnderLoad } from './hypotheses/sigterm-under-load.ts';
import { type Broken, textOf, writeResults } from './report.ts';

type Test = (short: boolean) => Promise<Result>;

/** Each on a ground of its own. */
function testOf<G extends Ground>(hypothesis: Hypothesis<G>): [name: string, test: Test] {
  const test: Test = async (short) => {
    await using ground = await hypothesis.ground(short);
    const result = await experiment(hypothesis, ground, short).catch((error: unknown) => {
      ground.stack.keep = true;
      throw error;
    });
    if (ground.stack.keep) result.notes.push(`kept for a look: ${ground.stack.keptAs}`);
    return result;
  };
  return [hypothesis.name, test];
}

const TESTS = new Map<string, Test>([
  testOf(apiKilled),
  testOf(keeperKilled),
  testOf(mysqlKilled),
  testOf(redisKilled),
  testOf(mysqlStopped),
  testOf(sigtermUnderLoad),
  testOf(accountsChurn),
  testOf(secondStart),
]);

// So that a signal runs what was registered for the end of the process, which stops the stacks.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code));
}

const words = process.argv.slice(2);
const short = words.includes('--short');
const asked = words.filter((word) => word !== '--short');
const all = asked.includes('all');
const names = all ? [...TESTS.keys()] : asked;
if (names.length === 0 || names.some((name) => !TESTS.has(name))) {
  console.error(`npx tsx resilience-tests/run.ts <name>… | all [--short]\n\nNames: ${[...TESTS.keys()].join(', ')}`);
  process.exit(2);
}

const results: Result[] = [];
const broken: Broken[] = [];
for (const [name, test] of TESTS) {
  if (!names.includes(name)) continue;
  try {
    const result = await test(short);
    results.push(result);
    console.log(textOf(result));
  } catch (error) {
    // The others are worth knowing all the same.
    broken.push({ name, reason: error instanceof Error ? error.message : String(error) });
    console.error(`FAILED  ${name} could not be run to its end:`, error);
  }
}
const command = `npx tsx resilience-tests/run.ts ${words.join(' ')}`;
if (all) writeResults(join(import.meta.dirname, 'RESULTS.md'), { results, broken, command });
process.exitCode = broken.length === 0 && results.every(({ passed }) => passed) ? 0 : 1;
