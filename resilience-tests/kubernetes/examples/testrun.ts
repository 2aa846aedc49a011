import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments, stringify } from 'yaml';
import { kubectl } from '../../../devstack/cluster/commands.ts';
import { k6WithShell } from '../../../devstack/cluster/images/k6.ts';
import type { Provider } from '../../../devstack/cluster/provider.ts';
import { UserError } from '../../../devstack/system/console.mjs';
import { TESTRUN_IMAGES } from '../../../loadtest/k6/testrun-manifest.ts';
import { ApiServer } from '../cluster/api-server.ts';
import { findRelease } from '../cluster/release.ts';
import { reconcile } from './in-api-pod.ts';

/** Applies loadtest/k6/testrun.yaml as it is, and waits for its results. */

const FILE = join(import.meta.dirname, '..', '..', '..', 'loadtest', 'k6', 'testrun.yaml');
const NAMESPACE = 'holdfast';
const NAME = 'holdfast-single-transfers';
const RUNNERS = `k6_cr=${NAME},runner=true`;
/** The maximum time for initializing, starting and opening accounts, in addition to the time of the load. */
const AROUND_SECONDS_MAX = 600;

interface Variable {
  name: string;
  value?: string;
}
interface Manifest {
  kind: string;
  spec: { runner: { env: Variable[] } };
}
interface Job {
  metadata: { name: string };
  status: { succeeded?: number; failed?: number };
}

/** @param changed variables of the runners that differ from the file, as `NAME=VALUE` */
export async function tryTestRun(provider: Provider | null, changed: readonly string[]): Promise<void> {
  if (definition() === '')
    throw new UserError(
      'The k6 operator is not installed: https://grafana.com/docs/k6/latest/set-up/set-up-distributed-k6/',
    );
  // Nodes of this cluster cannot pull images.
  if (provider?.kind === 'own') {
    const tags = [`docker.io/${TESTRUN_IMAGES.k6}`, TESTRUN_IMAGES.starter];
    await provider.load([await k6WithShell(tags)]);
  }
  using api = new ApiServer(NAMESPACE);
  const release = findRelease(api, undefined);
  const { text, seconds } = manifestsWith(changed);
  const remove = () =>
    kubectl(['delete', '--ignore-not-found', '--cascade=foreground', '--timeout=2m', '-f', '-'], text);
  remove();
  kubectl(['apply', '-f', '-'], text);
  try {
    const stage = await untilEnded(api, seconds + AROUND_SECONDS_MAX);
    const logs = api.kubectl('logs', '--selector', RUNNERS, '--tail=-1', '--prefix');
    console.log(logs);
    const jobs: Job[] = JSON.parse(api.kubectl('get', 'jobs', '--selector', RUNNERS, '--output=json')).items;
    const failed = jobs.filter(({ status }) => status.succeeded !== 1).map(({ metadata }) => metadata.name);
    if (stage !== 'finished' || jobs.length === 0 || failed.length > 0)
      throw new Error(`the TestRun is ${stage}; failed: ${failed.join(', ') || 'none'}`);
    console.log(`TestRun: finished, ${jobs.length} runners stayed within every limit`);
    console.log('Reconciliation: clean', JSON.stringify(await reconcile(api, release)));
  } finally {
    remove();
  }
}

const definition = (): string => kubectl(['get', 'crd', 'testruns.k6.io', '--ignore-not-found', '--output=name']);

function manifestsWith(changed: readonly string[]): { text: string; seconds: number } {
  const text = readFileSync(FILE, 'utf8');
  const manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  const env = manifests.find(({ kind }) => kind === 'TestRun')?.spec.runner.env ?? [];
  for (const change of changed) {
    const [name = '', value = ''] = change.split('=');
    const variable = env.find((one) => one.name === name);
    if (variable) variable.value = value;
    else env.push({ name, value });
  }
  return {
    text: changed.length > 0 ? manifests.map((manifest) => stringify(manifest)).join('---\n') : text,
    seconds: Number(env.find(({ name }) => name === 'SECONDS')?.value),
  };
}

/** @returns the last stage: `finished` or `error` */
async function untilEnded(api: ApiServer, secondsMax: number): Promise<string> {
  const since = performance.now();
  let stage = '';
  for (;;) {
    const now = api.kubectl('get', 'testrun', NAME, '--output=jsonpath={.status.stage}');
    const seconds = (performance.now() - since) / 1000;
    if (now !== stage) console.log(`TestRun: ${now} after ${seconds.toFixed(0)} s`);
    stage = now;
    if (stage === 'finished' || stage === 'error') return stage;
    // If the starter fails, the operator does not notice, and keeps waiting for the runners.
    if (api.get<Job>('job', `${NAME}-starter`)?.status.failed === 1)
      throw new Error(`the starter failed: ${api.kubectl('logs', `job/${NAME}-starter`)}`);
    if (seconds > secondsMax) throw new Error(`the TestRun is still ${stage || 'not started'} after ${secondsMax} s`);
    await sleep(1000);
  }
}
