import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { StackFile } from './system.ts';

const QUERY_MS_MAX = 120_000;

/** Reads the MySQL of a system directly, not through the service. */
export class Mysql implements Disposable {
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
    connection.on('error', () => {}); // the next query reports it
  }

  static async open({ host, port, user, password, database }: Omit<StackFile['mysql'], 'pid'>): Promise<Mysql> {
    return new Mysql(await createConnection({ host, port, user, password, database, timezone: 'Z' }));
  }

  async rows(sql: string, values: unknown[] = []): Promise<RowDataPacket[]> {
    return (await this.#connection.query<RowDataPacket[]>({ sql, values, timeout: QUERY_MS_MAX }))[0];
  }

  [Symbol.dispose](): void {
    this.#connection.destroy();
  }
}
