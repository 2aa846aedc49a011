import type { ApiServer } from './api-server.ts';
import type { Release } from './release.ts';

interface Hpa {
  spec: { minReplicas: number; maxReplicas: number; behavior?: object };
}

/** Sets the number of API pods: by the autoscaler's limits if there is one. Restores what was there. */
export class Scaling implements Disposable {
  readonly #api: ApiServer;
  readonly #name: string;
  readonly #hpa: Hpa | undefined;
  readonly #replicas: number;

  constructor(api: ApiServer, { fullname }: Release) {
    this.#api = api;
    this.#name = `${fullname}-api`;
    this.#hpa = api.get<Hpa>('hpa', this.#name);
    this.#replicas = api.get<{ spec: { replicas: number } }>('deployment', this.#name)?.spec.replicas ?? 1;
  }

  set(count: number): void {
    if (this.#hpa) this.#patch({ minReplicas: count, maxReplicas: count });
    else this.#scale(count);
  }

  /** For experiments that cannot wait until an autoscaler of production removes pods. */
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

  [Symbol.dispose](): void {
    if (this.#hpa === undefined) {
      this.#scale(this.#replicas);
      return;
    }
    const { minReplicas, maxReplicas, behavior } = this.#hpa.spec;
    this.#patch({ minReplicas, maxReplicas, ...(behavior && { behavior }) });
  }
}
