import type { Ground } from '../experiment.ts';
import { endpointsOf, isReady, podsOf } from './pods.ts';
import { now, sleep } from './wait.ts';

/** The observed state of the API pods at one moment. */
export interface Sample {
  /** Since the load began. */
  seconds: number;
  ready: number;
  endpoints: number;
  /** The number of pods that the autoscaler requests; null without an autoscaler. */
  desired: number | null;
}

interface Hpa {
  status?: { desiredReplicas?: number };
}

const EVERY_MS = 1000;

/** Samples the pods and the autoscaler every second. */
export class Sampler {
  readonly #samples: Sample[] = [];
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(ground: Ground) {
    this.#running = this.#run(ground);
  }

  async stop(): Promise<Sample[]> {
    this.#stopped = true;
    await this.#running;
    return this.#samples;
  }

  async #run({ api, release }: Ground): Promise<void> {
    const since = now();
    const hasHpa = api.get('hpa', `${release.fullname}-api`) !== undefined;
    const path = `/apis/autoscaling/v2/namespaces/${api.namespace}/horizontalpodautoscalers/${release.fullname}-api`;
    while (!this.#stopped) {
      const pods = await podsOf(api, release, 'api');
      const endpoints = await endpointsOf(api, release);
      const hpa = hasHpa ? await api.read<Hpa>(path) : undefined;
      this.#samples.push({
        seconds: (now() - since) / 1000,
        ready: pods.filter(isReady).length,
        endpoints: endpoints.size,
        desired: hpa?.status?.desiredReplicas ?? null,
      });
      await sleep(EVERY_MS);
    }
  }
}
