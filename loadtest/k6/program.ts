import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findTool } from '../../devstack/install/go-tools.mjs';

/**
 * The pinned version of k6, built once with Go, if Go is installed; otherwise the k6 on the PATH.
 * @throws Error that explains how to install it
 */
export function findK6(): string {
  const path = findTool('k6');
  if (path !== null) return path;
  throw new Error(
    'k6 is missing: install Go 1.21 or newer, which builds the pinned version (tools/go.mod), or put k6 on the PATH',
  );
}

export interface Ran {
  /** 0: all thresholds were met; 99: at least one was not; null: killed. */
  code: number | null;
  cpuMs: number;
}

/** Runs k6, which writes to this process's own output. @throws Error if it cannot be started */
export async function runK6(program: string, args: readonly string[], env: Record<string, string>): Promise<Ran> {
  const before = cpuOfChildrenMs();
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
  // k6 must not outlive this process.
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    return { code, cpuMs: cpuOfChildrenMs() - before };
  } finally {
    process.off('exit', end);
  }
}

const MS_PER_TICK = 10;

/** CPU time of the children that have ended: fields 16 and 17, counted after the name, which may contain spaces. */
function cpuOfChildrenMs(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * MS_PER_TICK;
}
