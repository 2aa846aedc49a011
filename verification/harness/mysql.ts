import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { MysqlAddress } from './system.ts';

const QUERY_MS_MAX = 120_000;

/** Reads the MySQL of a system directly, not through the service. */
export class Mysql implements Disposable {
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
    connection.on('error', () => {}); // the next query reports the error
  }

  static async open({ host, port, user, password, database, ssl }: MysqlAddress): Promise<Mysql> {
    const address = { host, port, user, password, database, ...(ssl && { ssl }) };
    return new Mysql(await createConnection({ ...address, timezone: 'Z' }));
  }

  async rows(sql: string, values: unknown[] = []): Promise<RowDataPacket[]> {
    return (await this.#connection.query<RowDataPacket[]>({ sql, values, timeout: QUERY_MS_MAX }))[0];
  }

  [Symbol.dispose](): void {
    this.#connection.destroy();
  }
}
