import { temporaryRelease } from '../cluster/temporary-release.ts';
import { now, sleep } from '../cluster/wait.ts';
import type { Experiment, Scene } from '../experiment.ts';

/** Planned changes under load: no request may fail. */

const ROLL_TIMEOUT = '--timeout=8m';
const AFTER_MS = 5000;

async function rolled(scene: Scene, how: () => void): Promise<void> {
  const { api, release } = scene;
  const since = scene.mark('begins');
  how();
  for (const part of ['api', 'keeper']) {
    api.kubectl('rollout', 'status', `deployment/${release.fullname}-${part}`, ROLL_TIMEOUT);
  }
  scene.mark('complete');
  scene.measure('rolled', now() - since);
  await sleep(AFTER_MS);
}

export const roll: Experiment = {
  name: 'roll',
  expectation: 'No request fails while all pods and keepers are replaced.',
  failedFirstMax: 0,
  run: (scene) =>
    rolled(scene, () => {
      const { api, release } = scene;
      const deployments = ['api', 'keeper'].map((part) => `deployment/${release.fullname}-${part}`);
      api.kubectl('rollout', 'restart', ...deployments);
    }),
};

export const upgradeWithMigration: Experiment = {
  name: 'upgrade-with-migration',
  expectation: 'No request fails while Helm migrates the schema of an earlier release and replaces its pods.',
  failedFirstMax: 0,
  missing: ({ options: { upgradeFrom, upgradeTo } }) =>
    upgradeFrom !== undefined && upgradeTo !== undefined
      ? null
      : 'it needs the images of two releases: --upgrade-from TAG --upgrade-to TAG',
  ground: temporaryRelease,
  run: (scene) =>
    rolled(scene, () => {
      const { upgradeFrom, upgradeTo = '' } = scene.options;
      scene.note(`from ${upgradeFrom} to ${upgradeTo}`);
      scene.upgrade?.(upgradeTo);
    }),
};
