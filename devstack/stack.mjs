/**
 * `npm start`, in order: claim the folder, end processes left behind by a killed start, install, build, start the
 * stores, migrate, start the keeper, the search index and the API pods, keep all of these running, and stop them in
 * reverse order: clients first, Redis last. With the scope `stores` or `service`, it runs only that part, so that each
 * can be stopped without the other.
 */
import { join, relative } from 'node:path';
import { claimFolder } from './claim.mjs';
import { ALICE, openDemoAccounts } from './demo.mjs';
import { installNpmPackages, installPrograms } from './install/packages.mjs';
import { installRuntime } from './install/runtime.mjs';
import { migrate, modeOf, pod } from './pods.mjs';
import { removeStackFile, removeStoresFile, writeStackFile, writeStoresFile } from './stack-file.mjs';
import { provideMysql, provideRedis, shardName, urlsOf } from './stores.mjs';
import { keepRunning } from './supervise.mjs';
import { elapsed, print } from './system/console.mjs';
import { storedValue as keptValue, openFolder } from './system/folder.mjs';
import { whileLocked } from './system/lock.mjs';
import { boundLogs, rotateLogs } from './system/logs.mjs';
import { rememberedPorts } from './system/ports.mjs';
import { PARTS, pause } from './system/process.mjs';
import { watchSources } from './watch.mjs';

/** @typedef {import('./supervise.mjs').Supervised} Kept */
/** @typedef {(options: { root: string, logFile: string, signal: AbortSignal }) => Promise<void>} Build */
/** @typedef {{ role: string, url: string, kept: Kept }} Pod */
/** @typedef {{ redis: import('./stores.mjs').Redis[], mysql: import('./stores.mjs').Mysql[] }} Stores one of each for every shard; shards may share a server */
/** @typedef {Stores & { pods: Pod[], apiKey: string }} Parts */

/** The logs that belong to the stores; all others belong to the service. */
const STORE_LOGS = ['redis.log', 'mysql.log', 'apt.log'];

/** How long to wait until the ledger of a separately started service is open, before reporting that it is closed. */
const OPEN_MS_MAX = 15_000;
const OPEN_POLL_MS = 200;

export class Stack {
  /** What a stop is currently waiting for; messages contain it. */
  waitsFor = 'the current step of the start';

  #settings;
  #signal;
  #build;
  #isStopping;
  #folder = '';
  /** @type {Kept[]} */
  #kept = [];
  /** Writes every new pid to the file; does nothing until everything is ready. */
  #publish = () => {};

  /**
   * @param {import('./settings.mjs').Settings} settings
   * @param {AbortSignal} signal aborts a start in progress
   * @param {() => boolean} isStopping whether this start is about to exit; another start in the same folder then waits
   * @param {Build} build builds dist/ from the sources if it is not up to date
   */
  constructor(settings, signal, isStopping, build) {
    this.#settings = settings;
    this.#signal = signal;
    this.#isStopping = isStopping;
    this.#build = build;
  }

