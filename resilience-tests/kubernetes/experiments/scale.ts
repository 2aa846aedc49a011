import { podsOf, readyAfterMs } from '../cluster/pods.ts';
import { Scaling } from '../cluster/scaling.ts';
import { spreadOf } from '../cluster/spread.ts';
import { now, sleep } from '../cluster/wait.ts';
import type { Experiment, Scene } from '../experiment.ts';

/** Adds and removes pods, through the autoscaler's limits or, without an autoscaler, through the Deployment. */

const SETTLED_MS = 60_000;
const SPREAD_MAX = 0.2;
const AFTER_MS = 5000;

async function scaled(scene: Scene, scaling: Scaling, count: number): Promise<void> {
  const { api, release } = scene;
  const since = scene.mark(`scaled to ${count}`);
  scaling.set(count);
  scene.measure(
    `${count} pods ready`,
    await readyAfterMs(api, release, { part: 'api', count, since, accepts: () => true }),
  );
  // Stopping pods keep serving until every load balancer has noticed that they are unready.
  const gone = async () => (await podsOf(api, release, 'api')).length === count;
  while (!(await gone()) && now() - since < 180_000) await sleep(250);
  scene.measure(`${count} pods remain`, now() - since);
}

export const scaleOut: Experiment = {
  name: 'scale-out',
  expectation:
    'No request fails when pods are added, and a minute later all of them carry the same load to within 20 %.',
  failedFirstMax: 0,
  scales: true,
  async run(scene) {
    await using scaling = new Scaling(scene.api, scene.release);
    await scaled(scene, scaling, scene.options.replicasMax);
    await sleep(SETTLED_MS);
    const spread = await spreadOf(scene.api, scene.release);
    scene.note(`transfers per second of each pod, a minute later: ${spread.perSecond.join(', ')}`);
    scene.note(`greatest deviation from an even spread: ${Math.round(spread.deviation * 100)} %`);
    if (spread.deviation > SPREAD_MAX)
      scene.wrong(`the load is spread unevenly: ${Math.round(spread.deviation * 100)} %`);
  },
};

export const scaleIn: Experiment = {
  name: 'scale-in',
  expectation: 'No request fails when pods are removed.',
  failedFirstMax: 0,
  scales: true,
  async run(scene) {
    await using scaling = new Scaling(scene.api, scene.release);
    await scaled(scene, scaling, scene.options.replicasMax);
    await sleep(AFTER_MS);
    await scaled(scene, scaling, scaling.replicas);
    await sleep(AFTER_MS);
  },
};
