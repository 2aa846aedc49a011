import { type Redis, ReplyError } from 'ioredis';
import { CacheError } from '../journal/cache-port.ts';
import type { Script } from './lua-loader.ts';

export type ScriptArgument = string | number | Buffer;

/** First words of error replies that Redis sends before a script begins: nothing was written. */
const BEFORE_THE_SCRIPT = new Set([
  'OOM',
  'BUSY',
  'NOSCRIPT',
  'NOAUTH',
  'WRONGPASS',
  'NOPERM',
  'MISCONF',
  'NOREPLICAS',
  'CLUSTERDOWN',
  'CROSSSLOT',
  'MOVED',
  'ASK',
  'TRYAGAIN',
]);
/** Errors raised inside a running script end with their location in it; earlier writes of the script persist. */
const IN_THE_SCRIPT = / script: [0-9a-f]{40}\b/;
/** The same, from a server that is not (yet) a master: equivalent to a refusal by the prologue. */
const NOT_A_MASTER = new Set(['READONLY', 'LOADING', 'MASTERDOWN']);
/**
 * ioredis reports this if a command was never passed to a socket. Its "max retries per request" does not mean that: it
 * also occurs for commands that were sent when the connection closed.
 */
const NOT_SENT = /isn't writeable/;

/**
 * Runs a script by its SHA-1; loads it if the server does not have it. Never EVAL, and never resent by the library:
 * only a reply proving that nothing ran (NOSCRIPT) is followed by a second try here.
 * @throws CacheError
 */
export async function runScript(
  redis: Redis,
  script: Script,
  keys: string[],
  args: ScriptArgument[],
): Promise<unknown> {
  try {
    return await redis.callBuffer('EVALSHA', script.sha, keys.length, ...keys, ...args);
  } catch (error) {
    const seen = classify(error);
    if (seen.reason !== 'NOSCRIPT') throw seen;
  }
  try {
    await redis.script('LOAD', script.text);
  } catch (error) {
    throw new CacheError('not_sent', classify(error).reason, { cause: error });
  }
  try {
    return await redis.callBuffer('EVALSHA', script.sha, keys.length, ...keys, ...args);
  } catch (error) {
    throw classify(error);
  }
}

export function classify(error: unknown): CacheError {
  if (error instanceof CacheError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ReplyError) {
    const [word = '', reason = ''] = message.split(' ');
    if (word === 'REFUSED') return new CacheError('refused', reason, { cause: error });
    if (word === 'STALE') return new CacheError('stale', reason, { cause: error });
    if (NOT_A_MASTER.has(word)) return new CacheError('refused', word, { cause: error });
    if (BEFORE_THE_SCRIPT.has(word) && !IN_THE_SCRIPT.test(message))
      return new CacheError('unable', word, { cause: error });
    return new CacheError('in_doubt', message.slice(0, 200), { cause: error });
  }
  return new CacheError(NOT_SENT.test(message) ? 'not_sent' : 'in_doubt', message.slice(0, 200), { cause: error });
}
