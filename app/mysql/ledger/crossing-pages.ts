import type { CrossingLine, CrossingPages, LegLine } from '../../jobs/crossing-check.ts';
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
/** A page of legs may have millions of other transfers between them. */
const PAGE_TIMEOUT_MS = 30 * 60_000;

/** Reads what a shard has of transfers between shards, for their comparison. */
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

  legs(afterId: string, limit: number): Promise<LegLine[]> {
    return this.#database.transaction(
      async (session) => {
        const sql = `${LEGS} AND transaction_id > ? ORDER BY transaction_id LIMIT ?`;
        return (await session.rows<LegRow>(sql, [afterId, limit])).map(legOf);
      },
      'snapshot',
      PAGE_TIMEOUT_MS,
    );
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
