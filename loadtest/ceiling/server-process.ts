import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { StackFile } from '../../verification/harness/stack.ts';

const START_MS_MAX = 60_000;

/** A server of this folder in a separate process, under the same Node.js and V8 flags as our pod. */
export class ServerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly url: string;
  readonly pid: number;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}`;
    this.pid = child.pid ?? Number.NaN;
  }

  static async start({ pods }: StackFile, file: string, args: readonly string[]): Promise<ServerProcess> {
    const pod = pods.find(({ role }) => role === 'api');
    if (pod?.pid === undefined || pod.pid === null) throw new Error('the API pod is not a process of this test');
    const node = readlinkSync(`/proc/${pod.pid}/exe`);
    const flags = readFileSync(`/proc/${pod.pid}/cmdline`, 'utf8')
      .split('\0')
      .slice(1)
      .filter((word) => word.startsWith('--'));
    const script = join(import.meta.dirname, file);
    const child = spawn(node, [...flags, '--import', 'tsx', script, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    const aborted = AbortSignal.timeout(START_MS_MAX);
    const first = await Promise.race([once(child, 'message', { signal: aborted }), once(child, 'exit')]);
    if (child.exitCode !== null) throw new Error(`${file} exited with code ${child.exitCode}`);
    return new ServerProcess(child, Number(first[0]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
