import { readyAfterMs } from '../cluster/pods.ts';
import { Scaling } from '../cluster/scaling.ts';
import { now, sleep } from '../cluster/wait.ts';
import type { Experiment, Ground, Scene } from '../experiment.ts';

/** The autoscaler adds pods under load, based on their transfers per second, and removes them when the load is gone. */

const METRIC = 'holdfast_transfers_per_second';
/**
 * The autoscaler averages over the last minute, so once the pods have been ready for a minute, the time before they
 * were ready no longer counts.
 */
const SETTLED_MS = 125_000;
const OUT_MS_MAX = 300_000;
const IN_MS_MAX = 600_000;
const SPREAD_MAX = 0.2;

interface Hpa {
  spec: { minReplicas: number; maxReplicas: number; metrics: { type: string; pods?: { metric: { name: string } } }[] };
}
interface MetricValues {
  items: { describedObject: { name: string }; value: string }[];
}

const hpaOf = ({ api, release }: Ground): Hpa | undefined => api.get<Hpa>('hpa', `${release.fullname}-api`);

/** A Kubernetes quantity, such as 12 or 12345m. */
const quantity = (text: string): number => (text.endsWith('m') ? Number(text.slice(0, -1)) / 1000 : Number(text));

async function transfersPerSecond({ api }: Scene): Promise<number[]> {
  const path = `/apis/custom.metrics.k8s.io/v1beta1/namespaces/${api.namespace}/pods/*/${METRIC}?labelSelector=app.kubernetes.io/component%3Dapi`;
  return (await api.read<MetricValues>(path)).items.map(({ value }) => quantity(value));
}

export const autoscale: Experiment = {
  name: 'autoscale',
  expectation:
    'The autoscaler, driven by transfers per second, scales from its minimum to its maximum and back without a failed request; a minute later the load is even to within 20 %.',
  failedFirstMax: 0,
  scales: true,
  missing: (ground) =>
    (hpaOf(ground)?.spec.metrics ?? []).some(({ pods }) => pods?.metric.name === METRIC)
      ? null
      : `no autoscaler of the release uses ${METRIC} (autoscaling.targetTransfersPerSecond)`,
  async run(scene) {
    const { api, release, load, options } = scene;
    const { minReplicas, maxReplicas } = hpaOf(scene)?.spec ?? { minReplicas: 0, maxReplicas: 0 };
    await using scaling = new Scaling(api, release);
    scaling.removeQuickly();
    const ready = (count: number, since: number, msMax: number) =>
      readyAfterMs(api, release, { part: 'api', count, since, accepts: () => true, msMax });
    const since = scene.mark(`${options.rate} requests per second`);
    scene.measure(`${maxReplicas} pods ready`, await ready(maxReplicas, since, OUT_MS_MAX));
    await sleep(SETTLED_MS);
    const rates = await transfersPerSecond(scene);
    const mean = rates.reduce((a, b) => a + b, 0) / rates.length;
    const deviation = Math.max(...rates.map((rate) => Math.abs(rate / mean - 1)));
    scene.note(`transfers per second of each pod: ${rates.map((rate) => rate.toFixed(1)).join(', ')}`);
    scene.note(`greatest deviation from an even spread: ${Math.round(deviation * 100)} %`);
    if (deviation > SPREAD_MAX) scene.wrong(`the load is spread unevenly: ${Math.round(deviation * 100)} %`);
    const quiet = scene.mark('a tenth of the load');
    load.set({ rate: options.rate / 10, stop: false });
    scene.measure(`back to ${minReplicas} pods`, await back(scene, minReplicas, quiet));
  },
};

async function back({ api, release }: Scene, count: number, since: number): Promise<number | null> {
  const status = () =>
    api.get<{ status: { replicas: number } }>('deployment', `${release.fullname}-api`)?.status.replicas;
  while (now() - since < IN_MS_MAX) {
    if (status() === count) return now() - since;
    await sleep(1000);
  }
  return null;
}
