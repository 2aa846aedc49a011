import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { migrate, type Surroundings } from '../../devstack/pods.mjs';
import { DATABASE, mariadbProgram, mysqlUrl, USER } from '../../devstack/stores/mariadb.mjs';
import { whileLocked } from '../../devstack/system/lock.mjs';
import { LOOPBACK } from '../../devstack/system/ports.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { buildUnlessDone } from '../../scripts/build.mjs';
import { Balancer } from './balancer.ts';
import { Link } from './link.ts';
import { Member } from './member.ts';
import { Mysql } from './mysql.ts';
import { ownPort } from './ports.ts';
import { RedisServer, type RedisServerOptions } from './redis-server.ts';
import { newService, type Service } from './service.ts';
import type { StackFile, System } from './system.ts';
import { sleep, until } from './time.ts';

export type Mode = 'CACHE' | 'CLOSING' | 'DIRECT' | 'REBUILDING';
/** The mode without the rule format, which MySQL appends to its name from format 2 on. */
export const modeOf = (name: string): Mode => name.replace(/_\d+$/, '') as Mode;

export interface ClusterOptions {
  pods?: number;
  keepers?: number;
  /** The release that is started; by default this one. */
  root?: string;
  /** Each process reaches Redis and MySQL through links of its own, which can be cut. */
  wired?: boolean;
  /** Settings of pods and keepers. */
  env?: Readonly<Record<string, string>>;
  redis?: Omit<RedisServerOptions, 'dir' | 'stack'> & { dir?: string };
  /** Called when everything has stopped, for any reason. */
  cleanUp?(): void;
}

const ROOT = join(import.meta.dirname, '..', '..');
const MODE_EVERY_MS = 10;
const READY_MS_MAX = 300_000;
const BACK_MS_MAX = 300_000;

/**
 * Pods, keepers, Redis and MariaDB as child processes, in a separate folder. Unlike with `npm start`, a process that
 * dies is restarted only by the test. All of them stop when this process does, for any reason.
 */
export class Cluster implements System, AsyncDisposable {
  readonly dir: string;
  readonly redis: RedisServer;
  readonly mysql: Member;
  readonly pods: readonly Service[];
  readonly keepers: readonly Service[];
  /** Set if the test has failed: data and logs are kept for inspection, under another name. */
  keep = false;
  /** Once it is set, the only address that clients use. */
  proxy: string | null = null;
  readonly #apiKey: string;
  readonly #address: StackFile['mysql'];
  readonly #balancer: Balancer;
  readonly #others = new Set<Member>();
  readonly #root: string;
  readonly #cleanUp: () => void;
  readonly #atExit = () => this.#end();
  #mysql: Mysql | null = null;

  private constructor(parts: {
    dir: string;
    redis: RedisServer;
    mysql: Member;
    pods: Service[];
    keepers: Service[];
    apiKey: string;
    address: StackFile['mysql'];
    root: string;
    cleanUp: () => void;
  }) {
    const { dir, redis, mysql, pods, keepers, apiKey, address, root, cleanUp } = parts;
    this.dir = dir;
    this.redis = redis;
    this.mysql = mysql;
    this.pods = pods;
    this.keepers = keepers;
    this.#apiKey = apiKey;
    this.#address = address;
    this.#root = root;
    this.#cleanUp = cleanUp;
    this.#balancer = new Balancer(pods.map(({ url }) => url));
    process.once('exit', this.#atExit);
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = await Cluster.#assemble(options);
    try {
      await cluster.#startAll();
      return cluster;
    } catch (error) {
      cluster.keep = true;
      await cluster[Symbol.asyncDispose]();
      throw new Error(`no cluster: see ${cluster.keptAs}`, { cause: error });
    }
  }

  static async #assemble(options: ClusterOptions): Promise<Cluster> {
    const { pods = 3, keepers = 2, root = ROOT, wired, env, redis, cleanUp } = options;
    const dir = temporaryFolder();
    for (const release of new Set([ROOT, root])) await builtOnce(release, dir);
    const redisDir = redis?.dir ?? join(dir, 'redis');
    mkdirSync(redisDir, { recursive: true });
    const server = await RedisServer.in({ ...redis, dir: redisDir, stack: dir });
    const port = await ownPort();
    const logFile = join(dir, 'logs', 'mysql.log');
    const { program, password } = await mariadbProgram({ dir: join(dir, 'mysql'), port, stack: dir, logFile });
    const address = { host: LOOPBACK, port, user: USER, password, database: DATABASE, pid: null };
    const apiKey = randomBytes(24).toString('hex');
    const service = async (role: 'api' | 'keeper', number: number): Promise<Service> => {
      const wires = wired ? { redis: await Link.to(server), mysql: await Link.to({ host: LOOPBACK, port }) } : null;
      const { host: redisHost, port: redisPort } = wires?.redis ?? server;
      const around = {
        root,
        folder: dir,
        redisUrl: `redis://${redisHost}:${redisPort}/0`,
        mysqlUrl: mysqlUrl({ port: wires?.mysql.port ?? port, password }),
        apiKey,
      };
      return newService(around, role, number, { wires, env });
    };
    const several = (role: 'api' | 'keeper', count: number) =>
      Promise.all(Array.from({ length: count }, (_, index) => service(role, index + 1)));
    return new Cluster({
      dir,
      redis: server,
      mysql: new Member(program),
      pods: await several('api', pods),
      keepers: await several('keeper', keepers),
      apiKey,
      address,
      root,
      cleanUp: cleanUp ?? (() => {}),
    });
  }

