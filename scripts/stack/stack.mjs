/**
 * `npm start`, told in order: claim the folder, end what a killed start left there, install, build, start the stores, migrate,
 * start the keeper and the API pods, keep all of it running, and stop it the other way round: clients first, Redis last.
 */
import { join, relative } from 'node:path';
import { buildUnlessDone } from '../build.mjs';
import { ALICE, openDemoAccounts } from './demo.mjs';
import { kept as keptValue, openFolder } from './folder.mjs';
import { lockWhenFree, whileLocked } from './lock.mjs';
import { boundLogs, rotateLogs } from './logs.mjs';
import { endOrphans } from './orphans.mjs';
import { installNpmPackages, installPrograms } from './packages.mjs';
import { migrate, pod } from './pods.mjs';
import { freePort, isFree, LOOPBACK, rememberedPorts } from './ports.mjs';
import { PARTS } from './process.mjs';
import { installRuntime } from './runtime.mjs';
import { elapsed, say, Trouble } from './say.mjs';
import { removeStackFile, writeStackFile } from './stack-file.mjs';
import { provideMysql, provideRedis } from './stores.mjs';
import { keepRunning } from './supervise.mjs';

/** @typedef {import('./supervise.mjs').Kept} Kept */
/** @typedef {{ role: string, url: string, kept: Kept }} Pod */
/** @typedef {{ redis: import('./stores.mjs').Redis, mysql: import('./stores.mjs').Mysql, pods: Pod[], apiKey: string }} Parts */

export class Stack {
  /** For people: what a stop waits for at the moment. */
  waitsFor = 'the step of the start that is under way';

  #settings;
  #signal;
  #isStopping;
  #folder = '';
  /** @type {Kept[]} */
  #kept = [];
  /** Set once everything is ready: from then on every new pid is written down. */
  #publish = () => {};

  /**
   * @param {import('./settings.mjs').Settings} settings
   * @param {AbortSignal} signal ends a start that is under way
   * @param {() => boolean} isStopping told to another start in the same folder, which then waits
   */
  constructor(settings, signal, isStopping) {
    this.#settings = settings;
    this.#signal = signal;
    this.#isStopping = isStopping;
  }

