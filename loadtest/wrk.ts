import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { round } from './measure.ts';

export interface WrkOptions {
  script: 'transfers' | 'balances';
  url: string;
  connections: number;
  seconds: number;
  args: readonly string[];
}

export interface WrkResult {
  connections: number;
  seconds: number;
  perSecond: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  maxMs: number;
  requests: number;
  /** Responses with status 400 and above. */
  refused: number;
  /** Connections that failed, and requests without a response within 2 s. */
  broken: number;
  timeouts: number;
}

/** Runs wrk. At the maximum rate it is a closed loop, so its latencies are those of a queue that is always full. */
export async function wrk({ script, url, connections, seconds, args }: WrkOptions): Promise<WrkResult> {
  // wrk takes a single script file, so the script is joined with summary.lua, which all scripts share.
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-wrk-'));
  const file = join(folder, `${script}.lua`);
  const lua = [script, 'summary'].map((name) => readFileSync(join(import.meta.dirname, 'wrk', `${name}.lua`), 'utf8'));
  writeFileSync(file, lua.join('\n'));
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', file, url, '--', ...args];
  try {
    const { stdout } = await promisify(execFile)('wrk', options, { timeout: (seconds + 30) * 1000 });
    return { connections, seconds, ...resultOf(stdout) };
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') throw new Error('wrk is missing: apt-get install wrk');
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function resultOf(output: string): Omit<WrkResult, 'connections' | 'seconds'> {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  const {
    requests = 0,
    durationMicros = 1,
    p50 = 0,
    p95 = 0,
    p99 = 0,
    max = 0,
    ...rest
  } = JSON.parse(line) as Record<string, number>;
  const { refused = 0, broken = 0, timeouts = 0 } = rest;
  const ms = (micros: number) => round(micros / 1000, 2);
  const perSecond = round((requests / durationMicros) * 1e6);
  return {
    perSecond,
    p50Ms: ms(p50),
    p95Ms: ms(p95),
    p99Ms: ms(p99),
    maxMs: ms(max),
    requests,
    refused,
    broken,
    timeouts,
  };
}
