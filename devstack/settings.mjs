/** The settings of `npm start` in the environment. */
import { join, resolve } from 'node:path';
import { UserError } from './system/console.mjs';

const PODS_MAX = 16;
const SHARDS_MAX = 16;

/** @typedef {'all' | 'stores' | 'service'} Scope which parts of the stack this `npm start` runs */

/**
 * @typedef {object} Address
 * @property {string} host
 * @property {number} port
 * @property {string} user
 * @property {string} password
 * @property {string} database
 */

/**
 * @typedef {object} Settings
 * @property {string} root the repository
 * @property {Scope} scope
 * @property {boolean} watch run the sources, and restart the service when they change
 * @property {string} folder STACK_DIR
 * @property {readonly number[]} ports one for each API pod
 * @property {number} shards
 * @property {string | null} redisUrl null: start one for each shard
 * @property {string | null} mysqlUrl null: start one, with a database for each shard
 */

/**
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {string} root
 * @param {Scope} [scope]
 * @param {boolean} [watch]
 * @returns {Settings}
 * @throws {UserError}
 */
export function readSettings(env, root, scope = 'all', watch = false) {
  const pods = wholeNumber('API_PODS', env['API_PODS'], 1, PODS_MAX, 1);
  const first = wholeNumber('PORT', env['PORT'], 1, 65_536 - pods, 8080);
  const { REDIS_URL: redisUrl, MYSQL_URL: mysqlUrl, STACK_DIR: folder } = env;
  const shards = wholeNumber('SHARDS', env['SHARDS'], 1, SHARDS_MAX, 1);
  if (redisUrl) for (const url of urlsOfShards(redisUrl, shards)) parseUrl('REDIS_URL', url);
  if (mysqlUrl) for (const url of urlsOfShards(mysqlUrl, shards)) parseUrl('MYSQL_URL', url);
  return {
    root,
    scope,
    watch,
    folder: folder ? resolve(folder) : join(root, '.local'),
    ports: Array.from({ length: pods }, (_, index) => first + index),
    shards,
    redisUrl: redisUrl || null,
    mysqlUrl: mysqlUrl || null,
  };
}

/**
 * @param {string} name
 * @param {string | undefined} text
 * @param {number} least
 * @param {number} most
 * @param {number} usual
 */
function wholeNumber(name, text, least, most, usual) {
  if (text === undefined || text === '') return usual;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UserError(`${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}.`);
}

/**
 * Returns one URL for each shard, from one with `{shard}` or from one per shard. The service checks the rest.
 * @param {string} text
 * @param {number} shards
 */
export function urlsOfShards(text, shards) {
  const urls = text.trim().split(/\s+/);
  return Array.from({ length: shards }, (_, shard) =>
    (urls[urls.length === 1 ? 0 : shard] ?? '').replaceAll('{shard}', String(shard)),
  );
}

/** @type {Readonly<Record<string, number>>} */
const USUAL_PORTS = { 'redis:': 6379, 'rediss:': 6379, 'mysql:': 3306 };

/**
 * @param {'REDIS_URL' | 'MYSQL_URL'} name
 * @param {string} text
 * @returns {Address}
 * @throws {UserError}
 */
export function parseUrl(name, text) {
  const example = name === 'REDIS_URL' ? 'redis://host:6379/0' : 'mysql://user:password@host:3306/database';
  const url = URL.canParse(text) ? new URL(text) : null;
  const port = USUAL_PORTS[url?.protocol ?? ''];
  const fits =
    url?.protocol.startsWith(name === 'REDIS_URL' ? 'redis' : 'mysql') && port !== undefined && url.hostname !== '';
  // The message does not contain the text itself, which may include a password.
  if (!url || !fits) throw new UserError(`${name} is not an address such as ${example}.`);
  return {
    host: url.hostname,
    port: url.port === '' ? port : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
  };
}
