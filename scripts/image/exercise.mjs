/**
 * Tests what every image must do, however its processes are started: reject invalid settings, migrate, serve, and stop.
 * The stores and the transfers are real.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startMariadb } from '../../devstack/stores/mariadb.mjs';
import { startRedis } from '../../devstack/stores/redis.mjs';
import { freePort, LOOPBACK } from '../../devstack/system/ports.mjs';

const READY_MS_MAX = 20_000;
const STOP_MS_MAX = 25_000;

/**
 * A process of the image.
 * @typedef {object} Started
 * @property {() => string} output
 * @property {Promise<number | null>} ended with its exit code
 * @property {() => void} terminate sends SIGTERM
 */
/** @typedef {(role: string, env: Record<string, string>) => Started} Start */

/**
 * @param {Start} start
 * @param {string} folder for the stores
 * @returns {Promise<{ readyMs: number, stopMs: number }>} of the API pod
 */
export async function exercise(start, folder) {
  await refuses(start('api', {}), 78, /REDIS_URL is missing[\s\S]*MYSQL_URL is missing/);
  await refuses(start('queen', {}), 2, /not one of api, keeper, /);
  const [redis, mysql] = await Promise.all([
    startRedis({ dir: join(folder, 'redis'), relaxed: true }),
    startMariadb({ dir: join(folder, 'mysql'), relaxed: true }),
  ]);
  try {
    return await serves(start, { REDIS_URL: redis.url, MYSQL_URL: mysql.url });
  } finally {
    await Promise.all([redis.stop(), mysql.stop()]);
  }
}

/**
 * @param {Started} process
 * @param {number} code
 * @param {RegExp} says
 */
async function refuses(process, code, says) {
  assert.equal(await process.ended, code, process.output());
  assert.match(process.output(), says);
  assert.doesNotMatch(process.output(), /^ {4}at /m, 'a missing setting is reported without a stack trace');
}

/**
 * @param {Started} process
 * @param {RegExp} says
 */
async function does(process, says) {
  assert.equal(await process.ended, 0, process.output());
  assert.match(process.output(), says);
}

/**
 * @param {Start} start
 * @param {Record<string, string>} stores
 */
async function serves(start, stores) {
  await does(start('migrate', stores), /^Migrated: /m);
  await does(start('renew-identity', stores), /is now a separate ledger/);
  const key = randomBytes(24).toString('hex');
  const port = await freePort();
  const since = performance.now();
  const keeper = start('keeper', stores);
  // An endpoint for traces is set, so that the tracing modules are loaded, too; nothing listens there.
  const tracing = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://${LOOPBACK}:${await freePort()}`, TRACE_SAMPLE_RATIO: '1' };
  const pod = start('api', { ...stores, ...tracing, HOST: LOOPBACK, PORT: String(port), BOOTSTRAP_API_KEY: key });
  try {
    const url = `http://${LOOPBACK}:${port}`;
    await ready(`${url}/readyz`, pod);
    const readyMs = performance.now() - since;
    await transfers(url, key);
    await shows(`${url}/docs/swagger-ui-bundle.js`);
    await shows(`${url}/openapi.json`);
    const stopping = performance.now();
    for (const process of [pod, keeper]) {
      process.terminate();
      assert.equal(await within(STOP_MS_MAX, process.ended), 0, process.output());
      assert.match(process.output(), /"msg":"stopped"/);
    }
    return { readyMs, stopMs: performance.now() - stopping };
  } finally {
    pod.terminate();
    keeper.terminate();
  }
}

/**
 * @param {string} url
 * @param {Started} process
 */
async function ready(url, process) {
  const until = performance.now() + READY_MS_MAX;
  while (performance.now() < until) {
    const status = await fetch(url).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    await sleep(20);
  }
  assert.fail(`the pod did not become ready: ${process.output()}`);
}

/**
 * @param {string} url
 * @param {string} key
 */
async function transfers(url, key) {
  /**
   * @param {string} path
   * @param {object} body
   */
  const post = async (path, body) => {
    const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const answer = /** @type {Record<string, unknown>} */ (await response.json());
    assert.equal(response.status, 201, JSON.stringify(answer));
    return answer;
  };
  await post('/v1/accounts', { accountId: 'cash', currency: 'EUR', external: true });
  await post('/v1/accounts', { accountId: 'ada', currency: 'EUR' });
  const transfer = { sourceAccount: 'cash', destinationAccount: 'ada', amount: '12.34', currency: 'EUR' };
  const answer = await post('/v1/transfers', { ...transfer, durability: 'persisted' });
  assert.equal(answer['durability'], 'persisted');
  assert.equal(answer['destinationBalance'], '12.34');
}

/** @param {string} url */
async function shows(url) {
  const response = await fetch(url);
  assert.equal(response.status, 200, url);
  assert.ok((await response.text()).length > 1000, url);
}

/**
 * @template T
 * @param {number} ms
 * @param {Promise<T>} promise
 * @returns {Promise<T | 'too late'>}
 */
async function within(ms, promise) {
  const waiting = new AbortController();
  const late = sleep(ms, /** @type {const} */ ('too late'), { signal: waiting.signal }).catch(
    () => /** @type {const} */ ('too late'),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    waiting.abort();
  }
}
