import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { migrate, type Surroundings } from '../../devstack/pods.mjs';
import { databasesOf, mysqlUrl, USER } from '../../devstack/stores/mariadb.mjs';
import { LOOPBACK } from '../../devstack/system/ports.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { Balancer } from './balancer.ts';
import { builtOnce, type Mode, modeOf } from './cluster.ts';
import { type Address, Link } from './link.ts';
import type { Member } from './member.ts';
import { Mysql } from './mysql.ts';
import { MysqlServer } from './mysql-server.ts';
import { RedisServer } from './redis-server.ts';
import { newService, type Service } from './service.ts';
import type { StackFile, System } from './system.ts';
import { sleep, until } from './time.ts';

export interface ShardedClusterOptions {
  shards?: number;
  pods?: number;
  keepers?: number;
  /** Each process reaches every store of every shard through links of its own, which can be cut. */
  wired?: boolean;
  env?: Readonly<Record<string, string>>;
  /** Where each shard finds a Redis that the caller starts and stops; null: a separate Redis for this shard. */
  redisUrls?: readonly (string | null)[];
}

/** The links of a process to the stores of each shard. */
interface ShardWires {
  redis: readonly Link[];
  mysql: readonly Link[];
}

const ROOT = join(import.meta.dirname, '..', '..');
const MODE_EVERY_MS = 20;
const BACK_MS_MAX = 300_000;

/**
 * A ledger with several shards: pods, keepers, a Redis for each shard, and one MariaDB with a database for each, as child
 * processes, which only the test restarts. All of them stop when this process does.
 */
export class ShardedCluster implements System, AsyncDisposable {
  readonly dir: string;
  readonly shards: number;
  /** The Redis of the shard; null if the caller starts and stops it. */
  readonly #redises: readonly (RedisServer | null)[];
  readonly mysql: MysqlServer;
  readonly pods: readonly Service[];
  readonly keepers: readonly Service[];
  keep = false;
  readonly #wires: ReadonlyMap<Service, ShardWires>;
  readonly #around: Surroundings;
  readonly #addresses: StackFile['mysql'][];
  /** The URLs of the Redis of each shard. */
  readonly #redisUrls: string[];
  readonly #balancer: Balancer;
  readonly #readers: (Mysql | null)[] = [];
  readonly #others: Member[] = [];
  readonly #atExit = () => this.#end();

  private constructor(parts: {
    redises: (RedisServer | null)[];
    mysql: MysqlServer;
    pods: Service[];
    keepers: Service[];
    wires: Map<Service, ShardWires>;
    around: Surroundings;
    addresses: StackFile['mysql'][];
    redisUrls: string[];
  }) {
    const { redises, mysql, pods, keepers, wires, around, addresses, redisUrls } = parts;
    this.dir = around.folder;
    this.shards = addresses.length;
    this.#redises = redises;
    this.mysql = mysql;
    this.pods = pods;
    this.keepers = keepers;
    this.#wires = wires;
    this.#around = around;
    this.#addresses = addresses;
    this.#redisUrls = redisUrls;
    this.#balancer = new Balancer(pods.map(({ url }) => url));
    process.once('exit', this.#atExit);
  }

  static async start(options: ShardedClusterOptions = {}): Promise<ShardedCluster> {
    const cluster = await ShardedCluster.#assemble(options);
    try {
      await cluster.#startAll();
      return cluster;
    } catch (error) {
      cluster.keep = true;
      await cluster[Symbol.asyncDispose]();
      throw new Error(`no cluster: see ${cluster.keptAs}`, { cause: error });
    }
  }

  static async #assemble(options: ShardedClusterOptions): Promise<ShardedCluster> {
    const { shards = 3, pods = 3, keepers = 2, wired = false, env, redisUrls = [] } = options;
    const dir = temporaryFolder();
    await builtOnce(ROOT, dir);
    const redises = await redisServers(dir, shards);
    const mysql = await MysqlServer.in({ dir: join(dir, 'mysql'), stack: dir, shards });
    const { port, password } = mysql;
    const databases = databasesOf(shards);
    const urls = (redis: readonly Link[] | null, mysql: readonly Link[] | null) => ({
      redisUrl: (redis ?? redises)
        .map(({ host, port }, shard) => redisUrls[shard] ?? `redis://${host}:${port}/0`)
        .join(' '),
      mysqlUrl: databases
        .map((database, shard) => mysqlUrl({ port: mysql?.[shard]?.port ?? port, password, database }))
        .join(' '),
    });
    const around = { root: ROOT, folder: dir, shards, apiKey: randomBytes(24).toString('hex'), ...urls(null, null) };
    const wires = new Map<Service, ShardWires>();
    const several = (role: 'api' | 'keeper', count: number) =>
      Promise.all(
        Array.from({ length: count }, async (_, index) => {
          if (!wired) return newService(around, role, index + 1, { env });
          const redis = await Promise.all(redises.map((server) => Link.to(server)));
          const mysql = await Promise.all(databases.map(() => Link.to({ host: LOOPBACK, port })));
          const service = await newService({ ...around, ...urls(redis, mysql) }, role, index + 1, { env });
          wires.set(service, { redis, mysql });
          return service;
        }),
      );
    return new ShardedCluster({
      redises: redises.map((server, shard) => (redisUrls[shard] ? null : server)),
      mysql,
      pods: await several('api', pods),
      keepers: await several('keeper', keepers),
      wires,
      around,
      addresses: databases.map((database) => ({ host: LOOPBACK, port, user: USER, password, database, pid: null })),
      redisUrls: around.redisUrl.split(' '),
    });
  }

