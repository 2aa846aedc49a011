import type { ApiServer } from './api-server.ts';
import type { Release } from './release.ts';
import { untilTrue } from './wait.ts';

const RESTORED_MS_MAX = 120_000;

interface Deployment {
  spec: { replicas: number };
  status?: { replicas?: number; readyReplicas?: number };
}

interface Hpa {
  spec: { minReplicas: number; maxReplicas: number; behavior?: object };
}

/**
 * Sets the number of API pods, through the limits of the autoscaler if there is one. Restores the limits and the number
 * at the end.
 */
export class Scaling implements AsyncDisposable {
  readonly #api: ApiServer;
  readonly #name: string;
  readonly #hpa: Hpa | undefined;
  /** The autoscaler's minimum; without an autoscaler, the number of pods. */
  readonly #replicas: number;

  constructor(api: ApiServer, { fullname }: Release) {
    this.#api = api;
    this.#name = `${fullname}-api`;
    this.#hpa = api.get<Hpa>('hpa', this.#name);
    this.#replicas = this.#hpa?.spec.minReplicas ?? this.#replicasNow();
  }

  get replicas(): number {
    return this.#replicas;
  }

  set(count: number): void {
    if (this.#hpa) this.#patch({ minReplicas: count, maxReplicas: count });
    else this.#scale(count);
  }

  /** Sets the number, and waits until it is reached. */
  async untilSteady(count: number): Promise<void> {
    this.set(count);
    await untilTrue(`there are ${count} pods`, RESTORED_MS_MAX, () => this.#isSettled(count), 1000);
  }

  #isSettled(count: number): boolean {
    const { status } = this.#api.get<Deployment>('deployment', this.#name) ?? {};
    return status?.replicas === count && status.readyReplicas === count;
  }

  /** Lets the autoscaler remove pods sooner than in production, for experiments that cannot wait so long. */
  removeQuickly(): void {
    const policies = [{ type: 'Pods', value: 1, periodSeconds: 15 }];
    this.#patch({ behavior: { scaleDown: { stabilizationWindowSeconds: 30, policies } } });
  }

  #patch(spec: Partial<Hpa['spec']>): void {
    this.#api.kubectl('patch', 'hpa', this.#name, '--type=merge', '--patch', JSON.stringify({ spec }));
  }

  #scale(count: number): void {
    this.#api.kubectl('scale', `deployment/${this.#name}`, `--replicas=${count}`);
  }

  #replicasNow(): number {
    return this.#api.get<Deployment>('deployment', this.#name)?.spec.replicas ?? 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.untilSteady(this.#replicas);
    if (this.#hpa === undefined) return;
    const { minReplicas, maxReplicas, behavior } = this.#hpa.spec;
    this.#patch({ minReplicas, maxReplicas, ...(behavior && { behavior }) });
  }
}
