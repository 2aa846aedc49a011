import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../devstack/install/packages.mjs';
import { mariadbProgram, socketPath } from '../../devstack/stores/mariadb.mjs';
import { storedValue } from '../../devstack/system/folder.mjs';
import { LOOPBACK } from '../../devstack/system/ports.mjs';
import { Member } from './member.ts';
import { ownPort } from './ports.ts';

const REPLICA = 'replica';
const REPLICA_PASSWORD = 'of-a-test';
const CAUGHT_UP_S_MAX = 120;
const COMMAND_MS_MAX = 150_000;

/** A MariaDB server, and the actions of its administrator. */
export class MysqlServer extends Member {
  readonly host = LOOPBACK;
  readonly port: number;
  readonly password: string;
  readonly #socket: string;

  private constructor(
    program: ConstructorParameters<typeof Member>[0],
    at: { port: number; password: string; socket: string },
  ) {
    super(program);
    this.port = at.port;
    this.password = at.password;
    this.#socket = at.socket;
  }

  /**
   * @param options.stack the cluster's folder, which identifies its processes
   * @param options.shards the number of shards whose databases it contains
   * @param options.password of the service; by default a new one
   */
  static async in(options: { dir: string; stack: string; shards: number; password?: string }): Promise<MysqlServer> {
    const { dir, stack, shards, password: wanted } = options;
    if (wanted !== undefined) storedValue(join(dir, 'password'), () => wanted);
    const port = await ownPort();
    const logFile = join(stack, 'logs', `mysql-${port}.log`);
    const { program, password } = await mariadbProgram({ dir, port, stack, logFile, shards });
    return new MysqlServer(program, { port, password, socket: socketPath(dir) });
  }

  /** The program with which the administrator connects; null if it is not installed. */
  static client(): string | null {
    return findProgram('mariadb', 'mysql');
  }

  /** Runs statements as the administrator of the server. @returns the rows, their columns separated by tabs */
  async administer(sql: string): Promise<string> {
    const client = MysqlServer.client();
    if (client === null) throw new Error('the MariaDB client is not installed');
    const args = [`--socket=${this.#socket}`, '--batch', '--skip-column-names', `--execute=${sql}`];
    const { stdout } = await promisify(execFile)(client, args, { timeout: COMMAND_MS_MAX });
    return stdout.trim();
  }

  /** Starts replicating one database of another server, from the beginning of its binlog. */
  async replicate(source: MysqlServer, database: string): Promise<void> {
    await source.administer(
      `CREATE USER IF NOT EXISTS '${REPLICA}'@'%' IDENTIFIED BY '${REPLICA_PASSWORD}';
       GRANT REPLICATION SLAVE ON *.* TO '${REPLICA}'@'%'`,
    );
    await this.administer(
      `SET GLOBAL server_id = 2; SET GLOBAL replicate_do_db = '${database}';
       CHANGE MASTER TO MASTER_HOST = '${source.host}', MASTER_PORT = ${source.port}, MASTER_USER = '${REPLICA}',
         MASTER_PASSWORD = '${REPLICA_PASSWORD}', MASTER_USE_GTID = slave_pos;
       START SLAVE`,
    );
  }

  /** Waits until it has everything that the other server has committed by now. */
  async catchUp(source: MysqlServer): Promise<void> {
    const position = await source.administer('SELECT @@gtid_binlog_pos');
    const waited = await this.administer(`SELECT MASTER_GTID_WAIT('${position}', ${CAUGHT_UP_S_MAX})`);
    if (waited !== '0')
      throw new Error(`the replica is not at ${position}: ${await this.administer('SHOW SLAVE STATUS')}`);
  }

  async endReplication(): Promise<void> {
    await this.administer("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL replicate_do_db = ''");
  }

  /**
   * Revokes the service's access to a database: a connection that tries to use it is refused, and those that already
   * use it are killed. Other databases of the same user are not affected.
   */
  async withdraw(database: string, user: string): Promise<void> {
    await this.administer(`REVOKE ALL PRIVILEGES ON ${database}.* FROM '${user}'@'%'`);
    const using = await this.administer(
      `SELECT id FROM information_schema.processlist WHERE db = '${database}' AND user = '${user}'`,
    );
    for (const id of using.split('\n').filter(Boolean)) await this.administer(`KILL ${id}`).catch(() => {}); // the connection has just ended
  }
}
