import { inject } from 'vitest';
import { type Config, loadConfig } from '../../config/config.ts';
import type { Clock } from '../../kernel/clock.ts';
import { randomPrefix } from '../../redis/testing/own-redis.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { type Context, createContext } from '../context.ts';
import type { ShardContext } from '../shard-context.ts';

// Each context adds a listener that flushes its log at exit, and a test process has many contexts.
process.setMaxListeners(100);

/** A line of the log, parsed from JSON. */
export type Line = Record<string, unknown> & { level: string; msg: string };

export interface ContextUnderTest extends ShardContext, AsyncDisposable {
  /** The process that the shard belongs to. */
  process: Context;
  lines: Line[];
  /** The messages of a level, in order. */
  messages(level: 'info' | 'warn' | 'error'): string[];
  /**
   * The messages of the lines with this error or reason. Lines with other errors are left out, because a busy machine
   * may cause them.
   */
  messagesAbout(trouble: string): string[];
}

/** A configuration with its own keys and free ports. It uses the tests' shared Redis, unless `env` names another. */
export function testConfig(mysqlUrl: string, env: Record<string, string> = {}): Config {
  return loadConfig({
    REDIS_URL: `redis://127.0.0.1:${inject('redisPort')}/0`,
    MYSQL_URL: mysqlUrl,
    KEY_PREFIX: randomPrefix(),
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'silent',
    ...env,
  });
}

/** The process of a shard, for a role, with the parts that a test has replaced in the shard. */
export function processOf(shard: ContextUnderTest): Context {
  return { ...shard.process, clock: shard.clock, shards: [shard] };
}

/** The components of the first shard of a process, with a recorded log. */
export async function testContext(config: Config, clock?: Clock): Promise<ContextUnderTest> {
  const lines: Line[] = [];
  const write = (text: string) => {
    for (const line of text.trim().split('\n')) lines.push(JSON.parse(line) as Line);
  };
  const process = await createContext(config, clock, (shard) =>
    createLogger('info', shard === null ? {} : { shard }, { write, flushSync: () => {} }),
  );
  const [shard] = process.shards;
  if (!shard) throw new Error('no shard');
  const messages = (level: string) => lines.filter((line) => line.level === level).map(({ msg }) => msg);
  const messagesAbout = (trouble: string) => lines.filter((line) => troubleIn(line) === trouble).map(({ msg }) => msg);
  const dispose = () => process[Symbol.asyncDispose]();
  return { ...shard, process, lines, messages, messagesAbout, [Symbol.asyncDispose]: dispose };
}

function troubleIn({ err, reason }: Line): unknown {
  return typeof err === 'object' && err !== null && 'message' in err ? err.message : (err ?? reason);
}