  async #startAll(): Promise<void> {
    await Promise.all([this.redis.start(), this.mysql.start()]);
    await this.migrate(this.#root);
    await Promise.all([...this.keepers, ...this.pods].map((one) => one.start()));
    await this.untilBack();
  }

  /** The folder, stores and key with which processes of a release are started; by default those of this release. */
  around(root = ROOT): Surroundings {
    const { password, port } = this.#address;
    return {
      root,
      folder: this.dir,
      redisUrl: `redis://${this.redis.host}:${this.redis.port}/0`,
      mysqlUrl: mysqlUrl({ port, password }),
      apiKey: this.#apiKey,
    };
  }

  /** Migrates the schema, as is done before the first process of a release starts. */
  migrate(root = ROOT): Promise<void> {
    return migrate(this.around(root), new AbortController().signal);
  }

  get file(): StackFile {
    const { host, port, pid } = this.redis;
    return {
      api: this.pods.map(({ url }) => url),
      apiKey: this.#apiKey,
      redis: { host, port, pid },
      mysql: { ...this.#address, pid: this.mysql.pid },
      pods: [...this.pods, ...this.keepers].map(({ pid, url, name }) => ({ pid, url, role: name })),
    };
  }

  get addresses(): readonly string[] {
    return this.proxy === null ? this.#balancer.addresses : [this.proxy];
  }

  /** Does nothing: no other process stops the members of a cluster. */
  assertRunning(): void {}

  /** Adds a process, which stops with the cluster. */
  add<M extends Member>(member: M): M {
    this.#others.add(member);
    return member;
  }

  pod(index: number): Service {
    return memberAt(this.pods, index);
  }
  keeper(index: number): Service {
    return memberAt(this.keepers, index);
  }

  /** Waits until every pod can serve. */
  async untilReady(msMax = READY_MS_MAX): Promise<void> {
    await until('all pods are ready', msMax, () => this.#balancer.readyCount === this.pods.length);
  }

  /** Queries MySQL directly; it must be running. */
  async query(sql: string): Promise<RowDataPacket[]> {
    try {
      this.#mysql ??= await Mysql.open(this.#address);
      return await this.#mysql.rows(sql);
    } catch (error) {
      this.#mysql?.[Symbol.dispose]();
      this.#mysql = null;
      throw error;
    }
  }

  async mode(): Promise<Mode> {
    const [row] = await this.query('SELECT `mode` FROM authority WHERE shard = 0');
    return modeOf(String(row?.['mode']));
  }

  /** Polls often, so that the change is noticed immediately; MySQL may be unavailable meanwhile. */
  async untilMode(mode: Mode, msMax: number): Promise<void> {
    const deadline = performance.now() + msMax;
    for (;;) {
      const now = await this.mode().catch(() => null);
      if (now === mode) return;
      if (performance.now() > deadline) throw new Error(`the authority is ${now}, not ${mode}, after ${msMax} ms`);
      await sleep(MODE_EVERY_MS);
    }
  }

  /** Waits until all pods serve from the cache. */
  async untilBack(msMax = BACK_MS_MAX): Promise<void> {
    await this.untilMode('CACHE', msMax);
    await this.untilReady(msMax);
  }

  /**
   * The keeper that moved the authority last: keepers write the name of their process into the log of the authority.
   */
  async mover(): Promise<Service | null> {
    const [row] = await this.query('SELECT changed_by FROM authority_log ORDER BY epoch DESC LIMIT 1');
    return this.keepers.find(({ log }) => log.includes(String(row?.['changed_by']))) ?? null;
  }

  get keptAs(): string {
    return this.dir.replace('holdfast-test-', 'holdfast-kept-');
  }

  /** Stops everything immediately: nothing is needed afterwards. */
  #end(): void {
    for (const member of this.#members()) member.signal('SIGKILL');
    this.#cleanUp();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  #members(): Member[] {
    return [...this.pods, ...this.keepers, this.redis, this.mysql, ...this.#others];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#balancer[Symbol.dispose]();
    this.#mysql?.[Symbol.dispose]();
    await Promise.all(this.#members().map((member) => member.kill()));
    for (const { wires } of [...this.pods, ...this.keepers]) {
      wires?.redis[Symbol.dispose]();
      wires?.mysql[Symbol.dispose]();
    }
    process.off('exit', this.#atExit);
    this.#cleanUp();
    if (this.keep) renameSync(this.dir, this.keptAs);
    else rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Builds a release, unless its build is up to date. */
export const builtOnce = (root: string, dir: string): Promise<void> =>
  whileLocked(root, () => buildUnlessDone({ root, logFile: join(dir, 'logs', 'build.log') }));

function memberAt(members: readonly Service[], index: number): Service {
  const member = members[index];
  if (!member) throw new RangeError(`there is no element ${index}`);
  return member;
}
