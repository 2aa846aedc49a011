import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { Redis } from 'ioredis';
import type { Mysql } from '../verification/harness/mysql.ts';
import type { StackFile } from '../verification/harness/stack.ts';
import { cpuMs } from '../verification/harness/usage.ts';

/**
 * CPU time by part of the stack, ms. The generator is this process and its children that have ended, such as wrk.
 */
export function cpuByPart({ pods, redis, mysql, shards = [{ redis, mysql }] }: StackFile): Record<string, number> {
  const parts: Record<string, number> = { generator: cpuMs(process.pid, 4) };
  const add = (part: string, pid: number | null) => {
    if (pid !== null) parts[part] = (parts[part] ?? 0) + cpuMs(pid);
  };
  for (const { role, pid } of pods) add(role, pid);
  for (const pid of new Set(shards.map((shard) => shard.redis.pid))) add('redis', pid);
  for (const pid of new Set(shards.map((shard) => shard.mysql.pid))) add('mysql', pid);
  return parts;
}

/** The CPU time per unit of work between two samples, by part of the stack, µs. */
export function cpuPerUnit(before: Record<string, number>, after: Record<string, number>, units: number) {
  const entries = Object.entries(after).map(([part, ms]) => [
    part,
    round(((ms - (before[part] ?? 0)) * 1000) / units, 1),
  ]);
  return Object.fromEntries(entries) as Record<string, number>;
}

/** The memory of Redis, in bytes: its current value, and its peak since this object was created. */
export class RedisMemory implements AsyncDisposable {
  readonly #redis: Redis;
  readonly #timer: NodeJS.Timeout;
  peak = 0;

  constructor({ host, port }: StackFile['redis']) {
    this.#redis = new Redis({ host, port });
    this.#redis.on('error', () => {});
    this.#timer = setInterval(() => void this.used().catch(() => {}), 500);
  }

  async used(): Promise<number> {
    const used = Number(/^used_memory:(\d+)/m.exec(await this.#redis.info('memory'))?.[1]);
    this.peak = Math.max(this.peak, used);
    return used;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#redis.quit();
  }
}

export interface Lag {
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/**
 * The time from acceptance to the INSERT, for all outcomes after a seq. The commit of the same transaction follows a
 * little later.
 */
export async function flushLag(mysql: Mysql, { epoch, seq }: { epoch: number; seq: number }): Promise<Lag> {
  const rows = await mysql.rows(
    `SELECT TIMESTAMPDIFF(MICROSECOND, accepted_at, persisted_at) DIV 1000 AS ms, COUNT(*) AS transfers
     FROM transfers WHERE epoch = ? AND seq > ? GROUP BY ms ORDER BY ms`,
    [epoch, seq],
  );
  const counts = rows.map((row) => ({ ms: Number(row['ms']), count: Number(row['transfers']) }));
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  const at = (share: number): number => {
    let seen = 0;
    for (const { ms, count } of counts) {
      seen += count;
      if (seen >= total * share) return ms;
    }
    return Number.NaN;
  };
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: counts.at(-1)?.ms ?? 0 };
}

export function machine(): string {
  const gib = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${gib} GiB, Node.js ${process.version}`;
}

/** The version of the API pods' runtime, which may differ from ours. */
export function nodeOf({ pods }: StackFile): string {
  const pid = pods.find(({ role }) => role === 'api')?.pid;
  return execFileSync(`/proc/${pid}/exe`, ['--version'], { encoding: 'utf8' }).trim();
}

export function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--', '../app') === '' ? '' : ' with changes'}`;
  } catch {
    return 'unknown';
  }
}

export function round(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}

/** For values in ascending order. */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
