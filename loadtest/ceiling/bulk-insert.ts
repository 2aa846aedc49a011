/**
 * Inserts the rows that a flush inserts into MariaDB, as fast as one connection can: prepared statements, and nothing
 * else in the transaction. It does not include the account updates of a flush, so no flush can reach this rate.
 */
import { createConnection } from 'mysql2/promise';
import { newUuidV7 } from '../../app/domain/ids.ts';
import type { Posted } from '../../app/domain/types.ts';
import { sealingOf } from '../../app/journal/sealed/sealing.ts';
import { Session } from '../../app/mysql/connection/pool.ts';
import { insertOutcomes } from '../../app/mysql/ledger/outcome-writer.ts';
import type { StackFile } from '../../verification/harness/stack.ts';
import { accountId } from '../bank.ts';

const TABLE = 'ceiling_transfers';

export class BulkInsert implements AsyncDisposable {
  readonly #connection: Awaited<ReturnType<typeof createConnection>>;
  #seq = 0;

  private constructor(connection: Awaited<ReturnType<typeof createConnection>>) {
    this.#connection = connection;
  }

  static async prepare({ host, port, user, password, database }: StackFile['mysql']): Promise<BulkInsert> {
    const connection = await createConnection({ host, port, user, password, database, timezone: 'Z' });
    await connection.query(`DROP TABLE IF EXISTS ${TABLE}`);
    // CREATE TABLE … LIKE copies the keys of the table, but not its foreign keys.
    await connection.query(`CREATE TABLE ${TABLE} LIKE transfers`);
    return new BulkInsert(connection);
  }

  /** @returns rows per second, with `perCommit` rows in each transaction */
  async run(rows: number, perCommit: number): Promise<number> {
    const statements = await this.#write(Math.ceil(rows / perCommit), perCommit);
    const began = performance.now();
    for (const transaction of statements) {
      await this.#connection.query('START TRANSACTION');
      for (const sql of transaction) await this.#connection.query(sql);
      await this.#connection.query('COMMIT');
    }
    return (statements.length * perCommit) / ((performance.now() - began) / 1000);
  }

  /** The statements of a flush, captured before they are sent. */
  async #write(transactions: number, perCommit: number): Promise<string[][]> {
    const all: string[][] = [];
    for (let index = 0; index < transactions; index++) {
      const caught: string[] = [];
      const session = new (class extends Session {
        override async run(sql: string): Promise<number> {
          caught.push(sql.replace('INSERT INTO transfers', `INSERT INTO ${TABLE}`));
          return 0;
        }
      })(null as never, 0);
      const outcomes = Array.from({ length: perCommit }, () => this.#outcome());
      await insertOutcomes(session, outcomes, sealingOf({ epoch: 0, decided: outcomes }).salts);
      all.push(caught);
    }
    return all;
  }

  #outcome(): Posted {
    this.#seq += 1;
    const acceptedAt = Date.now();
    const side = { balance: this.#seq, version: this.#seq, settingsVersion: 1 };
    return {
      status: 'POSTED',
      acceptedAt,
      takenAt: acceptedAt,
      epoch: 1,
      seq: this.#seq,
      replayed: false,
      persisted: false,
      source: side,
      destination: side,
      order: {
        kind: 'transfer',
        transactionId: newUuidV7(acceptedAt),
        source: accountId(Math.floor(Math.random() * 10_000)),
        destination: accountId(Math.floor(Math.random() * 10_000)),
        amount: 1,
        currency: 'EUR',
        timestamp: null,
        reference: null,
        metadata: null,
        reverses: null,
        user: 'ceiling',
        correlationId: newUuidV7(acceptedAt),
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.query(`DROP TABLE IF EXISTS ${TABLE}`);
    await this.#connection.end();
  }
}
