/** `npm run resilience`: breaks a running stack on purpose, and compares what clients were told with what is in MySQL afterwards. */

import { join } from 'node:path';
import { flag, readCommandLine } from '../app/config/command-line.mjs';
import { exitOnSignals } from '../verification/harness/command.ts';
import type { System } from '../verification/harness/system.ts';
import { experiment, type Result } from './harness/experiment.ts';
import { type Ground, type Hypothesis, NotHere } from './harness/hypothesis.ts';
import { accountsChurn } from './hypotheses/accounts-churn.ts';
import { apiKilled } from './hypotheses/api-killed.ts';
import { diskFull } from './hypotheses/disk-full.ts';
import { keeperCutOffFromMysql } from './hypotheses/keeper-cut-off-from-mysql.ts';
import { keeperKilled } from './hypotheses/keeper-killed.ts';
import { keeperKilledAtEachStep } from './hypotheses/keeper-killed-at-each-step.ts';
import { keepersKilled } from './hypotheses/keepers-killed.ts';
import { longTail } from './hypotheses/long-tail.ts';
import { lossAccepted } from './hypotheses/loss-accepted.ts';
import { mysqlAwayInCache } from './hypotheses/mysql-away-in-cache.ts';
import { mysqlAwayInClosing } from './hypotheses/mysql-away-in-closing.ts';
import { mysqlAwayInDirect } from './hypotheses/mysql-away-in-direct.ts';
import { mysqlAwayInRebuilding } from './hypotheses/mysql-away-in-rebuilding.ts';
import { mysqlKilled } from './hypotheses/mysql-killed.ts';
import { mysqlKilledInAFlush } from './hypotheses/mysql-killed-in-a-flush.ts';
import { mysqlRestarted } from './hypotheses/mysql-restarted.ts';
import { mysqlStopped } from './hypotheses/mysql-stopped.ts';
import { packetsLost } from './hypotheses/packets-lost.ts';
import { podAndRedisKilled } from './hypotheses/pod-and-redis-killed.ts';
import { podCutOffFromRedis } from './hypotheses/pod-cut-off-from-redis.ts';
import { podKilled } from './hypotheses/pod-killed.ts';
import { podPaused } from './hypotheses/pod-paused.ts';
import { processHung } from './hypotheses/process-hung.ts';
import { redisAway } from './hypotheses/redis-away.ts';
import { redisCopied } from './hypotheses/redis-copied.ts';
import { redisDiskLost } from './hypotheses/redis-disk-lost.ts';
import { redisFlapping } from './hypotheses/redis-flapping.ts';
import { redisFrozen } from './hypotheses/redis-frozen.ts';
import { redisKilled } from './hypotheses/redis-killed.ts';
import { redisOutOfMemory } from './hypotheses/redis-out-of-memory.ts';
import { redisSlow } from './hypotheses/redis-slow.ts';
import { redisVerySlow } from './hypotheses/redis-very-slow.ts';
import { replicaPromoted } from './hypotheses/replica-promoted.ts';
import { repliesLost } from './hypotheses/replies-lost.ts';
import { retryStorm } from './hypotheses/retry-storm.ts';
import { rollBehindHaproxy } from './hypotheses/roll-behind-haproxy.ts';
import { rollingRestart } from './hypotheses/rolling-restart.ts';
import { secondInstallation } from './hypotheses/second-installation.ts';
import { secondStart } from './hypotheses/second-start.ts';
import { sigtermUnderLoad } from './hypotheses/sigterm-under-load.ts';
import { upgradeFrom010, upgradeFrom010RedisKilled } from './hypotheses/upgrade.ts';
import { type Broken, type Skipped, textOf, writeResults } from './report.ts';

type Test = (short: boolean) => Promise<Result>;

/** Each on a ground of its own. */
function testOf<G extends Ground<System>>(hypothesis: Hypothesis<G>): [name: string, test: Test] {
  const test: Test = async (short) => {
    await using ground = await hypothesis.ground(short);
    const result = await experiment(hypothesis, ground, short).catch((error: unknown) => {
      ground.stack.keep = true;
      throw error;
    });
    if (ground.stack.keep) result.notes.push(`kept for inspection: ${ground.stack.keptAs}`);
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
  testOf(mysqlRestarted),
  testOf(sigtermUnderLoad),
  testOf(accountsChurn),
  testOf(secondStart),
  testOf(podKilled),
  testOf(rollingRestart),
  testOf(rollBehindHaproxy),
  testOf(keepersKilled),
  testOf(redisAway),
  testOf(redisCopied),
  testOf(redisDiskLost),
  testOf(longTail),
  testOf(repliesLost),
  testOf(lossAccepted),
  testOf(redisFrozen),
  testOf(replicaPromoted),
  testOf(podAndRedisKilled),
  testOf(keeperKilledAtEachStep),
  testOf(podPaused),
  testOf(processHung),
  testOf(mysqlAwayInCache),
  testOf(mysqlAwayInDirect),
  testOf(mysqlAwayInClosing),
  testOf(mysqlAwayInRebuilding),
  testOf(mysqlKilledInAFlush),
  testOf(podCutOffFromRedis),
  testOf(keeperCutOffFromMysql),
  testOf(redisSlow),
  testOf(redisVerySlow),
  testOf(packetsLost),
  testOf(retryStorm),
  testOf(redisOutOfMemory),
  testOf(diskFull),
  testOf(redisFlapping),
  testOf(secondInstallation),
  testOf(upgradeFrom010),
  testOf(upgradeFrom010RedisKilled),
]);

exitOnSignals();

const { values, operands } = readCommandLine({
  name: 'npm run resilience --',
  about: 'Breaks a running stack on purpose, and compares what clients were told with what is in MySQL afterwards.',
  options: {
    short: flag('less load, less time'),
    list: flag('only print the names'),
  },
  operands: {
    label: '[NAME]…',
    help: 'Which experiments; all of them (45 minutes, writes RESULTS.md) when none is named.',
    choices: ['all', ...TESTS.keys()],
  },
});
if (values.list) {
  console.log([...TESTS.keys()].join('\n'));
  process.exit();
}
const { short } = values;
const all = operands.length === 0 || operands.includes('all');
const names = all ? [...TESTS.keys()] : operands;

const results: Result[] = [];
const broken: Broken[] = [];
const skipped: Skipped[] = [];
for (const [name, test] of TESTS) {
  if (!names.includes(name)) continue;
  try {
    const result = await test(short);
    results.push(result);
    console.log(textOf(result));
  } catch (error) {
    if (error instanceof NotHere) {
      skipped.push({ name, reason: error.message });
      console.log(`skipped ${name}: ${error.message}`);
      continue;
    }
    // The others are worth knowing all the same.
    broken.push({ name, reason: error instanceof Error ? error.message : String(error) });
    console.error(`FAILED  ${name} could not be run to its end:`, error);
  }
}
const command = short ? 'npm run resilience -- --short' : 'npm run resilience';
if (all) writeResults(join(import.meta.dirname, 'RESULTS.md'), { results, broken, skipped, command });
process.exitCode = broken.length === 0 && results.every(({ passed }) => passed) ? 0 : 1;
// Everything that was started is stopped; a connection that somebody left half open must not hold the command.
process.exit();
