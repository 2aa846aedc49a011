import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { migrate, type Surroundings } from '../../devstack/pods.mjs';
import { DATABASE, mariadbProgram, mysqlUrl, USER } from '../../devstack/stores/mariadb.mjs';
import { LOOPBACK } from '../../devstack/system/ports.mjs';
import type { Cluster } from '../../verification/harness/cluster.ts';
import type { Address } from '../../verification/harness/link.ts';
import { Member } from '../../verification/harness/member.ts';
import { Mysql } from '../../verification/harness/mysql.ts';
import { ownPort } from '../../verification/harness/ports.ts';
import { newService, type Service } from '../../verification/harness/service.ts';

/** A pod and a keeper that are connected to one Redis. */
interface Processes {
  pod: Service;
  keeper: Service;
}

/**
 * Another ledger alongside a cluster: with its own MySQL, identity, keeper and pod, and the same KEY_PREFIX. It stops
 * with the cluster.
 */
export class SecondInstallation {
  readonly #cluster: Cluster;
  readonly #around: Omit<Surroundings, 'redisUrl'>;
  readonly #address: Parameters<typeof Mysql.open>[0];
  #processes = 0;

  private constructor(
    cluster: Cluster,
    around: Omit<Surroundings, 'redisUrl'>,
    address: Parameters<typeof Mysql.open>[0],
  ) {
    this.#cluster = cluster;
    this.#around = around;
    this.#address = address;
  }

  /** Starts and migrates its MySQL. */
  static async beside(cluster: Cluster): Promise<SecondInstallation> {
    const dir = join(cluster.dir, 'second');
    mkdirSync(dir);
    const port = await ownPort();
    const logFile = join(dir, 'logs', 'mysql.log');
    const { program, password } = await mariadbProgram({ dir: join(dir, 'mysql'), port, stack: cluster.dir, logFile });
    await cluster.add(new Member({ ...program, name: 'the second MySQL' })).start();
    const around = { ...cluster.around(), mysqlUrl: mysqlUrl({ port, password }) };
    await migrate(around, new AbortController().signal);
    const address = { host: LOOPBACK, port, user: USER, password, database: DATABASE };
    return new SecondInstallation(cluster, around, address);
  }

  /** A new pod and keeper on the given Redis, not started yet. */
  async processesOn({ host, port }: Address): Promise<Processes> {
    const around = { ...this.#around, redisUrl: `redis://${host}:${port}/0` };
    const number = 100 + ++this.#processes;
    const [pod, keeper] = [await newService(around, 'api', number), await newService(around, 'keeper', number)];
    return { pod: this.#cluster.add(pod), keeper: this.#cluster.add(keeper) };
  }

  /** The identity of the second ledger. */
  async ledgerId(): Promise<string> {
    return ledgerIdIn((sql) => this.query(sql));
  }

  async query(sql: string): Promise<RowDataPacket[]> {
    using mysql = await Mysql.open(this.#address);
    return await mysql.rows(sql);
  }
}

export async function ledgerIdIn(query: (sql: string) => Promise<RowDataPacket[]>): Promise<string> {
  const [row] = await query('SELECT ledger_id FROM ledger_identity WHERE shard = 0');
  return String(row?.['ledger_id']);
}
