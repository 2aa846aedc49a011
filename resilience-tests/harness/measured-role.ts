import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pod } from '../../devstack/pods.mjs';
import { Member } from '../../verification/harness/member.ts';
import { ownPort } from '../../verification/harness/ports.ts';
import { sleep } from '../../verification/harness/time.ts';
import { cpuMs, memoryBytes } from '../../verification/harness/usage.ts';
import { KEY_PREFIX } from './large-epoch.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const KEY = 'a-key-of-the-operator-of-this-run';
const LOOK_EVERY_MS = 250;
const MIB = 2 ** 20;

interface Surroundings {
  /** The folder for the logs of the process. */
  dir: string;
  mysqlUrl: string;
  redisUrl: string;
  heapMiB: number;
}

/** A process of Holdfast, run from the sources, with the memory that it has in the chart. */
export class MeasuredRole extends Member implements AsyncDisposable {
  readonly #url: string;

  private constructor(program: ConstructorParameters<typeof Member>[0], url: string) {
    super(program);
    this.#url = url;
  }

  static async start(role: 'api' | 'keeper', { dir, heapMiB, ...stores }: Surroundings): Promise<MeasuredRole> {
    const port = await ownPort();
    const around = { root: ROOT, folder: dir, apiKey: KEY, fromSource: true, ...stores };
    const { program, url } = pod(around, role, port, port);
    const [, ...args] = program.args; // the omitted first argument sets the size of the young generation
    const started = new MeasuredRole(
      {
        ...program,
        command: process.execPath,
        args: [`--max-old-space-size=${heapMiB}`, ...args],
        env: { ...program.env, KEY_PREFIX },
      },
      url,
    );
    started.launch();
    while (role === 'api' && (await started.get('/v1/ops/status')).status !== 200) await sleep(LOOK_EVERY_MS);
    return started;
  }

  get alive(): boolean {
    return this.pid !== null;
  }
  get peakMiB(): number {
    return Math.round(memoryBytes(this.pid ?? 0, 'VmHWM') / MIB);
  }

  /** CPU time does not depend on other load on the machine, unlike elapsed time. */
  get cpuSeconds(): number {
    return Math.round(cpuMs(this.pid ?? 0) / 1000);
  }

  /** Resets the peak. @returns the memory that the process uses now */
  forgetPeak(): number {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
    return Math.round(memoryBytes(this.pid ?? 0) / MIB);
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
    await this.kill();
  }
}
