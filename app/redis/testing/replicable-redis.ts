import { rmSync } from 'node:fs';
import { redisProgram } from '../../../devstack/stores/redis.mjs';
import { freePort } from '../../../devstack/system/ports.mjs';
import { sendSignal, start } from '../../../devstack/system/process.mjs';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';

/** A durable Redis that may have replicas or be a replica, so that its restart proves nothing. */
export class ReplicableRedis {
  readonly dir: string;
  readonly port: number;
  readonly #more: string;
  #running: Awaited<ReturnType<typeof start>>;

  private constructor(dir: string, port: number, more: string, running: Awaited<ReturnType<typeof start>>) {
    this.dir = dir;
    this.port = port;
    this.#more = more;
    this.#running = running;
  }

  /** @param more further lines of its configuration */
  static async start(more = ''): Promise<ReplicableRedis> {
    const dir = temporaryFolder();
    const port = await freePort();
    const { program } = redisProgram({ dir, port, replicable: true, more });
    return new ReplicableRedis(dir, port, more, await start(program));
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  async kill(): Promise<void> {
    sendSignal(Number(this.#running.pid), 'SIGKILL');
    await this.#running.ended;
  }
  /** Redis does not respond until it is thawed, and its connections remain open. */
  freeze(): void {
    sendSignal(Number(this.#running.pid), 'SIGSTOP');
  }
  thaw(): void {
    sendSignal(Number(this.#running.pid), 'SIGCONT');
  }
  async startAgain(): Promise<void> {
    const { program } = redisProgram({ dir: this.dir, port: this.port, replicable: true, more: this.#more });
    this.#running = await start(program);
  }

  /** Kills the process, because a clean shutdown would wait for its replica. */
  async stop(): Promise<void> {
    if (this.#running.alive()) await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
