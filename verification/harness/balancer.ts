import { request } from 'node:http';
import { sleep } from './time.ts';

const LOOK_EVERY_MS = 150;
const ANSWER_MS_MAX = 1_000;
/**
 * The number of late answers in a row during which a pod stays ready. More than one, like the `failureThreshold` of a
 * readiness probe, because a single late answer only means that the machine is busy.
 */
const LATE_ANSWERS_MAX = 2;

type Probed = 'ready' | 'unready' | 'late';

/** Sends clients to ready pods, like a Kubernetes Service, or to any pod if none is ready. */
export class Balancer implements Disposable {
  readonly #urls: readonly string[];
  readonly #ready = new Set<string>();
  readonly #stopped = new AbortController();

  constructor(urls: readonly string[]) {
    this.#urls = urls;
    for (const url of urls) void this.#watch(url);
  }

  get addresses(): readonly string[] {
    return this.#ready.size > 0 ? [...this.#ready] : this.#urls;
  }

  get readyCount(): number {
    return this.#ready.size;
  }

  [Symbol.dispose](): void {
    this.#stopped.abort();
  }

  async #watch(url: string): Promise<void> {
    let late = 0;
    while (!this.#stopped.signal.aborted) {
      const probed = await probe(url);
      late = probed === 'late' ? late + 1 : 0;
      if (probed === 'ready') this.#ready.add(url);
      else if (probed === 'unready' || late > LATE_ANSWERS_MAX) this.#ready.delete(url);
      await sleep(LOOK_EVERY_MS);
    }
  }
}

function probe(url: string): Promise<Probed> {
  return new Promise((resolve) => {
    const asked = request(`${url}/readyz`, { agent: false, timeout: ANSWER_MS_MAX }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? 'ready' : 'unready');
    });
    asked.on('timeout', () => {
      resolve('late');
      asked.destroy();
    });
    asked.on('error', () => resolve('unready'));
    asked.end();
  });
}
