import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';

/** Nothing is flushed while a test waits, so fast clients must not fill the backlog before the slowest one is served. */
const LEAD_MAX = 20;
const PAUSE_MS = 20;

/** Clients that repeat their work until they are stopped. */
export class Clients {
  readonly #finished: number[];
  readonly #work: () => Promise<void>;
  readonly #done: Promise<unknown>;
  #stopped = false;

  constructor(count: number, work: () => Promise<void>) {
    this.#finished = Array.from({ length: count }, () => 0);
    this.#work = work;
    this.#done = Promise.all(this.#finished.map((_, client) => this.#run(client)));
  }

  async #run(client: number): Promise<void> {
    while (!this.#stopped) {
      const finished = this.#finished[client] ?? 0;
      if (finished >= Math.min(...this.#finished) + LEAD_MAX) {
        await systemClock.sleep(PAUSE_MS);
        continue;
      }
      await this.#work();
      this.#finished[client] = finished + 1;
    }
  }

  /**
   * Waits until each client has repeated its work a few more times.
   *
   * @param state the state of the clients and the pod, to be shown in an error
   */
  async more(count: number, state: () => object): Promise<void> {
    const before = [...this.#finished];
    const hasMore = () => this.#finished.every((finished, client) => finished >= (before[client] ?? 0) + count);
    await Promise.race([until('each client has finished more work', hasMore), this.#done]).catch((error) => {
      throw new Error(JSON.stringify({ before, finished: this.#finished, ...state() }), { cause: error });
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }
}
