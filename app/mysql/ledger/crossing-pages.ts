import type { CrossingLine, CrossingPages, InnerPosting, LegLine } from '../../jobs/crossing-check.ts';
import type { Database } from '../connection/pool.ts';
import { type LegColumns, legNameOf } from '../rows/leg-columns.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';

interface CrossingRow {
  transaction_id: string;
  to_shard: number;
  state: CrossingLine['state'];
  currency: string;
  amount: number;
}
interface LegRow {
  transaction_id: string;
  leg: NonNullable<LegColumns['leg']>;
  other_shard: number;
  currency: string;
  amount: number;
}

const CROSSINGS = 'SELECT transaction_id, to_shard, state, currency, amount FROM crossings';
const LEGS = `SELECT transaction_id, leg, other_shard, currency, amount FROM transfers
  WHERE leg IS NOT NULL AND \`status\` = 'POSTED'`;
/** Ids of inner accounts, which begin with `~`, come after all others. */
const INNER = "SELECT account_id FROM accounts WHERE account_id >= '~' AND version > 0 ORDER BY account_id";

/** Reads the records that a shard has of transfers between shards, to compare them. */
export class SqlCrossingPages implements CrossingPages {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async crossings(afterId: string, limit: number): Promise<CrossingLine[]> {
    const rows = await this.#database.rows<CrossingRow>(
      `${CROSSINGS} WHERE transaction_id > ? ORDER BY transaction_id LIMIT ?`,
      [afterId, limit],
    );
    return rows.map(crossingOf);
  }

  async innerAccounts(): Promise<string[]> {
    const rows = await this.#database.rows<{ account_id: string }>(INNER);
    return rows.map(({ account_id }) => account_id);
  }

  /** Reads along the unique key of the account's postings, which are all legs, except payouts of returned money. */
  async legsOf(
    ...[accountId, side, afterVersion, limit]: Parameters<CrossingPages['legsOf']>
  ): Promise<InnerPosting[]> {
    const rows = await this.#database.rows<LegRow & { version: number }>(
      `SELECT transaction_id, leg, other_shard, currency, amount, ${side}_version AS version FROM transfers
       WHERE ${side}_account = ? AND ${side}_version > ? AND leg IS NOT NULL ORDER BY ${side}_version LIMIT ?`,
      [accountId, afterVersion, limit],
    );
    return rows.map((row) => ({ ...legOf(row), version: row.version }));
  }

  async crossingsWith(transactionIds: readonly string[]): Promise<CrossingLine[]> {
    const sql = `${CROSSINGS} WHERE transaction_id IN (?)`;
    return (await rowsByIds<CrossingRow>(this.#database, sql, transactionIds)).map(crossingOf);
  }

  async legsWith(ids: readonly string[]): Promise<LegLine[]> {
    return (await rowsByIds<LegRow>(this.#database, `${LEGS} AND transaction_id IN (?)`, ids)).map(legOf);
  }
}

const crossingOf = ({ transaction_id, to_shard, ...line }: CrossingRow): CrossingLine => ({
  transactionId: transaction_id,
  toShard: to_shard,
  state: line.state,
  currency: line.currency,
  amount: line.amount,
});
const legOf = ({ transaction_id, leg, other_shard, currency, amount }: LegRow): LegLine => ({
  id: transaction_id,
  leg: legNameOf(leg),
  otherShard: other_shard,
  currency,
  amount,
});
