/** The two stores of a stack: started here, or given in the environment. */
import { join } from 'node:path';
import { parseUrl } from './settings.mjs';
import { DATABASE, mariadbProgram, mysqlUrl, USER } from './stores/mariadb.mjs';
import { redisProgram } from './stores/redis.mjs';
import { elapsed, print } from './system/console.mjs';
import { LOOPBACK } from './system/ports.mjs';

/** @typedef {import('./supervise.mjs').Supervised} Kept */
/** @typedef {(program: import('./system/process.mjs').Program) => Promise<Kept>} Keep */
/** @typedef {{ url: string, host: string, port: number, node: string | null, kept: Kept | null }} Redis `kept` null: not started here */
/** @typedef {{ url: string, kept: Kept | null } & import('./settings.mjs').Address} Mysql `kept` null: not started here */

/**
 * @param {{ folder: string, port: number, given: string | null, keep: Keep }} options
 * @returns {Promise<Redis>}
 */
export async function provideRedis({ folder, port, given, keep }) {
  if (given !== null) {
    const { host, port: at } = parseUrl('REDIS_URL', given);
    return { url: given, host, port: at, node: null, kept: null };
  }
  const since = performance.now();
  const { program, node } = redisProgram({
    dir: join(folder, 'redis'),
    port,
    stack: folder,
    logFile: join(folder, 'logs', 'redis.log'),
  });
  const kept = await keep(program);
  print(`Redis is running on port ${port} (${elapsed(since)}).`);
  return { url: `redis://${LOOPBACK}:${port}/0`, host: LOOPBACK, port, node, kept };
}

/**
 * @param {{ folder: string, port: number, given: string | null, keep: Keep, signal: AbortSignal }} options
 * @returns {Promise<Mysql>}
 */
export async function provideMysql({ folder, port, given, keep, signal }) {
  if (given !== null) return { url: given, ...parseUrl('MYSQL_URL', given), kept: null };
  const since = performance.now();
  const { program, password } = await mariadbProgram({
    dir: join(folder, 'mysql'),
    port,
    stack: folder,
    logFile: join(folder, 'logs', 'mysql.log'),
    signal,
  });
  const kept = await keep(program);
  print(`${program.name} is running on port ${port} (${elapsed(since)}).`);
  return { url: mysqlUrl({ port, password }), host: LOOPBACK, port, user: USER, password, database: DATABASE, kept };
}

/**
 * @param {import('./stack-file.mjs').StoresFile} running
 * @returns {{ redis: string, mysql: string }}
 */
export function urlsOf({ redis, mysql }) {
  const { user, password, host, port, database } = mysql;
  const secret = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  return {
    redis: `redis://${redis.host}:${redis.port}/0`,
    mysql: `mysql://${secret}@${host}:${port}/${encodeURIComponent(database)}`,
  };
}
