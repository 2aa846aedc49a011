import { REPLACED_SECONDS_MAX } from '../../scripts/chart/replacement.mjs';
import type { Cluster } from '../../verification/harness/cluster.ts';
import type { Service } from '../../verification/harness/service.ts';
import { now, until } from '../../verification/harness/time.ts';
import { type Ground, type Hypothesis, ownCluster } from '../harness/hypothesis.ts';
import { Kubelet } from '../harness/kubelet.ts';

/** The kubelet would have acted within this time in any case. */
const OVER_MS_MAX = 120_000;

export const processHung: Hypothesis<Ground<Cluster>> = {
  name: 'process-hung',
  expectation:
    "A pod and the active keeper hang permanently. The kubelet's probes, with the chart's settings, detect this, and both are replaced and ready within 30 s. No other process is killed, however busy it is.",
  pauseMsMax: 30_000,
  seconds: { full: { before: 30, after: 20 }, short: { before: 10, after: 10 } },
  ground: () => ownCluster(),
  async fault({ ground: { stack }, note, wrong, late, mark }) {
    const kubelets = [
      ...stack.pods.map((pod) => new Kubelet(pod, 'api')),
      ...stack.keepers.map((keeper) => new Kubelet(keeper, 'keeper')),
    ];
    for (const kubelet of kubelets) kubelet.start();
    const working = (await stack.mover()) ?? stack.keeper(0);
    const hung: readonly Service[] = [stack.pod(0), working];
    const since = mark('one pod and the active keeper hang');
    for (const service of hung) service.freeze();
    try {
      await Promise.all(
        hung.map(async (service) => {
          const kubelet = kubelets.find(({ name }) => name === service.name);
          const isReplaced = async () => kubelet?.restarts.length === 1 && (await isReady(service));
          await until(`${service.name} is replaced`, OVER_MS_MAX, isReplaced);
          const seconds = (now() - since) / 1000;
          note(`${service.name} was replaced and ready after ${seconds.toFixed(1)} s`);
          if (seconds > REPLACED_SECONDS_MAX)
            late(`${service.name} took ${seconds.toFixed(1)} s, at most ${REPLACED_SECONDS_MAX} s expected`);
        }),
      );
    } finally {
      await Promise.all(kubelets.map((kubelet) => kubelet.stop()));
    }
    const others = kubelets.filter(({ name }) => !hung.some((service) => service.name === name));
    for (const { name } of others.filter(({ restarts }) => restarts.length > 0))
      wrong(`${name} was killed although it did not hang`);
    const slowest = Math.max(...others.map(({ slowestMs }) => slowestMs));
    const failures = others.reduce((sum, one) => sum + one.failures, 0);
    note(
      `slowest answer of the other processes to /livez: ${Math.round(slowest)} ms; their failed probes: ${failures}`,
    );
  },
};

const isReady = (service: Service): Promise<boolean> =>
  fetch(`${service.url}/readyz`, { signal: AbortSignal.timeout(1000) }).then(
    async (response) => {
      await response.text();
      return response.ok;
    },
    () => false,
  );