  async #startAll(): Promise<void> {
    await Promise.all([...this.redises, this.mysql].map((store) => store.start()));
    await migrate(this.#around, new AbortController().signal);
    await Promise.all([...this.keepers, ...this.pods].map((one) => one.start()));
    await this.untilBack();
  }

  get file(): StackFile {
    const [first] = this.#addresses;
    if (!first) throw new RangeError('there are no shards');
    const redis = (shard: number): StackFile['redis'] => {
      const { host, port, pid } = this.#redises[shard] ?? { host: LOOPBACK, port: 0, pid: null };
      return { host, port, pid };
    };
    return {
      api: this.pods.map(({ url }) => url),
      apiKey: this.#around.apiKey,
      redis: redis(0),
      mysql: { ...first, pid: this.mysql.pid },
      shards: this.#addresses.map((mysql, shard) => ({ redis: redis(shard), mysql })),
      pods: [...this.pods, ...this.keepers].map(({ pid, url, name }) => ({ pid, url, role: name })),
    };
  }

  get addresses(): readonly string[] {
    return this.#balancer.addresses;
  }

  /** Does nothing: no other process stops the members of a cluster. */
  assertRunning(): void {}

  pod(index: number): Service {
    return at(this.pods, index);
  }
  redis(shard: number): RedisServer {
    const server = at(this.#redises, shard);
    if (!server) throw new Error(`the Redis of shard ${shard} belongs to the caller`);
    return server;
  }
  get redises(): RedisServer[] {
    return this.#redises.filter((server) => server !== null);
  }

  /** The link of a process to a store of a shard. */
  wire(service: Service, to: keyof ShardWires, shard: number): Link {
    const wires = this.#wires.get(service);
    if (!wires) throw new Error(`${service.name} has no links`);
    return at(wires[to], shard);
  }

  /** The links of all processes to a store of a shard. */
  wires(to: keyof ShardWires, shard: number): Link[] {
    return [...this.pods, ...this.keepers].map((service) => this.wire(service, to, shard));
  }

  /** Changes the address of a store of a shard, for each process from its next start on. */
  relocate(shard: number, to: { redis?: Address; mysql?: MysqlServer }): void {
    if (this.#wires.size > 0) throw new Error('addresses cannot change while the processes have links to their stores');
    if (to.redis) this.#redisUrls[shard] = `redis://${to.redis.host}:${to.redis.port}/0`;
    if (to.mysql) this.#readFrom(shard, to.mysql);
    const MYSQL_URL = this.#addresses.map((address) => mysqlUrl(address)).join(' ');
    for (const service of [...this.keepers, ...this.pods])
      service.configure({ REDIS_URL: this.#redisUrls.join(' '), MYSQL_URL });
  }

  /** Moves the links of all processes from the MySQL of a shard to another server, as if its host name had moved. */
  renameMysql(shard: number, to: MysqlServer): void {
    this.#readFrom(shard, to);
    for (const link of this.wires('mysql', shard)) link.redirect(to);
  }

  #readFrom(shard: number, { port, password, pid }: MysqlServer): void {
    this.#addresses[shard] = { ...at(this.#addresses, shard), port, password, pid };
    this.#readers[shard]?.[Symbol.dispose]();
    this.#readers[shard] = null;
  }

  /** Restarts processes with SIGTERM, one after the other, and waits for each. */
  async roll(services: readonly Service[]): Promise<void> {
    for (const service of services) {
      await service.stop();
      await service.start();
    }
  }

  /** Adds a process, which stops with the cluster. */
  add<M extends Member>(member: M): M {
    this.#others.push(member);
    return member;
  }

  /** Queries the MySQL of a shard directly; it must be running. */
  async query(shard: number, sql: string, values: unknown[] = []): Promise<RowDataPacket[]> {
    try {
      const reader = this.#readers[shard] ?? (await Mysql.open(at(this.#addresses, shard)));
      this.#readers[shard] = reader;
      return await reader.rows(sql, values);
    } catch (error) {
      this.#readers[shard]?.[Symbol.dispose]();
      this.#readers[shard] = null;
      throw error;
    }
  }

  async mode(shard: number): Promise<Mode> {
    const [row] = await this.query(shard, 'SELECT `mode` FROM authority');
    return modeOf(String(row?.['mode']));
  }

  async epoch(shard: number): Promise<number> {
    const [row] = await this.query(shard, 'SELECT epoch FROM authority');
    return Number(row?.['epoch']);
  }

  async untilMode(shard: number, mode: Mode, msMax: number): Promise<void> {
    const deadline = performance.now() + msMax;
    for (;;) {
      const now = await this.mode(shard).catch(() => null);
      if (now === mode) return;
      if (performance.now() > deadline)
        throw new Error(`the authority of shard ${shard} is ${now}, not ${mode}, after ${msMax} ms`);
      await sleep(MODE_EVERY_MS);
    }
  }

  /** Waits until this epoch, or a later one, has begun. */
  async untilEpoch(shard: number, epoch: number, msMax = BACK_MS_MAX): Promise<void> {
    await until(`shard ${shard} is in epoch ${epoch}`, msMax, async () => (await this.epoch(shard)) >= epoch);
  }

  /** Waits until all pods serve all shards from the cache. */
  async untilBack(msMax = BACK_MS_MAX): Promise<void> {
    for (let shard = 0; shard < this.shards; shard++) await this.untilMode(shard, 'CACHE', msMax);
    await until('all pods are ready', msMax, () => this.#balancer.readyCount === this.pods.length);
  }

  get keptAs(): string {
    return this.dir.replace('holdfast-test-', 'holdfast-kept-');
  }

  #members(): Member[] {
    return [...this.pods, ...this.keepers, ...this.redises, this.mysql, ...this.#others];
  }

  /** Stops everything immediately: nothing is needed afterwards. */
  #end(): void {
    for (const member of this.#members()) member.signal('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#balancer[Symbol.dispose]();
    for (const reader of this.#readers) reader?.[Symbol.dispose]();
    await Promise.all(this.#members().map((member) => member.kill()));
    for (const { redis, mysql } of this.#wires.values())
      for (const link of [...redis, ...mysql]) link[Symbol.dispose]();
    process.off('exit', this.#atExit);
    if (this.keep) renameSync(this.dir, this.keptAs);
    else rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function redisServers(dir: string, count: number): Promise<RedisServer[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, shard) => {
      const own = join(dir, `redis-${shard}`);
      mkdirSync(own, { recursive: true });
      return RedisServer.in({ dir: own, stack: dir });
    }),
  );
}

function at<T>(list: readonly T[], index: number): T {
  const one = list[index];
  if (one === undefined) throw new RangeError(`there is no element ${index}`);
  return one;
}
