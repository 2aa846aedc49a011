/**
 * The books as MySQL holds them, read past the service. All that the mock data know of the schema is in this file
 * (app/mysql/migrations is where it is made).
 */
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';

/** Money in minor units. */
export interface BookedAccount {
  currency: string;
  balance: bigint;
  version: bigint;
}

/** What the transfers of an account add up to. */
export interface BookedSum {
  sum: bigint;
  postings: bigint;
}

const ACCOUNTS = 'SELECT account_id, currency, balance, version FROM accounts WHERE account_id LIKE ?';

/** Each transfer counts once for either side; summed per account, so 100,000 accounts come as so many rows. */
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
    // As strings: a BIGINT or a SUM beyond 2^53 would lose its last digits as a number, which are what is checked here.
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
