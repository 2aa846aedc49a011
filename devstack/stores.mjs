/** The two stores of a stack: started here, or given in the environment. */
import { join } from 'node:path';
import { parseUrl, urlsOfShards } from './settings.mjs';
import { databasesOf, mariadbProgram, mysqlUrl, USER } from './stores/mariadb.mjs';
import { redisProgram } from './stores/redis.mjs';
import { elapsed, print } from './system/console.mjs';
import { LOOPBACK } from './system/ports.mjs';

/** @typedef {import('./supervise.mjs').Supervised} Kept */
/** @typedef {(program: import('./system/process.mjs').Program) => Promise<Kept>} Keep */
/** @typedef {{ url: string, host: string, port: number, node: string | null, kept: Kept | null }} Redis `kept` null: not started here */
/** @typedef {{ url: string, kept: Kept | null } & import('./settings.mjs').Address} Mysql `kept` null: not started here */

/**
 * @param {{ folder: string, ports: readonly number[], given: string | null, keep: Keep }} options a port for each shard
 * @returns {Promise<Redis[]>}
 */
export async function provideRedis({ folder, ports, given, keep }) {
  if (given !== null) {
    return urlsOfShards(given, ports.length).map((url) => {
      const { host, port } = parseUrl('REDIS_URL', url);
      return { url, host, port, node: null, kept: null };
    });
  }
  const since = performance.now();
  const started = await Promise.all(
    ports.map(async (port, shard) => {
      const name = shardName('redis', shard);
      const { program, node } = redisProgram({
        dir: join(folder, name),
        port,
        stack: folder,
        logFile: join(folder, 'logs', `${name}.log`),
      });
      const kept = await keep(shard === 0 ? program : { ...program, name: `Redis of shard ${shard}` });
      return { url: `redis://${LOOPBACK}:${port}/0`, host: LOOPBACK, port, node, kept };
    }),
  );
  print(`Redis is running on port ${ports.join(', ')} (${elapsed(since)}).`);
  return started;
}

/** @param {string} name @param {number} shard */
export const shardName = (name, shard) => (shard === 0 ? name : `${name}-${shard}`);

/**
 * @param {{ folder: string, port: number, shards: number, given: string | null, keep: Keep, signal: AbortSignal }} options
 * @returns {Promise<Mysql[]>}
 */
export async function provideMysql({ folder, port, shards, given, keep, signal }) {
  if (given !== null)
    return urlsOfShards(given, shards).map((url) => ({ url, ...parseUrl('MYSQL_URL', url), kept: null }));
  const since = performance.now();
  const { program, password } = await mariadbProgram({
    dir: join(folder, 'mysql'),
    port,
    shards,
    stack: folder,
    logFile: join(folder, 'logs', 'mysql.log'),
    signal,
  });
  const kept = await keep(program);
  print(`${program.name} is running on port ${port} (${elapsed(since)}).`);
  return databasesOf(shards).map((database) => {
    const url = mysqlUrl({ port, password, database });
    return { url, host: LOOPBACK, port, user: USER, password, database, kept };
  });
}

/**
 * @param {import('./stack-file.mjs').StoresFile} running
 * @returns {{ redis: string, mysql: string }} the URLs of all shards
 */
export function urlsOf({ redis, mysql, shards = [{ redis, mysql }] }) {
  return {
    redis: shards.map(({ redis: { host, port } }) => `redis://${host}:${port}/0`).join(' '),
    mysql: shards
      .map(({ mysql: { user, password, host, port, database } }) => {
        const secret = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
        return `mysql://${secret}@${host}:${port}/${encodeURIComponent(database)}`;
      })
      .join(' '),
  };
}
