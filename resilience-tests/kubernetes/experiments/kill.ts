import { Killer } from '../cluster/killer.ts';
import { isReady, type Part, podsOf, readyAfterMs, restartsOf } from '../cluster/pods.ts';
import { now, sleep } from '../cluster/wait.ts';
import type { Experiment, Ground, Scene } from '../experiment.ts';

/** SIGKILL of the first process of a container: the kubelet starts it again in the same pod. */

/**
 * Kubernetes waits longer before each further restart of the same container, so a different pod is killed each time.
 */
const PAUSE_MS = 4000;
const FIRST_READY_MS_MAX = 10_000;

async function killParts(scene: Scene, part: Part, readyMsMax: number): Promise<void> {
  const { api, release, options } = scene;
  const count = (await podsOf(api, release, part)).filter(isReady).length;
  const times = Math.min(options.times, count);
  for (let turn = 0; turn < times; turn++) {
    const ready = (await podsOf(api, release, part)).filter(isReady);
    const pod = ready.toSorted((a, b) => restartsOf(a) - restartsOf(b))[0];
    if (pod === undefined) throw new Error(`no ${part} pod is ready`);
    using killer = new Killer(pod, release.image);
    const since = now();
    killer.kill(pod);
    scene.mark(`${pod.metadata.name} killed`);
    const { name } = pod.metadata;
    const restarted = (one: typeof pod) => one.metadata.name !== name || restartsOf(one) > restartsOf(pod);
    const ms = await readyAfterMs(api, release, { part, count, since, accepts: restarted });
    scene.measure(`kill ${turn + 1}: ready again`, ms);
    if (ms === null || ms > readyMsMax) scene.wrong(`${name} was ready after ${ms} ms, at most ${readyMsMax} expected`);
    await sleep(PAUSE_MS);
  }
}

/** Only stores that the chart itself runs may be killed. */
const storeMissing =
  (part: Part) =>
  async ({ api, release }: Ground) =>
    (await podsOf(api, release, part)).length > 0 ? null : `the release does not run ${part} itself`;

export const killPod: Experiment = {
  name: 'kill-pod',
  expectation: 'A killed API process is ready again within 10 s, and clients that retry get every outcome.',
  waitMsMax: 10_000,
  run: (scene) => killParts(scene, 'api', FIRST_READY_MS_MAX),
};

export const killKeeper: Experiment = {
  name: 'kill-keeper',
  expectation: 'Clients do not notice when a keeper is killed.',
  failedFirstMax: 0,
  run: (scene) => killParts(scene, 'keeper', FIRST_READY_MS_MAX),
};

export const killRedis: Experiment = {
  name: 'kill-redis',
  expectation: 'Transfers continue within a few seconds after Redis is killed, either on Redis or on MySQL.',
  missing: storeMissing('redis'),
  run: (scene) => killParts(scene, 'redis', 30_000),
};

export const killMysql: Experiment = {
  name: 'kill-mysql',
  expectation: 'Transfers between cached accounts continue without MySQL.',
  missing: storeMissing('mysql'),
  run: (scene) => killParts(scene, 'mysql', 60_000),
};

export const deletePod: Experiment = {
  name: 'delete-pod',
  expectation: 'A pod that was deleted without warning is replaced, and clients that retry get every outcome.',
  waitMsMax: 10_000,
  async run(scene) {
    const { api, release, options } = scene;
    for (let turn = 0; turn < options.times; turn++) {
      const before = (await podsOf(api, release, 'api')).filter(isReady);
      const pod = before[turn % before.length];
      if (pod === undefined) throw new Error('no API pod is ready');
      const since = now();
      api.kubectl('delete', 'pod', pod.metadata.name, '--force', '--grace-period=0');
      scene.mark(`${pod.metadata.name} deleted`);
      const accepts = (one: typeof pod) => one.metadata.uid !== pod.metadata.uid;
      scene.measure(
        `deletion ${turn + 1}: replaced`,
        await readyAfterMs(api, release, { part: 'api', count: before.length, since, accepts }),
      );
      await sleep(PAUSE_MS);
    }
  },
};
