import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { startRedis } from '../../../devstack/stores/redis.mjs';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';

/** Prefix of the keys of one test: tests share a Redis. */
export const randomPrefix = (): string => `t${randomBytes(6).toString('hex')}`;

/** A separate durable Redis for a test, which can be killed, frozen and restarted with its data. */
export class OwnRedis {
  readonly dir: string;
  #running: Awaited<ReturnType<typeof startRedis>>;

  private constructor(dir: string, running: Awaited<ReturnType<typeof startRedis>>) {
    this.dir = dir;
    this.#running = running;
  }

  static async start(port?: number): Promise<OwnRedis> {
    const dir = temporaryFolder();
    return new OwnRedis(dir, await startRedis({ dir, ...(port !== undefined && { port }) }));
  }

  get port(): number {
    return this.#running.port;
  }
  get url(): string {
    return this.#running.url;
  }
  get node(): string {
    return this.#running.node;
  }

  /** Has the effect of a power failure: nothing is written afterwards. */
  async kill(): Promise<void> {
    process.kill(this.#running.pid, 'SIGKILL');
    await this.#running.ended;
  }

  /** Redis does not respond until it is thawed, and its connections remain open. */
  freeze(): void {
    process.kill(this.#running.pid, 'SIGSTOP');
  }
  thaw(): void {
    process.kill(this.#running.pid, 'SIGCONT');
  }

  async startAgain(): Promise<void> {
    this.#running = await startRedis({ dir: this.dir, port: this.port });
  }

  async stop(): Promise<void> {
    await this.#running.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
