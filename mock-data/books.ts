/**
 * Reads the ledger directly from MySQL. No other file of the mock data depends on the schema, which
 * app/mysql/migrations defines.
 */
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';

/** Money in minor units. */
export interface BookedAccount {
  currency: string;
  balance: bigint;
  held: bigint;
  version: bigint;
}

/** The sum of an account's transfers and open holds. */
export interface BookedSum {
  sum: bigint;
  held: bigint;
  postings: bigint;
}

const ACCOUNTS = 'SELECT account_id, currency, balance, held, version FROM accounts WHERE account_id LIKE ?';

/**
 * Each transfer counts once for each of its sides; each hold event except captures counts once. MySQL computes the
 * sums, so it returns only one row per account.
 */
const SUMS = `
  SELECT \`account\`, SUM(amount) AS total, SUM(held) AS held, SUM(posting) AS postings
  FROM (
    SELECT source_account AS \`account\`, -amount AS amount, 0 AS held, 1 AS posting
    FROM transfers WHERE \`status\` = 'POSTED' AND source_account LIKE ?
    UNION ALL
    SELECT destination_account, amount, 0, 1
    FROM transfers WHERE \`status\` = 'POSTED' AND destination_account LIKE ?
    UNION ALL
    SELECT account_id, 0, 0, 1 FROM holds WHERE placed_version IS NOT NULL AND account_id LIKE ?
    UNION ALL
    SELECT account_id, 0, 0, 1 FROM hold_events WHERE account_id LIKE ?
    UNION ALL
    SELECT account_id, 0, hold_amount - captured, 0 FROM holds WHERE \`status\` = 'OPEN' AND account_id LIKE ?
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
        {
          currency: String(row['currency']),
          balance: BigInt(row['balance']),
          held: BigInt(row['held']),
          version: BigInt(row['version']),
        },
      ]),
    );
  }

  /** The sums of the posted transfers and open holds of each account whose id begins with `prefix`. */
  async sums(prefix: string): Promise<Map<string, BookedSum>> {
    const [rows] = await this.connection.query<RowDataPacket[]>(SUMS, Array(5).fill(`${prefix}%`));
    return new Map(
      rows.map((row) => [
        String(row['account']),
        { sum: BigInt(row['total']), held: BigInt(row['held']), postings: BigInt(row['postings']) },
      ]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.end();
  }
}
