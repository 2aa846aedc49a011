import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram } from '../install/packages.mjs';
import { sendSignal } from '../system/process.mjs';
import { BIN, KUBECONFIG } from './settings.ts';

/** Runs the programs that the cluster's commands need, each with a time limit. */

const RUN_MS_MAX = 300_000;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/** @throws Error with the output of the program */
export function run(command: string, args: readonly string[], input = ''): string {
  return execFileSync(command, args, {
    encoding: 'utf8',
    input,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: RUN_MS_MAX,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
}

/** @returns whether the program succeeded; for removing things that may not exist */
export const tried = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore', timeout: RUN_MS_MAX }).status === 0;

/** The kubectl that was built here, which matches the cluster, or the one on the PATH. */
export function kubectlProgram(): string {
  const own = join(BIN, 'kubectl');
  return existsSync(own) ? own : (findProgram('kubectl') ?? 'kubectl');
}

/** Uses the local cluster's configuration if that cluster is up; otherwise kubectl's own rules apply. */
export function clusterEnv(): NodeJS.ProcessEnv {
  const own = process.env['KUBECONFIG'] === undefined && existsSync(KUBECONFIG);
  return own ? { ...process.env, KUBECONFIG } : process.env;
}

/** @throws Error with what kubectl printed */
export function kubectl(args: readonly string[], input = ''): string {
  return execFileSync(kubectlProgram(), args, {
    encoding: 'utf8',
    input,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: clusterEnv(),
    timeout: RUN_MS_MAX,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
}

/** Starts a process that continues when this command ends. @returns its process id */
export function startDetached(command: string, args: readonly string[], logFile: string, env = process.env): number {
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], env });
  closeSync(log);
  if (child.pid === undefined) throw new Error(`${command} could not be started`);
  child.unref();
  return child.pid;
}

/** The process id in a file; undefined if there is none or the process has ended. */
export function livingPid(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, 'utf8'));
  return pid > 1 && existsSync(`/proc/${pid}/stat`) ? pid : undefined;
}

/** Sends SIGTERM, and SIGKILL to processes that still exist after `msMax`. */
export async function endAll(pids: readonly number[], msMax: number): Promise<void> {
  const living = () => pids.filter((pid) => existsSync(`/proc/${pid}`));
  for (const pid of pids) sendSignal(pid, 'SIGTERM');
  const deadline = performance.now() + msMax;
  while (living().length > 0 && performance.now() < deadline) await sleep(100);
  for (const pid of living()) sendSignal(pid, 'SIGKILL');
}

/** @throws Error with the condition that was not met in time */
export async function until(what: string, msMax: number, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${msMax / 1000} s`);
    await sleep(250);
  }
}
