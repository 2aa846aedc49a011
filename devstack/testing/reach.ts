/**
 * The setup that Vitest runs for every test file. The name of a file determines what the file may use. A file that uses
 * more fails, and the error message contains the correct name.
 *
 * | name               | project | may use                                                                           |
 * |--------------------|---------|-----------------------------------------------------------------------------------|
 * | `*.test.ts`        | unit    | this process: functions, timers, servers that it started itself                   |
 * | `*.stores.test.ts` | stores  | also Redis and MariaDB, the shared ones (`inject`) or its own (`startRedis`)      |
 * | `*.system.test.ts` | system  | also other processes (commands, roles, tools, a browser), much data, and a second |
 * |                    |         | or more of work or waiting                                                        |
 */
import childProcess, { ChildProcess } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { Server, Socket } from 'node:net';
import { basename } from 'node:path';
import { afterAll, afterEach, expect, inject, type RunnerTask, type RunnerTestSuite } from 'vitest';

type Project = 'unit' | 'stores' | 'system';

declare module 'vitest' {
  interface ProvidedContext {
    project: Project;
  }
}

/** Store programs: the servers, and the programs that create, inspect and damage their data. */
const STORE_PROGRAMS =
  /^(redis-(server|cli)|valkey-(server|cli)|mariadbd|mysqld|mariadb-install-db|mysql_install_db|mkfifo|mount|umount)$/;

/** The port that tests use to get a refused connection. */
const NOBODY_LISTENS = 1;

/** There is one per process: without isolation, test files share a process and everything that is patched here. */
interface Reach {
  project: Project;
  /** Ports and paths on which this process has listened. */
  readonly own: Set<unknown>;
  /** Whether the file has connected to a server, or started a program, outside this process. */
  outside: boolean;
  /** The error that was thrown because the file used something that it may not use. */
  refused: Error | null;
}

const process_ = globalThis as { holdfastTestReach?: Reach };
const known = process_.holdfastTestReach;
const reach: Reach = known ?? { project: 'unit', own: new Set(), outside: false, refused: null };
process_.holdfastTestReach = reach;
reach.project = inject('project');
reach.outside = false;
reach.refused = null;
if (known === undefined) watch();

function refuse(what: string, suffix: 'stores' | 'system'): never {
  const file = basename(expect.getState().testPath ?? 'this file');
  const name = file.replace(/(\.(stores|system))?\.test\.ts$/, `.${suffix}.test.ts`);
  reach.refused = new Error(
    `${what}, which a test of the project "${reach.project}" may not do: rename ${file} to ${name}, or use no ${suffix === 'stores' ? 'store' : 'process'}.`,
  );
  throw reach.refused;
}

function onConnect(target: unknown): void {
  if (reach.own.has(target) || target === NOBODY_LISTENS) return;
  reach.outside = true;
  if (reach.project === 'unit') refuse(`It connects to ${target}`, 'stores');
}

function onStart(program: string): void {
  reach.outside = true;
  const isStore = STORE_PROGRAMS.test(basename(program));
  if (reach.project === 'unit') refuse(`It starts ${basename(program)}`, isStore ? 'stores' : 'system');
  if (reach.project === 'stores' && !isStore) refuse(`It starts ${basename(program)}`, 'system');
}

function watch(): void {
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ...args: unknown[]) {
    this.once('listening', () => {
      const address = this.address();
      reach.own.add(typeof address === 'object' ? address?.port : address);
    });
    return Reflect.apply(listen, this, args);
  } as typeof listen;

  const { connect } = Socket.prototype;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    const [first] = args;
    // Node.js's own callers pass normalized arguments: an array that begins with the options.
    const options: unknown = Array.isArray(first) ? first[0] : first;
    const { port, path } = Object(options) as { port?: unknown; path?: unknown };
    onConnect(typeof options === 'object' ? (path ?? Number(port)) : options);
    return Reflect.apply(connect, this, args);
  } as typeof connect;

  // Every asynchronous way to start a process uses this method, which is missing from the type definitions.
  const prototype = ChildProcess.prototype as unknown as { spawn(options: { file: string }): unknown };
  const { spawn } = prototype;
  prototype.spawn = function (this: ChildProcess, options) {
    onStart(options.file);
    return Reflect.apply(spawn, this, [options]);
  };
  for (const name of ['spawnSync', 'execFileSync', 'execSync'] as const) {
    const run = childProcess[name] as (file: string, ...rest: unknown[]) => unknown;
    Object.assign(childProcess, {
      [name]: (file: string, ...rest: unknown[]) => {
        onStart(file);
        return run(file, ...rest);
      },
    });
  }
  syncBuiltinESMExports();
}

/** Reported even if the test caught the error, or retried until its timeout. */
function throwRefused(): void {
  const { refused } = reach;
  reach.refused = null;
  if (refused !== null) throw refused;
}
afterEach(throwRefused);

const ranToTheEnd = (task: RunnerTask): boolean =>
  task.type === 'suite' ? task.tasks.every(ranToTheEnd) : task.result?.state === 'pass';

// biome-ignore lint/correctness/noEmptyPattern: Vitest parses the source of a hook for the names in its first parameter
afterAll(({}, suite: Readonly<RunnerTestSuite>) => {
  throwRefused();
  if (reach.project !== 'stores' || reach.outside || !suite.tasks.every(ranToTheEnd)) return;
  const file = basename(expect.getState().testPath ?? 'this file');
  throw new Error(
    `It used no store: rename ${file} to ${file.replace('.stores.', '.')}, so that it runs in the fast project.`,
  );
});
