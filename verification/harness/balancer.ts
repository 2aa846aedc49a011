import { request } from 'node:http';
import { sleep } from './time.ts';

const LOOK_EVERY_MS = 150;
const ANSWER_MS_MAX = 500;

/** Sends clients to the pods that say they are ready, as a Service of Kubernetes does; to any when none is. */
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
    while (!this.#stopped.signal.aborted) {
      if (await isReady(url)) this.#ready.add(url);
      else this.#ready.delete(url);
      await sleep(LOOK_EVERY_MS);
    }
  }
}

function isReady(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(`${url}/readyz`, { agent: false, timeout: ANSWER_MS_MAX }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
