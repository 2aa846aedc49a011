import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { migrate, pod as podProgram } from '../../devstack/pods.mjs';
import { DATABASE, mariadbProgram, mysqlUrl, USER } from '../../devstack/stores/mariadb.mjs';
import { whileLocked } from '../../devstack/system/lock.mjs';
import { LOOPBACK } from '../../devstack/system/ports.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { buildUnlessDone } from '../../scripts/build.mjs';
import { Balancer } from './balancer.ts';
import type { Ground } from './hypothesis.ts';
import { Link } from './link.ts';
import { Member } from './member.ts';
import { ownPort } from './ports.ts';
import { RedisServer, type RedisServerOptions } from './redis-server.ts';
import type { StackFile, System } from './system.ts';
import { sleep, until } from './time.ts';

export type Mode = 'CACHE' | 'CLOSING' | 'DIRECT' | 'REBUILDING';

export interface ClusterOptions {
  pods?: number;
  keepers?: number;
  /** Each process reaches Redis and MySQL through wires of its own, which can be cut. */
  wired?: boolean;
  /** Settings of pods and keepers. */
  env?: Readonly<Record<string, string>>;
  redis?: Omit<RedisServerOptions, 'dir' | 'stack'> & { dir?: string };
  /** Runs when everything has ended, whatever ended it. */
  cleanUp?(): void;
}

/** One of our processes, and its wires when it has any. */
export class Service extends Member {
  readonly url: string;
  readonly wires: { redis: Link; mysql: Link } | null;

  constructor(program: ConstructorParameters<typeof Member>[0], url: string, wires: Service['wires']) {
    super(program);
    this.url = url;
    this.wires = wires;
  }

  wire(to: 'redis' | 'mysql'): Link {
    if (!this.wires) throw new Error(`${this.name} has no wires`);
    return this.wires[to];
  }
}

const ROOT = join(import.meta.dirname, '..', '..');
const MODE_EVERY_MS = 10;
const READY_MS_MAX = 300_000;
const BACK_MS_MAX = 300_000;

/** As in Kubernetes: a pod that is told to end stays until the balancer has noticed. A line for each transfer would cost too much here. */
const USUAL = {
  api: { PRE_STOP_DELAY_MS: '1000', LOG_LEVEL: 'warn' },
  keeper: {},
} as const;

/**
 * Pods, keepers, Redis and MariaDB as processes of this one, in a folder of their own. Unlike with `npm start` nobody starts
 * again what dies: the test does, when it likes. Whatever ends this process ends them, too.
 */
export class Cluster implements System, AsyncDisposable {
  readonly dir: string;
  readonly redis: RedisServer;
  readonly mysql: Member;
  readonly pods: readonly Service[];
  readonly keepers: readonly Service[];
  /** Set when something was found: data and logs stay for a look, under another name. */
  keep = false;
  /** The only address that clients know, once there is one. */
  proxy: string | null = null;
  readonly #apiKey: string;
  readonly #address: StackFile['mysql'];
  readonly #balancer: Balancer;
  readonly #others = new Set<Member>();
  readonly #cleanUp: () => void;
  readonly #atExit = () => this.#end();
  #connection: Connection | null = null;

