import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, isFree } from '../../devstack/system/ports.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import type { StackFile, System } from './system.ts';
import { now, until } from './time.ts';

export type { StackFile } from './system.ts';

export interface StackOptions {
  /** Environment variables in addition to those of this process. */
  env?: Readonly<Record<string, string>>;
  apiPods?: number;
  /** Another checkout, to compare it with this one. */
  root?: string;
  /** A folder that is kept afterwards; by default a temporary one. */
  dir?: string;
}

const START_MS_MAX = 300_000;
const STOP_MS_MAX = 120_000;
const REPOSITORY = join(import.meta.dirname, '..', '..');

/**
 * A separate stack started by `npm start`: with its own folder and ports. It stops when this process does, for any
 * reason.
 */
export class PrivateStack implements System, AsyncDisposable {
  readonly dir: string;
  readonly #root: string;
  readonly #stays: boolean;
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | null = null;
  #last: StackFile | null = null;
  /** Set if the test has failed: data and logs are kept for inspection, under another name. */
  keep = false;

  private constructor(root: string, dir: string, stays: boolean, env: NodeJS.ProcessEnv) {
    this.#root = root;
    this.dir = dir;
    this.#stays = stays;
    this.#env = env;
    process.once('exit', () => this.signal('SIGTERM'));
  }

  /** @throws Error with the end of its output if it does not start */
  static async start({ env = {}, apiPods = 1, root = REPOSITORY, ...given }: StackOptions = {}): Promise<PrivateStack> {
    const dir = given.dir ?? temporaryFolder();
    const port = await freePortsInARow(apiPods);
    const own = { STACK_DIR: dir, PORT: String(port), API_PODS: String(apiPods) };
    const stack = new PrivateStack(root, dir, given.dir !== undefined, {
      // The search index takes CPU time that other figures would include.
      ...{ SEARCH: 'off' },
      ...process.env,
      ...env,
      ...own,
    });
    try {
      await stack.startAgain();
    } catch (error) {
      stack.keep = true;
      await stack[Symbol.asyncDispose]();
      throw new Error(`no stack: see ${stack.keptAs}`, { cause: error });
    }
    return stack;
  }

  /** Starts the stack again after a stop, in the same folder and thus with the same data. */
  async startAgain(): Promise<void> {
    const before = this.output.length;
    const child = this.launch();
    this.#child = child;
    await until('npm start brings up a stack', START_MS_MAX, () => {
      if (child.exitCode !== null)
        throw new Error(`npm start exited with code ${child.exitCode}:\n${this.output.slice(before)}`);
      return this.#read() !== null && this.output.includes('Holdfast is ready', before);
    });
  }

  /** Starts `npm start` in this folder, without waiting for it. */
  launch(): ChildProcess {
    const log = openSync(join(this.dir, 'npm-start.log'), 'a');
    // A separate process group: a signal to it reaches npm and what npm runs, like Ctrl-C, but not this process.
    const child = spawn('npm', ['start', '--silent'], {
      cwd: this.#root,
      env: this.#env,
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    return child;
  }

  /** Whether `npm start` has ended because something else stopped it. */
  get ended(): boolean {
    return this.#child === null || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The current addresses and pids, which change when a process dies; while the stack is down, the last ones. */
  get file(): StackFile {
    this.#last = this.#read() ?? this.#last;
    if (!this.#last) throw new Error('the stack has never been up');
    return this.#last;
  }

  get addresses(): readonly string[] {
    return this.file.api;
  }

  assertRunning(): void {
    if (this.ended) throw new Error(`npm start was ended by something else:\n${this.output.slice(-1000)}`);
  }

  /** The processes of a part. @throws Error if one is not part of this stack */
  pids(part: 'api' | 'keeper' | 'redis' | 'mysql'): number[] {
    const { pods, redis, mysql } = this.file;
    const ofStore = { redis: redis.pid, mysql: mysql.pid };
    const pids = part === 'redis' || part === 'mysql' ? [ofStore[part]] : podsOf(pods, part);
    return pids.map((pid) => {
      if (pid === null) throw new Error(`${part} is not a process of this stack`);
      return pid;
    });
  }

  /** Like kill -9: it has no time to clean up. */
  kill(part: 'api' | 'keeper' | 'redis' | 'mysql'): void {
    for (const pid of this.pids(part)) process.kill(pid, 'SIGKILL');
  }

  /** Sends a signal to npm and to the processes that it runs. */
  signal(name: NodeJS.Signals): void {
    const pid = this.#child?.pid;
    if (pid !== undefined && !this.ended) process.kill(-pid, name);
  }

  /** @returns ms that it took */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    const child = this.#child;
    const since = now();
    if (!child || this.ended) return 0;
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(STOP_MS_MAX) });
    this.signal(name);
    await ended;
    return now() - since;
  }

  /** A name other than that of a temporary folder, which the next run of the tests would clean up. */
  get keptAs(): string {
    return this.dir.replace('holdfast-test-', 'holdfast-kept-');
  }

  /** The whole output of `npm start` in this folder. */
  get output(): string {
    try {
      return readFileSync(join(this.dir, 'npm-start.log'), 'utf8');
    } catch {
      return '';
    }
  }

  #read(): StackFile | null {
    try {
      return JSON.parse(readFileSync(join(this.dir, 'stack.json'), 'utf8')) as StackFile;
    } catch {
      return null;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.#stays) return;
    if (this.keep) renameSync(this.dir, this.keptAs);
    else rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

const podsOf = (pods: StackFile['pods'], role: string) => pods.filter((pod) => pod.role === role).map(({ pid }) => pid);

async function freePortsInARow(count: number): Promise<number> {
  for (;;) {
    const first = await freePort();
    const others = Array.from({ length: count - 1 }, (_, index) => isFree(first + 1 + index));
    if ((await Promise.all(others)).every(Boolean)) return first;
  }
}
