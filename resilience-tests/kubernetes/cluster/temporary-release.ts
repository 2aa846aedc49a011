import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubectl } from '../../../devstack/cluster/commands.ts';
import { helm, makeNamespace } from '../../../devstack/cluster/install.ts';
import type { Ground } from '../experiment.ts';
import { findRelease } from './release.ts';

const CHART = join(import.meta.dirname, '..', '..', '..', 'charts', 'holdfast');
const WAIT = ['--wait', '--wait-for-jobs', '--timeout', '8m'];

/** A release with the same values and the image of `upgradeFrom`, in a namespace of its own, which is deleted afterwards. */
export async function temporaryRelease(ground: Ground): Promise<Ground & Disposable> {
  const { api, release, provider, options } = ground;
  const namespace = `${api.namespace}-upgrade`;
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-upgrade-'));
  const values = join(folder, 'values.json');
  const found = helm(['get', 'values', release.name, '--namespace', api.namespace, '--output', 'json']);
  writeFileSync(values, found, { mode: 0o600 }); // JSON is YAML, too
  const target = (tag: string) => [
    release.name,
    CHART,
    '--namespace',
    namespace,
    '--values',
    values,
    '--set',
    `image.tag=${tag}`,
  ];
  const removeNamespace = () => kubectl(['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=4m']);
  const remove = () => {
    removeNamespace();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    removeNamespace(); // left over from an interrupted run
    makeNamespace(namespace);
    provider?.provideVolumes(namespace);
    helm(['install', ...target(options.upgradeFrom ?? ''), ...WAIT]);
    const own = api.of(namespace);
    return {
      api: own,
      release: findRelease(own, undefined),
      provider,
      options,
      upgrade: (tag) => void helm(['upgrade', ...target(tag), ...WAIT]),
      [Symbol.dispose]() {
        own[Symbol.dispose]();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}