  /**
   * Returns when everything is ready.
   * @throws {Trouble}
   */
  async start() {
    const since = performance.now();
    await this.#claim();
    await this.#prepare();
    const parts = await this.#startParts();
    const [api = ''] = addressesOf(parts.pods);
    const fault = await openDemoAccounts(api, parts.apiKey, this.#signal);
    if (fault !== null) say(`The demo accounts are not as they should be: ${fault}`);
    this.#publish = () => this.#writeFile(parts);
    this.#publish();
    this.#tell(parts, since);
  }

  /** The folder is this process's alone, nothing runs in it, and the ports that were asked for are free. */
  async #claim() {
    this.#folder = openFolder(this.#settings.folder);
    const lock = await lockWhenFree(this.#folder, { isGoing: this.#isStopping, signal: this.#signal });
    if (!lock.held) {
      throw new Trouble(
        `Holdfast is already running in ${this.#folder} (process ${lock.by}). Stop that one first (kill ${lock.by}), or name another folder by STACK_DIR and another port by PORT.`,
      );
    }
    const ended = await endOrphans((stack) => stack === this.#folder);
    if (ended.length > 0) {
      const parts = [...new Set(ended.map(({ part }) => part))].join(', ');
      say(`Ended what an earlier start had left running when it was killed: ${parts}.`);
    }
    removeStackFile(this.#folder);
    for (const port of this.#settings.ports) {
      if (await isFree(port)) continue;
      throw new Trouble(
        `Port ${port} on ${LOOPBACK} cannot be used: something listens there, or this user may not. End that, or choose another port, such as: PORT=${await freePort()} npm start`,
      );
    }
  }

  /** Everything that is needed is installed and built. */
  async #prepare() {
    const { root, redisUrl, mysqlUrl } = this.#settings;
    const logs = join(this.#folder, 'logs');
    rotateLogs(logs);
    boundLogs(logs);
    const signal = this.#signal;
    const installAndBuild = async () => {
      await installNpmPackages({ root, logFile: join(logs, 'npm.log'), signal });
      await installRuntime({ root, logFile: join(logs, 'runtime.log'), signal });
      await buildUnlessDone({ root, logFile: join(logs, 'build.log'), signal });
    };
    await whileLocked(root, installAndBuild, signal);
    const logFile = join(logs, 'apt.log');
    if (redisUrl === null) await installPrograms(['redis'], { logFile });
    if (mysqlUrl === null) await installPrograms(['mysql'], { logFile });
  }

  /** @returns {Promise<Parts>} */
  async #startParts() {
    const { redisUrl, mysqlUrl, root, ports } = this.#settings;
    const folder = this.#folder;
    const signal = this.#signal;
    const keep = this.#keep.bind(this);
    const own = await rememberedPorts(join(folder, 'ports.json'), ['redis', 'mysql', 'keeper'], ports);
    const [redis, mysql] = await bothOf(
      provideRedis({ folder, port: own.redis, given: redisUrl, keep }),
      provideMysql({ folder, port: own.mysql, given: mysqlUrl, keep, signal }),
    );
    const apiKey = keptValue(join(folder, 'api-key'));
    const around = { root, folder, redisUrl: redis.url, mysqlUrl: mysql.url, apiKey };
    await migrate(around, signal);
    const wanted = [
      pod(around, 'keeper', own.keeper),
      ...ports.map((port, index) => pod(around, 'api', port, index + 1)),
    ];
    const pods = await allOf(wanted.map(async ({ program, ...rest }) => ({ ...rest, kept: await keep(program) })));
    return { redis, mysql, pods, apiKey };
  }

  /** @param {import('./process.mjs').Program} program */
  async #keep(program) {
    const kept = await keepRunning(program, { onNewPid: () => this.#publish(), signal: this.#signal });
    this.#kept.push(kept);
    return kept;
  }

  /** @param {Parts} parts */
  #writeFile({ redis, mysql, pods, apiKey }) {
    const { host, port, user, password, database } = mysql;
    try {
      writeStackFile(this.#folder, {
        api: addressesOf(pods),
        apiKey,
        redis: { host: redis.host, port: redis.port, pid: redis.kept?.pid() ?? null },
        mysql: { host, port, user, password, database, pid: mysql.kept?.pid() ?? null },
        pods: pods.map(({ kept, role, url }) => ({ pid: kept.pid(), role, url })),
      });
    } catch (error) {
      say(`stack.json could not be written: ${error}`);
    }
  }

  /**
   * @param {Parts} parts
   * @param {number} since
   */
  #tell({ redis, mysql, pods }, since) {
    const folder = relative(process.env['INIT_CWD'] ?? process.cwd(), this.#folder) || '.';
    const shown = folder.startsWith('..') ? this.#folder : folder;
    const apis = addressesOf(pods);
    say(`Holdfast is ready (${elapsed(since)}).
  API     ${apis.join('  ')}   to read and try: ${apis[0]}/docs
  Redis   ${redis.host}:${redis.port}
  MySQL   ${mysql.host}:${mysql.port}, database ${mysql.database}
  Files   ${shown}: stack.json (addresses and pids), api-key, logs/, and the data
Try it, in another terminal; Ctrl-C here stops everything and loses nothing:`);
    // Without the time in front, so that it can be pasted.
    console.log(
      `\n  curl -H "Authorization: Bearer $(cat ${shown}/api-key)" ${apis[0]}/v1/accounts/${ALICE}/balance\n`,
    );
  }

  /** Clients first, so that nobody is refused halfway; then the keeper, which still flushes; Redis last. */
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
          say(
            obeyed
              ? `${program.name} has stopped (${elapsed(since)}).`
              : `${program.name} did not stop in ${program.stopMsMax / 1000} s and was killed.`,
          );
        }),
      );
    }
    if (this.#kept.length > 0) removeStackFile(this.#folder);
  }
}

/** @param {readonly Pod[]} pods */
function addressesOf(pods) {
  return pods.filter(({ role }) => role === 'api').map(({ url }) => url);
}

/**
 * Waits for all even when one fails: whatever is started must be known before a stop.
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