  /**
   * Returns when everything is ready.
   * @throws {UserError}
   */
  async start() {
    const since = performance.now();
    this.#folder = openFolder(this.#settings.folder);
    const given = await claimFolder(this.#folder, this.#settings, this.#isStopping, this.#signal);
    await this.#prepare();
    const stores = await this.#startStores(given);
    if (this.#settings.scope === 'stores') {
      this.#publish = () => writeStoresFile(this.#folder, addressesOfStores(stores));
      this.#publish();
      this.#tellStores(stores, since);
      return;
    }
    const parts = await this.#startService(stores);
    this.#publish = () => this.#writeFile(parts);
    this.#publish();
    const [api = ''] = addressesOf(parts.pods);
    const closed = this.#settings.scope === 'service' ? await this.#whyClosed(api, parts.apiKey) : null;
    if (closed === null) {
      const fault = await openDemoAccounts(api, parts.apiKey, this.#signal);
      if (fault !== null) print(`The demo accounts are not as expected: ${fault}`);
    }
    this.#announce(parts, since, closed);
  }

  /** Installs and builds everything that this start needs. */
  async #prepare() {
    const { root, redisUrl, mysqlUrl, scope, watch } = this.#settings;
    const logs = join(this.#folder, 'logs');
    rotateLogs(logs, (name) => scope === 'all' || STORE_LOGS.includes(name) === (scope === 'stores'));
    boundLogs(logs);
    const signal = this.#signal;
    const installAndBuild = async () => {
      await installNpmPackages({ root, logFile: join(logs, 'npm.log'), signal });
      await installRuntime({ root, logFile: join(logs, 'runtime.log'), signal });
      if (!watch) await this.#build({ root, logFile: join(logs, 'build.log'), signal });
    };
    if (scope !== 'stores') await whileLocked(root, installAndBuild, signal);
    if (scope === 'service') return;
    const logFile = join(logs, 'apt.log');
    if (redisUrl === null) await installPrograms(['redis'], { logFile });
    if (mysqlUrl === null) await installPrograms(['mysql'], { logFile });
  }

  /**
   * @param {import('./stack-file.mjs').StoresFile | null} running the stores that another start runs, if this start
   * uses them; otherwise null
   * @returns {Promise<Stores>}
   */
  async #startStores(running) {
    const { shards: wanted, redisUrl, mysqlUrl, ports } = this.#settings;
    const folder = this.#folder;
    const keep = this.#keep.bind(this);
    const urls = running === null ? null : urlsOf(running);
    const shards = running?.shards?.length ?? (running ? 1 : wanted);
    const names = Array.from({ length: shards }, (_, shard) => shardName('redis', shard));
    /** @type {Record<string, number>} */
    const own = urls ? {} : await this.#ports([...names, 'mysql'], ports);
    const at = (/** @type {string} */ name) => own[name] ?? 0;
    const given = { redis: urls?.redis ?? redisUrl, mysql: urls?.mysql ?? mysqlUrl };
    const [redis, mysql] = await bothOf(
      provideRedis({ folder, ports: names.map(at), given: given.redis, keep }),
      provideMysql({ folder, port: at('mysql'), shards, given: given.mysql, keep, signal: this.#signal }),
    );
    return { redis, mysql };
  }

  /**
   * @param {Stores} stores
   * @returns {Promise<Parts>}
   */
  async #startService({ redis, mysql }) {
    const { root, ports, scope, watch } = this.#settings;
    const folder = this.#folder;
    const apiKey = keptValue(join(folder, 'api-key'));
    const urls = { redisUrl: joined(redis), mysqlUrl: joined(mysql) };
    const search = process.env['SEARCH'] !== 'off';
    const around = { root, folder, shards: redis.length, ...urls, apiKey, search, fromSource: watch };
    await migrate(around, this.#signal);
    const own = await this.#ports(['keeper', 'search'], [...ports, ...[...redis, ...mysql].map(({ port }) => port)]);
    const options = { mayBeUnready: scope === 'service' };
    const wanted = [
      pod(around, 'keeper', own.keeper, undefined, options),
      ...(search ? [pod(around, 'search', own.search, undefined, options)] : []),
      ...ports.map((port, index) => pod(around, 'api', port, index + 1, options)),
    ];
    const pods = await allOf(
      wanted.map(async ({ program, ...rest }) => ({ ...rest, kept: await this.#keep(program) })),
    );
    if (watch) watchSources(root, (paths) => this.#restartService(paths, around, pods), this.#signal);
    return { redis, mysql, pods, apiKey };
  }

  /**
   * Restarts the pods, then the keeper, like a rolling upgrade.
   * @param {readonly string[]} paths of the changed files
   * @param {import('./pods.mjs').Surroundings} around
   * @param {readonly Pod[]} pods
   */
  async #restartService(paths, around, pods) {
    const others = paths.length > 1 ? ` and ${paths.length - 1} more` : '';
    print(`app/${paths[0]}${others} changed: restarting the service.`);
    if (paths.some((path) => path.includes('migrations/'))) await migrate(around, this.#signal);
    for (const role of ['api', 'search', 'keeper']) {
      await Promise.all(pods.filter((pod) => pod.role === role).map(({ kept }) => kept.restart()));
    }
  }

  /**
   * @template {string} Name
   * @param {readonly Name[]} names
   * @param {readonly number[]} avoid
   */
  #ports(names, avoid) {
    return rememberedPorts(join(this.#folder, 'ports.json'), names, avoid);
  }

  /**
   * A service that is started alone may use a restored MySQL, and its operator may be about to accept a loss, so the
   * service runs even while the ledger is closed.
   * @param {string} api
   * @param {string} apiKey
   * @returns {Promise<string | null>} null: the ledger is open
   */
  async #whyClosed(api, apiKey) {
    const giveUpAt = performance.now() + OPEN_MS_MAX;
    for (;;) {
      const state = await modeOf(api, apiKey);
      if (state === 'CACHE' || state === 'DIRECT') return null;
      this.#signal.throwIfAborted();
      if (performance.now() > giveUpAt)
        return `GET /v1/ops/status returns ${state} (docs/operation.md, "Closed ledger and frozen accounts").`;
      await pause(OPEN_POLL_MS);
    }
  }

  /** @param {import('./system/process.mjs').Program} program */
  async #keep(program) {
    const kept = await keepRunning(program, { onNewPid: () => this.#publish(), signal: this.#signal });
    this.#kept.push(kept);
    return kept;
  }

  /** @param {Parts} parts */
  #writeFile({ redis, mysql, pods, apiKey }) {
    try {
      writeStackFile(this.#folder, {
        api: addressesOf(pods),
        apiKey,
        ...addressesOfStores({ redis, mysql }),
        pods: pods.map(({ kept, role, url }) => ({ pid: kept.pid(), role, url })),
      });
    } catch (error) {
      print(`could not write stack.json: ${error}`);
    }
  }

  /** The path for messages: relative if that is shorter. */
  get #shownFolder() {
    const folder = relative(process.env['INIT_CWD'] ?? process.cwd(), this.#folder) || '.';
    return folder.startsWith('..') ? this.#folder : folder;
  }

  /**
   * @param {Parts} parts
   * @param {number} since
   * @param {string | null} closed why no writes are accepted
   */
  #announce({ redis, mysql, pods }, since, closed) {
    const shown = this.#shownFolder;
    const apis = addressesOf(pods);
    const state =
      closed === null
        ? `Holdfast is ready (${elapsed(since)}).`
        : `The service is running, but accepts no writes: ${closed}`;
    print(`${state}
  API     ${apis.join('  ')}   to read and try: ${apis[0]}/docs
${storeLines({ redis, mysql })}
  Files   ${shown}: stack.json (addresses and pids), api-key, logs/, and the data${this.#settings.watch ? '\nThe service runs the sources: a change in app/ restarts it.' : ''}
Try it, in another terminal; Ctrl-C here stops ${redis[0]?.kept ? 'everything' : 'the service'} and loses nothing:`);
    // This line has no time prefix, so that it can be pasted.
    console.log(
      `\n  curl -H "Authorization: Bearer $(cat ${shown}/api-key)" ${apis[0]}/v1/accounts/${ALICE}/balance\n`,
    );
  }

  /**
   * @param {Stores} stores
   * @param {number} since
   */
  #tellStores({ redis, mysql }, since) {
    print(`The stores are ready (${elapsed(since)}).
${storeLines({ redis, mysql })}
  Files   ${this.#shownFolder}: stores.json (addresses, password and pids), logs/, and the data
The service, in another terminal: npm start -- --service-only. Ctrl-C here stops the stores and loses nothing.`);
  }

  /** Stops the pods first, so that no request is cut off, then the keeper, which still flushes, and Redis last. */
  async stop() {
    for (const part of PARTS) {
      const kept = this.#kept.filter(({ program }) => program.part === part);
      if (kept.length === 0) continue;
      this.waitsFor = kept
        .map(({ program, pid }) => `${program.name} (pid ${pid()}, up to ${program.stopMsMax / 1000} s)`)
        .join(', ');
      await Promise.all(
        kept.map(async ({ program, stop }) => {
          const since = performance.now();
          const obeyed = await stop();
          print(
            obeyed
              ? `${program.name} has stopped (${elapsed(since)}).`
              : `${program.name} did not stop in ${program.stopMsMax / 1000} s and was killed.`,
          );
        }),
      );
    }
    if (this.#kept.length === 0) return;
    if (this.#settings.scope === 'stores') removeStoresFile(this.#folder);
    else removeStackFile(this.#folder);
  }
}

/**
 * @param {Stores} stores
 * @returns {import('./stack-file.mjs').StoresFile}
 */
function addressesOfStores({ redis, mysql }) {
  const shards = redis.flatMap(({ host, port, kept }, shard) => {
    const database = mysql[shard];
    if (!database) return [];
    const { url: _, kept: server, ...address } = database;
    return [{ redis: { host, port, pid: kept?.pid() ?? null }, mysql: { ...address, pid: server?.pid() ?? null } }];
  });
  const [first] = shards;
  if (!first) throw new Error('there is no shard');
  return shards.length === 1 ? first : { ...first, shards };
}

/** @param {Stores} stores */
function storeLines({ redis, mysql }) {
  const servers = [...new Set(mysql.map(({ host, port }) => `${host}:${port}`))].join(', ');
  return `  Redis   ${redis.map(({ host, port }) => `${host}:${port}`).join(', ')}
  MySQL   ${servers}, database ${mysql.map(({ database }) => database).join(', ')}`;
}

/**
 * The URLs of all shards, or a single URL if they are all the same, as for shards that share a Redis.
 * @param {readonly { url: string }[]} stores
 */
function joined(stores) {
  return [...new Set(stores.map(({ url }) => url))].length === 1
    ? (stores[0]?.url ?? '')
    : stores.map(({ url }) => url).join(' ');
}

/** @param {readonly Pod[]} pods */
function addressesOf(pods) {
  return pods.filter(({ role }) => role === 'api').map(({ url }) => url);
}

/**
 * Waits for all promises even if one fails, because a stop must know everything that was started.
 * @template T
 * @param {readonly Promise<T>[]} promises
 */
async function allOf(promises) {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/**
 * @template A, B
 * @param {Promise<A>} a
 * @param {Promise<B>} b
 */
async function bothOf(a, b) {
  await Promise.allSettled([a, b]);
  return Promise.all([a, b]);
}
