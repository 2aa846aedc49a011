/**
 * The ledger as stored in MySQL, read directly. Everything that the mock data depends on in the schema is in this file
 * (app/mysql/migrations defines it).
 */
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';

/** Money in minor units. */
export interface BookedAccount {
  currency: string;
  balance: bigint;
  version: bigint;
}

/** The sum of an account's transfers. */
export interface BookedSum {
  sum: bigint;
  postings: bigint;
}

const ACCOUNTS = 'SELECT account_id, currency, balance, version FROM accounts WHERE account_id LIKE ?';

/** Each transfer counts once for each of its sides. MySQL computes the sums, so it returns only one row per account. */
const SUMS = `
  SELECT \`account\`, SUM(amount) AS total, COUNT(*) AS postings
  FROM (
    SELECT source_account AS \`account\`, -amount AS amount
    FROM transfers WHERE \`status\` = 'POSTED' AND source_account LIKE ?
    UNION ALL
    SELECT destination_account, amount
    FROM transfers WHERE \`status\` = 'POSTED' AND destination_account LIKE ?
  ) AS sides
  GROUP BY \`account\``;

export class BooksReader implements AsyncDisposable {
  private readonly connection: Connection;

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  static async open(mysql: {
    host: string;
    port: number;
    user: string;
    password: string;
    database: string;
  }): Promise<BooksReader> {
    // Large numbers are read as strings: otherwise a BIGINT or a SUM beyond 2^53 would lose its last digits, which are
    // checked here.
    return new BooksReader(await createConnection({ ...mysql, supportBigNumbers: true, bigNumberStrings: true }));
  }

  /** The accounts whose ids begin with `prefix` (letters, digits and hyphens). */
  async accounts(prefix: string): Promise<Map<string, BookedAccount>> {
    const [rows] = await this.connection.query<RowDataPacket[]>(ACCOUNTS, [`${prefix}%`]);
    return new Map(
      rows.map((row) => [
        String(row['account_id']),
        { currency: String(row['currency']), balance: BigInt(row['balance']), version: BigInt(row['version']) },
      ]),
    );
  }

  /** The sum of the posted transfers of each account whose id begins with `prefix`. */
  async sums(prefix: string): Promise<Map<string, BookedSum>> {
    const [rows] = await this.connection.query<RowDataPacket[]>(SUMS, [`${prefix}%`, `${prefix}%`]);
    return new Map(
      rows.map((row) => [String(row['account']), { sum: BigInt(row['total']), postings: BigInt(row['postings']) }]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.end();
  }
}
