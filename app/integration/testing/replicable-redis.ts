import { rmSync } from 'node:fs';
import { redisProgram } from '../../../devstack/stores/redis.mjs';
import { freePort } from '../../../devstack/system/ports.mjs';
import { start } from '../../../devstack/system/process.mjs';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';

/** A durable Redis that may have replicas or be a replica, so that its restart proves nothing. */
export class ReplicableRedis {
  readonly dir: string;
  readonly port: number;
  readonly #running: Awaited<ReturnType<typeof start>>;

  private constructor(dir: string, port: number, running: Awaited<ReturnType<typeof start>>) {
    this.dir = dir;
    this.port = port;
    this.#running = running;
  }

  static async start(): Promise<ReplicableRedis> {
    const dir = temporaryFolder();
    const port = await freePort();
    const { program } = redisProgram({ dir, port, replicable: true });
    return new ReplicableRedis(dir, port, await start(program));
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  async kill(): Promise<void> {
    process.kill(Number(this.#running.pid), 'SIGKILL');
    await this.#running.ended;
  }

  /** Kills the process, because a clean shutdown would wait for its replica. */
  async stop(): Promise<void> {
    if (this.#running.alive()) await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
