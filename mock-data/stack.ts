import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Clock } from '../app/kernel/clock.ts';
import { ApiClient, member } from './client.ts';

/** The content of stack.json, which `npm start` writes, with the fields needed here. */
export interface Stack {
  dir: string;
  api: string[];
  apiKey: string;
  mysql: { host: string; port: number; user: string; password: string; database: string };
}

/** A first start installs and compiles nothing, but may download Redis and MariaDB. */
const START_MS_MAX = 300_000;
const STOP_MS_MAX = 60_000;
const POLL_MS = 250;
const LOG_TAIL_CHARS = 2_000;

export function stackDir(): string {
  return resolve(process.env['STACK_DIR'] ?? '.local');
}

/** The stack in a folder; null if the folder has no stack.json. @throws Error if the file is invalid */
export async function readStack(dir: string): Promise<Stack | null> {
  const path = join(dir, 'stack.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (member(error, 'code') === 'ENOENT') return null;
    throw error;
  }
  const stack: unknown = JSON.parse(text);
  const api = member(stack, 'api');
  const mysql = member(stack, 'mysql');
  const asText = (value: unknown, name: string) => {
    if (typeof value !== 'string') throw new Error(`${path} has no ${name}`);
    return value;
  };
  if (!Array.isArray(api) || api.length === 0) throw new Error(`${path} lists no API`);
  return {
    dir,
    api: api.map((url) => asText(url, 'api')),
    apiKey: asText(member(stack, 'apiKey'), 'apiKey'),
    mysql: {
      host: asText(member(mysql, 'host'), 'mysql.host'),
      port: Number(member(mysql, 'port')),
      user: asText(member(mysql, 'user'), 'mysql.user'),
      password: asText(member(mysql, 'password'), 'mysql.password'),
      database: asText(member(mysql, 'database'), 'mysql.database'),
    },
  };
}

/** Whether one of its pods can serve now. */
export async function isReady(stack: Stack): Promise<boolean> {
  using client = new ApiClient({ urls: stack.api, apiKey: stack.apiKey, timeoutMs: 2_000 });
  for (const turn of stack.api.keys()) {
    const answer = await client.attempt('GET', '/readyz', undefined, turn);
    if (!(answer instanceof Error) && answer.status === 200) return true;
  }
  return false;
}

/** A temporary stack: `npm start` on a free port, with its data in a temporary folder that is deleted with it. */
export class OwnStack implements AsyncDisposable {
  readonly stack: Stack;
  private readonly child: ChildProcess;

  private constructor(stack: Stack, child: ChildProcess) {
    this.stack = stack;
    this.child = child;
  }

  /** @throws Error with the end of its log if it does not start in time, or the signal's reason */
  static async start(clock: Clock, signal?: AbortSignal): Promise<OwnStack> {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-demo-'));
    const logPath = join(dir, 'npm-start.log');
    const log = openSync(logPath, 'a');
    const env = { ...process.env, STACK_DIR: dir, PORT: String(await freePort()) };
    // A separate process group: stopping it reaches npm and its children, like Ctrl-C in a terminal.
    const child = spawn('npm', ['start'], {
      cwd: join(import.meta.dirname, '..'),
      env,
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    try {
      const stack = await untilReady(dir, child, clock, signal);
      return new OwnStack(stack, child);
    } catch (error) {
      const tail = (await readFile(logPath, 'utf8').catch(() => '')).slice(-LOG_TAIL_CHARS);
      await stop(child, dir);
      signal?.throwIfAborted();
      throw new Error(`npm start failed to start a stack:\n${tail}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.child, this.stack.dir);
  }
}

async function untilReady(dir: string, child: ChildProcess, clock: Clock, signal?: AbortSignal): Promise<Stack> {
  const deadlineMs = clock.monotonic() + START_MS_MAX;
  while (clock.monotonic() < deadlineMs) {
    signal?.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`npm start exited with code ${child.exitCode}`);
    const stack = await readStack(dir).catch(() => null);
    if (stack !== null && (await isReady(stack))) return stack;
    await clock.sleep(POLL_MS, signal);
  }
  throw new Error(`no pod was ready after ${START_MS_MAX / 1000} s`);
}

async function stop(child: ChildProcess, dir: string): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    process.kill(-child.pid, 'SIGINT');
    const force = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), STOP_MS_MAX);
    await ended;
    clearTimeout(force);
  }
  await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = member(server.address(), 'port');
  server.close();
  await once(server, 'close');
  return Number(port);
}
