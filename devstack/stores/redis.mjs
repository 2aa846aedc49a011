/**
 * A private Redis. All acknowledged data is on disk (append-only file, fsync before every reply), nothing is ever
 * evicted, and it listens on loopback only. It has no replicas and cannot become a replica.
 */

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { requireProgram } from '../install/packages.mjs';
import { UserError } from '../system/console.mjs';
import { storedValue } from '../system/folder.mjs';
import { firstAnswer, freePort, LOOPBACK } from '../system/ports.mjs';
import { end, start } from '../system/process.mjs';

/**
 * Forbids replication. This is part of the proof that a restarted node has its own data, which is required to recover
 * an epoch from its journal.
 */
const ALONE = 'user default on nopass ~* &* +@all -replicaof -slaveof -psync -sync\n';

const OLDEST_MAJOR = 7; // the first version with script flags, INFO inside scripts, and appenddirname

/**
 * @typedef {object} RedisOptions
 * @property {string} dir for its data and its configuration
 * @property {number} port
 * @property {string} [stack] the stack folder to which the process belongs; the default is `dir`
 * @property {string} [logFile]
 * @property {boolean} [relaxed] for tests: no fsync, which is faster, but loses data if the machine crashes
 * @property {boolean} [replicable] for tests: allows Redis to have replicas and to become a replica
 * @property {string} [host] for tests: a separate address to listen on
 * @property {string} [more] for tests: further lines of its configuration
 */

/**
 * @param {RedisOptions} options
 * @returns {{ program: import('../system/process.mjs').Program, node: string }}
 */
export function redisProgram(options) {
  const { dir, port, stack = dir, logFile = join(dir, 'redis.log') } = options;
  const { relaxed = false, replicable = false, host = LOOPBACK, more = '' } = options;
  const command = requireProgram('redis');
  requireVersion(command);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  // The name of the node is stored next to the data, and is not replicated. An empty folder gets a new name, because it
  // belongs to a different node.
  const node = storedValue(join(dir, 'node'), () => `node-${randomBytes(9).toString('hex')}`);
  const config = join(dir, 'redis.conf');
  writeFileSync(config, redisConfig({ dir, port, node, relaxed, replicable, host, more }), { mode: 0o600 });
  return {
    node,
    program: {
      name: 'Redis',
      part: 'redis',
      command,
      args: [config],
      stack,
      logFile,
      answers: async () => (await firstAnswer(port, 'PING\r\n', host))?.toString('latin1').startsWith('+PONG') ?? false,
      readyMsMax: 300_000, // Redis reads its whole append-only file first
      stopMsMax: 30_000,
      advice: (log) => redisAdvice(log, dir),
    },
  };
}

/** @param {Required<Pick<RedisOptions, 'dir' | 'port' | 'relaxed' | 'replicable' | 'host' | 'more'>> & { node: string }} options */
function redisConfig({ dir, port, node, relaxed, replicable, host, more }) {
  const memoryMiB = Math.min(8192, Math.max(512, Math.floor(totalmem() / 4 / 1024 / 1024)));
  return `# Written at every start by devstack/stores/redis.mjs; changes here are lost.
bind ${host}
port ${port}
protected-mode ${host === LOOPBACK ? 'yes' : 'no'}
dir ${JSON.stringify(dir)}
daemonize no
set-proc-title no
logfile ""
databases 16

appendonly yes
appenddirname ${node}
appendfsync ${relaxed ? 'no' : 'always'}
no-appendfsync-on-rewrite no
auto-aof-rewrite-min-size 128mb
save ""

maxmemory ${memoryMiB}mb
maxmemory-policy noeviction

${replicable ? '' : ALONE}${more}`;
}

/**
 * @param {string} log
 * @param {string} dir
 */
function redisAdvice(log, dir) {
  if (/Bad file format|Unexpected end of file|error reading the append only file/i.test(log)) {
    return `Its append-only file in ${dir} is damaged. Back up the folder first; then redis-check-aof --fix on the manifest repairs the end of the file.`;
  }
  if (/Can't handle RDB format version/i.test(log))
    return `Its data in ${dir} was written by a newer Redis: install that version.`;
  if (/No space left/i.test(log)) return 'The disk is full: free some space, and start again.';
  if (/Permission denied/i.test(log))
    return `This user has no access to ${dir}: start as the user who created it, or set STACK_DIR to another folder.`;
  return `To start with an empty Redis, move ${dir} away. Transfers that are not in MySQL yet are then lost.`;
}

/** @param {string} command */
function requireVersion(command) {
  const text = execFileSync(command, ['--version'], { encoding: 'utf8' });
  const version = /v=([\d.]+)/.exec(text)?.[1] ?? 'unknown';
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return;
  throw new UserError(
    `${command} is Redis ${version}; Holdfast needs ${OLDEST_MAJOR}.0 or newer. Install one, or set REDIS_URL to a running Redis.`,
  );
}

/**
 * Starts a Redis and waits until it responds. Also used by tests.
 * @param {{ dir: string, port?: number, relaxed?: boolean }} options `dir` keeps the data across starts
 */
export async function startRedis({ dir, port, relaxed }) {
  const at = port ?? (await freePort());
  const { program, node } = redisProgram({ dir, port: at, ...(relaxed === undefined ? {} : { relaxed }) });
  const running = await start(program);
  return {
    host: LOOPBACK,
    port: at,
    pid: Number(running.pid),
    url: `redis://${LOOPBACK}:${at}/0`,
    /** The name of the node (`appenddirname`), which is not replicated. */
    node,
    /** Resolves when the process has ended, whatever the reason. */
    ended: running.ended,
    /** Shuts it down cleanly. */
    stop: () => end(running),
  };
}
