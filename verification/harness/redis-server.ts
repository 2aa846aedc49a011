import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { redisProgram } from '../../devstack/stores/redis.mjs';
import { LOOPBACK } from '../../devstack/system/ports.mjs';
import type { Program } from '../../devstack/system/process.mjs';
import type { Address } from './link.ts';
import { Member } from './member.ts';
import { ownPort } from './ports.ts';

export interface RedisServerOptions {
  dir: string;
  /** The cluster's folder, which identifies its processes. */
  stack: string;
  host?: string;
  replicable?: boolean;
  /** Changes the command that runs Redis. */
  wrap?(program: Program): Program;
}

/** A Redis that can be killed, frozen, deprived of its disk, and queried. */
export class RedisServer extends Member implements Address {
  readonly host: string;
  readonly port: number;
  readonly #dir: string;
  readonly #node: string;

  private constructor(program: Program, at: Address & { dir: string; node: string }) {
    super(program);
    this.host = at.host;
    this.port = at.port;
    this.#dir = at.dir;
    this.#node = at.node;
  }

  static async in({ wrap = (program) => program, host = LOOPBACK, ...options }: RedisServerOptions) {
    const port = await ownPort();
    const logFile = join(options.stack, 'logs', `redis-${port}.log`);
    const { program, node } = redisProgram({ ...options, host, port, logFile });
    return new RedisServer(wrap(program), { host, port, dir: options.dir, node });
  }

  /** Deletes its data and keeps its name, like a new disk in a machine with the same name. */
  loseDisk(): void {
    if (this.pid !== null) throw new Error('it still runs');
    const files = join(this.#dir, this.#node);
    if (!existsSync(files) || readdirSync(files).length === 0) throw new Error(`nothing to delete in ${files}`);
    rmSync(files, { recursive: true });
  }

  /** Sends a command on a separate connection. */
  async call(command: string, ...args: string[]): Promise<unknown> {
    const { host, port } = this;
    const redis = new Redis({ host, port, lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
    redis.on('error', () => {}); // the call below reports the error
    try {
      await redis.connect();
      return await redis.call(command, ...args);
    } finally {
      redis.disconnect();
    }
  }

  /** How often Redis has returned an error with this prefix. */
  async errorCount(name: string): Promise<number> {
    const text = String(await this.call('INFO', 'errorstats'));
    return Number(new RegExp(`^errorstat_${name}:count=(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  }

  /** A number from INFO. */
  async info(name: string): Promise<number> {
    const text = String(await this.call('INFO', 'everything'));
    return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1]);
  }
}
