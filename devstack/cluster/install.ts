import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '../install/go-tools.mjs';
import { elapsed, messageOf, print, UserError } from '../system/console.mjs';
import { readJson } from '../system/folder.mjs';
import { clusterEnv, kubectl, run } from './commands.ts';
import { testingImages } from './images/programs.ts';
import { dockerImage, serviceImage } from './images/service.ts';
import type { Provider } from './provider.ts';
import { FOLDER, ROOT } from './settings.ts';

/** Installs this checkout in the cluster: builds its image, installs its chart, and tests the release. */

const HELM_MS_MAX = 600_000;
const RELEASE = 'holdfast';
const CHART = join(ROOT, 'charts', 'holdfast');
export const VALUES = join(import.meta.dirname, 'values.yaml');

export interface InstallOptions {
  namespace: string;
  /** Tag of the image, which is built unless `prebuilt` is set. */
  tag: string;
  prebuilt: boolean;
  /** Additional values files, and settings of the form name=value. */
  values: readonly string[];
  set: readonly string[];
  test: boolean;
}

/** The tag of this checkout: its version. */
export const versionTag = (): string => (readJson(join(ROOT, 'package.json')) as { version: string }).version;

/** Builds the image of a checkout with these tags, using Docker if the cluster uses Docker. */
export async function loadServiceImage(provider: Provider, root: string, tags: readonly string[]): Promise<void> {
  const names = tags.map((tag) => `${RELEASE}:${tag}`);
  await provider.load([provider.kind === 'own' ? await serviceImage(root, names) : dockerImage(root, names)]);
}

/** Builds the image of a commit of this repository, such as an earlier release. */
export async function loadImageOf(provider: Provider, commit: string, tag: string): Promise<void> {
  const folder = mkdtempSync(join(FOLDER, '.commit-'));
  try {
    const archive = join(folder, 'commit.tar');
    const root = join(folder, 'root');
    mkdirSync(root);
    run('git', ['-C', ROOT, 'archive', '--format=tar', `--output=${archive}`, commit]);
    run('tar', ['-xf', archive, '-C', root]);
    await loadServiceImage(provider, root, [tag]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns how long it took until everything was ready, ms */
export async function install(provider: Provider, options: InstallOptions): Promise<number> {
  const { namespace, tag, prebuilt, values, set, test } = options;
  if (!prebuilt) {
    // The second tag names the same image, so that an upgrade to another tag can be tried.
    await loadServiceImage(provider, ROOT, [tag, `${tag}-next`]);
    await provider.load(await testingImages(['k6']));
  }
  makeNamespace(namespace);
  provider.provideVolumes(namespace);
  const since = performance.now();
  const files = [VALUES, ...values].flatMap((file) => ['--values', file]);
  const settings = [`image.tag=${tag}`, ...set].flatMap((setting) => ['--set', setting]);
  const wait = ['--wait', '--wait-for-jobs', '--timeout', '5m'];
  const upgrade = ['upgrade', '--install', RELEASE, CHART, '--namespace', namespace, ...files, ...settings, ...wait];
  try {
    helm(upgrade);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${messageOf(error).trimEnd()}\n\n${unreadyPods(namespace)}`);
  }
  const readyMs = performance.now() - since;
  print(`Ready (${elapsed(since)}).\n${kubectl(['-n', namespace, 'get', 'pods', '-o', 'wide'])}`);
  if (test) print(helm(['test', RELEASE, '--namespace', namespace, '--logs']));
  return readyMs;
}

interface PodList {
  items: { metadata: { name: string }; status: { phase: string; conditions?: { type: string; status: string }[] } }[];
}

/**
 * Shows why an upgrade did not finish, which Helm does not report: lists the pods, and the last log lines of those that
 * are not ready.
 */
function unreadyPods(namespace: string): string {
  const { items } = JSON.parse(kubectl(['-n', namespace, 'get', 'pods', '-o', 'json'])) as PodList;
  const unready = items.filter(
    ({ status }) =>
      status.phase !== 'Succeeded' &&
      !status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
  );
  const logs = unready.map(({ metadata: { name } }) => `${name}:\n${lastLines(namespace, name)}`);
  return [kubectl(['-n', namespace, 'get', 'pods', '-o', 'wide']), ...logs].join('\n');
}

/** A pod without a container has no log. */
function lastLines(namespace: string, pod: string): string {
  try {
    return kubectl(['-n', namespace, 'logs', pod, '--tail=10']);
  } catch (error) {
    return messageOf(error);
  }
}

/** Creates a namespace with the restricted profile of the pod security standards. */
export function makeNamespace(name: string): void {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }));
}

/** @throws {UserError} with Helm's output */
export function helm(args: readonly string[]): string {
  const program = findTool('helm');
  if (program === null)
    throw new UserError('Helm is missing: install Go 1.21 or newer, which builds it, or Helm itself.');
  const options = { encoding: 'utf8', env: clusterEnv(), timeout: HELM_MS_MAX } as const;
  const { status, stdout, stderr, error } = spawnSync(program, args, options);
  if (error) throw error;
  if (status !== 0) throw new UserError(`helm ${args[0]} failed:\n${stdout}${stderr}`);
  return stdout;
}
