/** Runs Holdfast's own processes: migrations, the keeper and the API pods. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { runtimeOf } from './install/runtime.mjs';
import { messageOf } from './system/console.mjs';
import { LOOPBACK } from './system/ports.mjs';
import { runTool } from './system/process.mjs';

/**
 * The objects that a request creates are needed only for milliseconds. With V8's default of 16 MiB for new objects, a
 * busy pod would spend a fifth of its time on garbage collection.
 */
const YOUNG_GENERATION = '--max-semi-space-size=64';
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;
/** How long a migration waits for MySQL. Short, because a MySQL on this machine is already running by then. */
const MIGRATION_WAIT_MS = 15_000;

const NAMES = { keeper: 'The keeper', search: 'The search index' };

/**
 * The environment of all these processes.
 * @typedef {object} Surroundings
 * @property {string} root
 * @property {string} folder
 * @property {number} [shards] 1 if absent
 * @property {string} redisUrl of all shards
 * @property {string} mysqlUrl of all shards
 * @property {string} apiKey
 * @property {boolean} [search] whether transfers and accounts can be listed
 * @property {boolean} [fromSource] run the TypeScript sources with tsx instead of the build
 */

/** @param {Surroundings} around */
function environment({ shards, redisUrl, mysqlUrl, apiKey, search }) {
  return {
    NODE_ENV: process.env['NODE_ENV'] || 'production',
    LOG_LEVEL: process.env['LOG_LEVEL'] || 'info',
    HOST: LOOPBACK,
    SHARDS: String(shards ?? 1),
    REDIS_URL: redisUrl,
    MYSQL_URL: mysqlUrl,
    BOOTSTRAP_API_KEY: apiKey,
    SEARCH: search ? 'on' : 'off',
    // Each stack has its own key, which stays the same across starts.
    WEBHOOK_SECRET_KEYS: createHash('sha256').update(apiKey).digest('base64'),
    PORT: undefined,
    ADMIN_PORT: undefined,
  };
}

/** @param {Surroundings} around */
function mainOf({ root, fromSource }) {
  if (!fromSource) return [join(root, 'dist', 'app', 'main.js')];
  return ['--import', join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs'), join(root, 'app', 'main.ts')];
}

/**
 * @param {Surroundings} around
 * @param {AbortSignal} signal
 */
export async function migrate(around, signal) {
  await runTool({
    name: 'Migrating the database',
    command: runtimeOf(around.root),
    args: [...mainOf(around), 'migrate'],
    stack: around.folder,
    logFile: join(around.folder, 'logs', 'migrate.log'),
    env: { ...environment(around), MYSQL_COMMAND_WAIT_MS: String(MIGRATION_WAIT_MS) },
    signal,
  });
}

/**
 * @param {string} url of a pod
 * @param {string} apiKey
 * @returns {Promise<string>} the mode of the authority, or why it is unknown
 */
export async function modeOf(url, apiKey) {
  try {
    const response = await fetch(`${url}/v1/ops/status`, {
      headers: { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(2000),
    });
    return /** @type {{ mode?: string }} */ (await response.json()).mode ?? String(response.status);
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * @param {Surroundings} around
 * @param {'api' | 'keeper' | 'search'} role
 * @param {number} port
 * @param {number} [number] of the pod, from 1
 * @param {{ mayBeUnready?: boolean }} [options] whether it counts as started when it is live but cannot serve yet
 * @returns {{ role: string, url: string, program: import('./system/process.mjs').Program }}
 */
export function pod(around, role, port, number, { mayBeUnready = false } = {}) {
  const name = number === undefined ? role : `${role}-${number}`;
  const url = `http://${LOOPBACK}:${port}`;
  let readiness = '';
  return {
    role,
    url,
    program: {
      name: role === 'api' ? `API pod ${number}` : NAMES[role],
      part: role,
      command: runtimeOf(around.root),
      args: [YOUNG_GENERATION, ...mainOf(around), role],
      stack: around.folder,
      logFile: join(around.folder, 'logs', `${name}.log`),
      env: { ...environment(around), [role === 'api' ? 'PORT' : 'ADMIN_PORT']: String(port) },
      answers: async () => {
        try {
          const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) });
          readiness = `${response.status} ${await response.text()}`;
          return response.ok || mayBeUnready;
        } catch {
          readiness = '';
          return false;
        }
      },
      readyMsMax: READY_MS_MAX,
      stopMsMax: STOP_MS_MAX,
      advice: () => (readiness === '' ? `Nothing answered at ${url}/readyz.` : `${url}/readyz answered: ${readiness}`),
    },
  };
}
