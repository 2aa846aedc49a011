import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../devstack/system/ports.mjs';

import { KEY_PREFIX } from './large-epoch.ts';

const KEY = 'a-key-of-the-operator-of-this-run';
const LOOK_EVERY_MS = 250;
/** Linux reports CPU time in these, whatever its own clock. */
const TICKS_PER_SECOND = 100;

interface Surroundings {
  /** Where its log goes. */
  dir: string;
  mysqlUrl: string;
  redisUrl: string;
  heapMiB: number;
}

/** A process of ours, with the memory that it would have in the chart. */
export class MeasuredRole implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #url: string;
  readonly #logFile: string;

  private constructor(child: ChildProcess, url: string, logFile: string) {
    this.#child = child;
    this.#url = url;
    this.#logFile = logFile;
  }

  static async start(
    role: 'api' | 'keeper',
    { dir, mysqlUrl, redisUrl, heapMiB }: Surroundings,
  ): Promise<MeasuredRole> {
    const [port, adminPort] = [await freePort(), await freePort()];
    const logFile = join(dir, `${role}-${adminPort}.log`);
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [`--max-old-space-size=${heapMiB}`, '--import', 'tsx', 'app/main.ts', role], {
      env: {
        ...process.env,
        MYSQL_URL: mysqlUrl,
        REDIS_URL: redisUrl,
        KEY_PREFIX,
        PORT: `${port}`,
        ADMIN_PORT: `${adminPort}`,
        HOST: '127.0.0.1',
        BOOTSTRAP_API_KEY: KEY,
      },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const started = new MeasuredRole(child, `http://127.0.0.1:${port}`, logFile);
    while (role === 'api' && (await started.get('/v1/ops/status')).status !== 200) await sleep(LOOK_EVERY_MS);
    return started;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
  get log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }
  get peakMiB(): number {
    return this.#memoryMiB('VmHWM');
  }

  /** Unlike the time that passes, this does not depend on what else the machine does. */
  get cpuSeconds(): number {
    const afterName = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return Math.round((Number(afterName[11]) + Number(afterName[12])) / TICKS_PER_SECOND);
  }

  /** @returns the memory that it takes now, from which the peak goes on */
  forgetPeak(): number {
    writeFileSync(`/proc/${this.#child.pid}/clear_refs`, '5');
    return this.#memoryMiB('VmRSS');
  }

  async get(path: string): Promise<{ status: number; bytes: number; json: object }> {
    try {
      const response = await fetch(this.#url + path, { headers: { Authorization: `Bearer ${KEY}` } });
      const body = await response.text();
      return { status: response.status, bytes: body.length, json: JSON.parse(body) as object };
    } catch (error) {
      if (!this.alive) throw new Error(this.log.slice(-2_000), { cause: error });
      return { status: 0, bytes: 0, json: {} };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.alive ? new Promise((resolve) => this.#child.once('exit', resolve)) : null;
    this.#child.kill('SIGKILL');
    await ended;
  }

  #memoryMiB(field: 'VmHWM' | 'VmRSS'): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Math.round(Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024);
  }
}
