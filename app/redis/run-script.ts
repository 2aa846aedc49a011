import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Redis, ReplyError } from 'ioredis';
import type { NamedEpoch } from '../domain/authority.ts';
import { CacheError } from '../journal/cache-port.ts';
import type { ShardPrefix } from './shard-prefix.ts';

/**
 * The Redis keys of one shard. All except the fence and the owner contain the epoch, so that data of an old epoch
 * cannot be mistaken for new; the hash tag in the prefix keeps them in one slot.
 */
export class Keys {
  readonly fence: string;
  /** The identity of the ledger that this server belongs to; it survives epochs, as the fence does. */
  readonly owner: string;
  /** Prefix of every key of every epoch, followed by `f2:` from format 2 on, the epoch and a colon. */
  readonly shardPrefix: string;
  readonly ledger: string;
  readonly accounts: string;
  readonly holds: string;
  readonly journal: string;
  readonly otherIds: readonly [string, string];
  /** Prefix of every key of this epoch. */
  readonly epochPrefix: string;

  constructor(prefix: ShardPrefix, { epoch, format }: NamedEpoch) {
    const shard = `${prefix}:`;
    this.fence = `${shard}fence`;
    this.owner = `${shard}owner`;
    this.shardPrefix = shard;
    this.epochPrefix = epochPrefix(prefix, { epoch, format });
    this.ledger = `${this.epochPrefix}ledger`;
    this.accounts = `${this.epochPrefix}accounts`;
    this.holds = `${this.epochPrefix}holds`;
    this.journal = `${this.epochPrefix}journal`;
    this.otherIds = [`${this.epochPrefix}ids:other:0`, `${this.epochPrefix}ids:other:1`];
  }

  idBucket(bucket: number): string {
    return `${this.epochPrefix}ids:${bucket}`;
  }
}

export const epochPrefix = (prefix: ShardPrefix, { epoch, format }: NamedEpoch): string =>
  format === 1 ? `${prefix}:${epoch}:` : `${prefix}:f${format}:${epoch}:`;

/** The epoch of a key, given without the shard's prefix, in any format; null if the key belongs to no epoch. */
export function epochOfKey(key: string): number | null {
  const found = /^(?:f\d+:)?(\d+):/.exec(key);
  return found ? Number(found[1]) : null;
}

/** A Lua script as it is sent to Redis, and the SHA-1 that identifies it there. */
export interface Script {
  name: string;
  text: string;
  sha: string;
}

const folder = new URL('./lua/', import.meta.url);
const INCLUDE = /^--@include ([a-z-]+)$/gm;

export function loadScript(name: string): Script {
  const text = withConstants(withIncludes(name));
  return { name, text, sha: createHash('sha1').update(text).digest('hex') };
}

/** The source of a script with its includes inserted. */
export function withIncludes(name: string): string {
  const main = readFileSync(new URL(`${name}.lua`, folder), 'utf8');
  return main.replace(INCLUDE, (_, piece: string) =>
    readFileSync(new URL(`includes/${piece}.lua`, folder), 'utf8').trimEnd(),
  );
}

const LITERAL = String.raw`(?:\d+|'[^']*')`;
const NAME = '[A-Z][A-Z0-9_]*';
const CONSTANTS = new RegExp(`^ *local (${NAME}(?:, ${NAME})*) = (${LITERAL}(?:, ${LITERAL})*)$`, 'gm');
/** A comment or a string, which has to stay as it is; or a name. */
const TOKEN = new RegExp(String.raw`--.*|'[^']*'|(?<![\w.])${NAME}(?!\w)`, 'g');

/**
 * Replaces the constants of a script by their values. Every call creates the functions of the script again, and for each
 * local variable that a function uses, Lua searches a list of those that other functions use. A declaration becomes an
 * empty line, so that line numbers in error messages stay the same.
 * @param source its constants are declared as `local NAME, OTHER = 1, 'text'`
 * @throws Error if a constant is declared twice
 */
export function withConstants(source: string): string {
  const values = new Map<string, string>();
  const rest = source.replace(CONSTANTS, (_, names: string, literals: string) => {
    const of = literals.match(new RegExp(LITERAL, 'g')) ?? [];
    for (const [index, name] of names.split(', ').entries()) {
      if (values.has(name)) throw new Error(`the constant ${name} is declared twice`);
      values.set(name, of[index] ?? 'nil');
    }
    return '';
  });
  return rest.replace(TOKEN, (token) => values.get(token) ?? token);
}

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
  'CROSSSLOT',
]);
/** Errors raised inside a running script end with their location in it; earlier writes of the script persist. */
const IN_THE_SCRIPT = / script: [0-9a-f]{40}\b/;
/**
 * First words of the replies of a server that is not (yet) a master, or not the node of the shard's slot. Nothing was
 * written: they are equivalent to a refusal by the prologue.
 */
const NOT_THE_NODE = new Set(['READONLY', 'LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'MOVED', 'ASK', 'TRYAGAIN']);
/**
 * ioredis reports this if a command was never passed to a socket. The error "max retries per request" is no such
 * proof: it also occurs for commands that had been sent when the connection closed.
 */
const NOT_SENT = /isn't writeable/;

/**
 * Runs a script by its SHA-1, and loads it if the server does not have it. It never uses EVAL, and the library
 * never resends a command: this function tries a second time only after a reply that proves that nothing ran
 * (NOSCRIPT).
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
    if (NOT_THE_NODE.has(word) && !IN_THE_SCRIPT.test(message))
      return new CacheError('refused', word, { cause: error });
    if (BEFORE_THE_SCRIPT.has(word) && !IN_THE_SCRIPT.test(message))
      return new CacheError('unable', word, { cause: error });
    return new CacheError('in_doubt', message.slice(0, 200), { cause: error });
  }
  return new CacheError(NOT_SENT.test(message) ? 'not_sent' : 'in_doubt', message.slice(0, 200), { cause: error });
}
