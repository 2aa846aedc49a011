/**
 * `npm run resilience:kubernetes`: breaks a release in a cluster under constant load, and then compares the answers
 * that clients got with what is in MySQL.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flag, readCommandLine, some, text, wholeNumber } from '../../app/config/command-line.mjs';
import { kubectl } from '../../devstack/cluster/commands.ts';
import { reachedProvider } from '../../devstack/cluster/provider.ts';
import { messageOf } from '../../devstack/system/console.mjs';
import { ApiServer } from './cluster/api-server.ts';
import { removeKillers } from './cluster/killer.ts';
import { findRelease } from './cluster/release.ts';
import { conduct, type Result } from './conduct.ts';
import type { Experiment, Ground } from './experiment.ts';
import { autoscale } from './experiments/autoscale.ts';
import { deletePod, killKeeper, killMysql, killPod, killRedis } from './experiments/kill.ts';
import { drainNode, loseNode, partition } from './experiments/nodes.ts';
import { roll, upgradeWithMigration } from './experiments/roll.ts';
import { scaleIn, scaleOut } from './experiments/scale.ts';
import { textOf, writeReport } from './report.ts';

/** The experiments in the order of a complete run. */
const EXPERIMENTS: readonly Experiment[] = [
  killPod,
  deletePod,
  killKeeper,
  killRedis,
  killMysql,
  roll,
  scaleOut,
  scaleIn,
  drainNode,
  loseNode,
  partition,
  upgradeWithMigration,
  autoscale,
];
const NAMES = EXPERIMENTS.map(({ name }) => name);

const { values } = readCommandLine({
  name: 'npm run resilience:kubernetes --',
  about:
    'Breaks a release of Holdfast in the cluster that kubectl reaches, under constant load, and verifies the books.',
  options: {
    experiment: some(NAMES, 'which experiments to run; by default, all that are possible in this cluster'),
    list: flag('only print the experiments and what is expected of them'),
    namespace: text('NAME', 'namespace of the release', 'holdfast'),
    rate: wholeNumber('requests per second', { min: 1, max: 5000, fallback: 100 }),
    times: wholeNumber('how often something is killed', { min: 1, max: 20, fallback: 3 }),
    'replicas-max': wholeNumber('API pods after scaling out', { min: 2, max: 50, fallback: 6 }),
    'away-seconds': wholeNumber('how long a lost node is unavailable', { min: 10, max: 900, fallback: 120 }),
    'k6-image': text(
      'IMAGE',
      'generate the load with k6 from this image, such as grafana/k6:1.8.1, instead of the recorder',
    ),
    'key-secret': text(
      'NAME/KEY',
      'Secret with an API key that has all scopes; by default, BOOTSTRAP_API_KEY of the release',
    ),
    'upgrade-from': text('TAG', 'for upgrade-with-migration: tag of the image to upgrade from'),
    'upgrade-to': text('TAG', 'for upgrade-with-migration: tag of the new image'),
    output: text('FILE', 'write a report there, and its pictures next to it'),
  },
});

if (values.list) {
  for (const { name, expectation } of EXPERIMENTS) console.log(`${name}: ${expectation}`);
  process.exit();
}
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

using api = new ApiServer(values.namespace);
const ground: Ground = {
  api,
  release: findRelease(api, values['key-secret']),
  provider: reachedProvider(),
  options: {
    rate: values.rate,
    times: values.times,
    replicasMax: values['replicas-max'],
    awaySeconds: values['away-seconds'],
    upgradeFrom: values['upgrade-from'],
    upgradeTo: values['upgrade-to'],
  },
};

const results: Result[] = [];
const others: { name: string; reason: string; skipped: boolean }[] = [];
for (const experiment of EXPERIMENTS) {
  const { name } = experiment;
  if (values.experiment && !values.experiment.includes(name)) continue;
  const missing = await experiment.missing?.(ground);
  if (missing) {
    others.push({ name, reason: missing, skipped: true });
    console.log(`skipped ${name}: ${missing}`);
    continue;
  }
  console.log(`${name}: ${experiment.expectation}`);
  try {
    const result = await runOne(experiment);
    results.push(result);
    console.log(textOf(result));
  } catch (error) {
    // The other experiments still run, because their results are valid.
    others.push({ name, reason: messageOf(error), skipped: false });
    console.error(`FAILED  ${name} was not completed:`, error);
  }
}
removeKillers();
if (values.output !== undefined) {
  const version = kubectl(['version', '--output=json']);
  const args = process.argv.slice(2).join(' ');
  mkdirSync(join(values.output, '..', 'results-kubernetes'), { recursive: true });
  const nodes = kubectl(['get', 'nodes', '--output=name']).trim().split('\n').length;
  writeReport(values.output, { results, others, version, nodes, command: `npm run resilience:kubernetes -- ${args}` });
  const raw = join(values.output, '..', 'results-kubernetes', 'results.json');
  writeFileSync(raw, `${JSON.stringify({ results, others }, null, 1)}\n`);
}
process.exitCode = results.every(({ passed }) => passed) && others.every(({ skipped }) => skipped) ? 0 : 1;

async function runOne(experiment: Experiment): Promise<Result> {
  const k6Image = values['k6-image'] ?? null;
  if (!experiment.ground) return conduct(experiment, ground, k6Image);
  using own = await experiment.ground(ground);
  // Awaited here, because the release is deleted when this function returns.
  return await conduct(experiment, own, k6Image);
}
