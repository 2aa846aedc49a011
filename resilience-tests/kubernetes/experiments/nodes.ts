import { endpointsOf, isReady, type Part, podsOf, readyAfterMs } from '../cluster/pods.ts';
import { now, sleep } from '../cluster/wait.ts';
import type { Experiment, Ground, Scene } from '../experiment.ts';

/** Experiments in which a node is drained, dies, or loses its network. */

const AFTER_MS = 10_000;
const RETURN_MS_MAX = 180_000;

const providerMissing = ({ provider }: Ground): string | null =>
  provider === null ? 'it needs a cluster whose nodes this program can break: npm run cluster, kind or k3d' : null;

export const drainNode: Experiment = {
  name: 'drain-node',
  expectation: 'No request fails while a node is drained.',
  failedFirstMax: 0,
  breaksNode: true,
  async run(scene) {
    const { api, victim } = scene;
    const since = scene.mark(`${victim} is drained`);
    const flags = ['--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=8m'];
    try {
      api.kubectl('drain', victim, ...flags);
      scene.mark('drained');
      scene.measure('drained', now() - since);
      await sleep(AFTER_MS);
    } finally {
      api.kubectl('uncordon', victim);
    }
  },
};

interface NodeObject {
  status: { conditions: { type: string; status: string }[] };
}

/** Watches for a while how Kubernetes treats a node that does not respond. */
async function watchLoss({ api, release, victim, options, measure }: Scene, count: number): Promise<void> {
  const since = now();
  const measured = new Set<string>();
  const first = (what: string, holds: boolean) => {
    if (!holds || measured.has(what)) return;
    measured.add(what);
    measure(what, now() - since);
  };
  while (now() - since < options.awaySeconds * 1000) {
    const node = await api.read<NodeObject>(`/api/v1/nodes/${victim}`);
    const pods = await podsOf(api, release, 'api');
    const endpoints = await endpointsOf(api, release);
    const there = pods.filter(({ spec }) => spec.nodeName === victim);
    first(
      'node not ready',
      node.status.conditions.some(({ type, status }) => type === 'Ready' && status !== 'True'),
    );
    first('no traffic to its pods', !there.some(({ metadata }) => endpoints.has(metadata.name)));
    first('its pods replaced', pods.filter((pod) => isReady(pod) && pod.spec.nodeName !== victim).length >= count);
    await sleep(200);
  }
  for (const what of ['node not ready', 'no traffic to its pods', 'its pods replaced']) {
    if (!measured.has(what)) measure(what, null);
  }
}

async function nodeAway(scene: Scene, what: string, away: () => void, back: () => Promise<void>): Promise<void> {
  const { api, release, victim } = scene;
  const count = (await podsOf(api, release, 'api')).filter(isReady).length;
  scene.mark(`${victim} ${what}`);
  away();
  try {
    await watchLoss(scene, count);
  } finally {
    await back();
  }
  const since = scene.mark(`${victim} returned`);
  const ms = await readyAfterMs(api, release, { part: 'api', count, since, accepts: () => true, msMax: RETURN_MS_MAX });
  scene.measure('all pods ready after its return', ms);
  await sleep(AFTER_MS);
}

export const loseNode: Experiment = {
  name: 'lose-node',
  expectation: 'When a node dies suddenly, a client that retries waits no longer than 10 s for any transfer.',
  waitMsMax: 10_000,
  breaksNode: true,
  missing: providerMissing,
  run: (scene) =>
    nodeAway(
      scene,
      'dies',
      () => scene.provider?.killNode(scene.victim),
      async () => scene.provider?.returnNode(scene.victim),
    ),
};

export const partition: Experiment = {
  name: 'partition',
  expectation:
    'When a node loses its network while its processes keep running, a client that retries waits no longer than 10 s for any transfer.',
  waitMsMax: 10_000,
  breaksNode: true,
  missing: providerMissing,
  run: (scene) =>
    nodeAway(
      scene,
      'is cut off',
      () => scene.provider?.setConnected(scene.victim, false),
      async () => scene.provider?.setConnected(scene.victim, true),
    ),
};

const nodesWith = async ({ api, release }: Ground, part: Part): Promise<string[]> =>
  (await podsOf(api, release, part)).map(({ spec }) => spec.nodeName ?? '');

/**
 * Chooses a node with API pods and without stores, because other experiments cover the chart's stores. If earlier
 * experiments have left the pods on too few nodes, they are spread again first.
 */
export async function chooseVictim(ground: Ground): Promise<string> {
  const { api, release } = ground;
  if (new Set(await nodesWith(ground, 'api')).size < 3) {
    api.kubectl('rollout', 'restart', `deployment/${release.fullname}-api`);
    api.kubectl('rollout', 'status', `deployment/${release.fullname}-api`, '--timeout=8m');
  }
  const stores = new Set([...(await nodesWith(ground, 'redis')), ...(await nodesWith(ground, 'mysql'))]);
  const nodes = (await nodesWith(ground, 'api')).filter((node) => node !== '');
  const found = nodes
    .filter((node) => !stores.has(node))
    .toSorted()
    .at(-1);
  if (found === undefined) throw new Error('every node with API pods also runs a store');
  if (nodes.every((node) => node === found)) throw new Error(`all API pods run on ${found}`);
  return found;
}