  private constructor(parts: {
    dir: string;
    redis: RedisServer;
    mysql: Member;
    pods: Service[];
    keepers: Service[];
    apiKey: string;
    address: StackFile['mysql'];
    cleanUp: () => void;
  }) {
    const { dir, redis, mysql, pods, keepers, apiKey, address, cleanUp } = parts;
    this.dir = dir;
    this.redis = redis;
    this.mysql = mysql;
    this.pods = pods;
    this.keepers = keepers;
    this.#apiKey = apiKey;
    this.#address = address;
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

  static async #assemble({ pods = 3, keepers = 2, wired, env, redis, cleanUp }: ClusterOptions): Promise<Cluster> {
    const dir = temporaryFolder();
    await whileLocked(ROOT, () => buildUnlessDone({ root: ROOT, logFile: join(dir, 'logs', 'build.log') }));
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
      const redisAt = wires?.redis ?? server;
      const around = {
        root: ROOT,
        folder: dir,
        redisUrl: `redis://${redisAt.host}:${redisAt.port}/0`,
        mysqlUrl: mysqlUrl({ port: wires?.mysql.port ?? port, password }),
        apiKey,
      };
      const { program, url } = podProgram(around, role, await ownPort(), number);
      return new Service(
        { ...program, name: `${role} ${number}`, env: { ...program.env, ...USUAL[role], ...env } },
        url,
        wires,
      );
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
      cleanUp: cleanUp ?? (() => {}),
    });
  }

  async #startAll(): Promise<void> {
    await Promise.all([this.redis.start(), this.mysql.start()]);
    const { password, port } = this.#address;
    const redisUrl = `redis://${this.redis.host}:${this.redis.port}/0`;
    const around = {
      root: ROOT,
      folder: this.dir,
      redisUrl,
      mysqlUrl: mysqlUrl({ port, password }),
      apiKey: this.#apiKey,
    };
    await migrate(around, new AbortController().signal);
    await Promise.all([...this.keepers, ...this.pods].map((one) => one.start()));
    await this.untilBack();
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

  /** Nobody else ends what is ours. */
  assertRunning(): void {}

  /** One that the cluster did not begin with, and ends with it. */
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

  /** Every pod can serve. */
  async untilReady(msMax = READY_MS_MAX): Promise<void> {
    await until('all pods are ready', msMax, () => this.#balancer.readyCount === this.pods.length);
  }

  /** Straight from MySQL, which must be there. */
  async query(sql: string): Promise<RowDataPacket[]> {
    const { host, port, user, password, database } = this.#address;
    try {
      if (!this.#connection) {
        this.#connection = await createConnection({ host, port, user, password, database, timezone: 'Z' });
        this.#connection.on('error', () => {}); // shows in the query
      }
      return (await this.#connection.query<RowDataPacket[]>({ sql, timeout: 60_000 }))[0];
    } catch (error) {
      this.#connection?.destroy();
      this.#connection = null;
      throw error;
    }
  }

  async mode(): Promise<Mode> {
    const [row] = await this.query('SELECT `mode` FROM authority WHERE shard = 0');
    return row?.['mode'];
  }

  /** Seen as soon as it is so; MySQL may be away meanwhile. */
  async untilMode(mode: Mode, msMax: number): Promise<void> {
    const deadline = performance.now() + msMax;
    for (;;) {
      const now = await this.mode().catch(() => null);
      if (now === mode) return;
      if (performance.now() > deadline) throw new Error(`the authority is ${now}, and not ${mode} within ${msMax} ms`);
      await sleep(MODE_EVERY_MS);
    }
  }

  /** All pods serve from the cache. */
  async untilBack(msMax = BACK_MS_MAX): Promise<void> {
    await this.untilMode('CACHE', msMax);
    await this.untilReady(msMax);
  }

  /** Who moved the authority last: keepers write the name of their process into their log. */
  async mover(): Promise<Service | null> {
    const [row] = await this.query('SELECT changed_by FROM authority_log ORDER BY epoch DESC LIMIT 1');
    return this.keepers.find(({ log }) => log.includes(String(row?.['changed_by']))) ?? null;
  }

  get keptAs(): string {
    return this.dir.replace('holdfast-test-', 'holdfast-kept-');
  }

  /** At once and for good: nothing of it is needed afterwards. */
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
    this.#connection?.destroy();
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

function memberAt(members: readonly Service[], index: number): Service {
  const member = members[index];
  if (!member) throw new RangeError(`there is no ${index}`);
  return member;
}

/** A cluster of its own, and nothing else. */
export async function ownCluster(options: ClusterOptions = {}): Promise<Ground<Cluster>> {
  const stack = await Cluster.start(options);
  return { stack, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}
