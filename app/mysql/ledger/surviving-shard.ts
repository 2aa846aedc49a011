import type { LegVerdict } from '../../domain/leg-types.ts';
import type { Outcome } from '../../domain/types.ts';
import type { CrossingRow, SurvivingShard } from '../../ledger/ports/restored-shard.ts';
import type { Database } from '../connection/pool.ts';
import { asRefusal, limitRefusalOf, outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from '../rows/transfer-row.ts';
import { IN_LIST_MAX } from '../rows/unsettled-rows.ts';
import { LedgerReader } from './ledger-reader.ts';

interface Row {
  transaction_id: string;
  state: CrossingRow['state'];
  destination_account: string;
  currency: string;
  refusal: string | null;
  refused_by: string | null;
}

/** There may be millions of other rows between the rows of a page. */
const PAGE_TIMEOUT_MS = 30 * 60_000;

/** The part of this shard's database that is read and changed to recover another shard from a backup. */
export class SqlSurvivingShard implements SurvivingShard {
  readonly #database: Database;
  readonly #reader: LedgerReader;
  constructor(database: Database) {
    this.#database = database;
    this.#reader = new LedgerReader(database);
  }

  outcomes(transactionIds: readonly string[]): Promise<Map<string, Outcome>> {
    return outcomesByIds(this.#reader, transactionIds);
  }

  async crossingsToward(toShard: number, afterId: string, limit: number): Promise<CrossingRow[]> {
    // Through the index on state and shard, MySQL would read all rows of the shard for each page.
    const rows = await this.#page<Row>(
      `SELECT transaction_id, state, destination_account, currency, refusal, refused_by
       FROM crossings FORCE INDEX (PRIMARY)
       WHERE transaction_id > ? AND to_shard = ? ORDER BY transaction_id LIMIT ?`,
      [afterId, toShard, limit],
    );
    return rows.map((row) => ({
      transactionId: row.transaction_id,
      state: row.state,
      destination: row.destination_account,
      currency: row.currency,
      because: becauseOf(row),
    }));
  }

  async reopen(transactionIds: readonly string[]): Promise<void> {
    const sorted = [...transactionIds].sort();
    await this.#database.transaction(async (session) => {
      for (let first = 0; first < sorted.length; first += IN_LIST_MAX) {
        // The age starts from zero again: alerts concern crossings that couriers have not completed since they were
        // opened again.
        await session.run(
          `UPDATE crossings SET state = 'OPEN', opened_at = NOW(3), closed_at = NULL, destination_version = NULL,
             destination_balance = NULL, refusal = NULL, refused_by = NULL
           WHERE transaction_id IN (?) AND state <> 'OPEN'`,
          [sorted.slice(first, first + IN_LIST_MAX)],
        );
      }
    });
  }

  async arrivalsFrom(fromShard: number, afterId: string, limit: number): Promise<Outcome[]> {
    const rows = await this.#page<TransferRow>(
      `SELECT ${TRANSFER_COLUMNS} FROM transfers FORCE INDEX (PRIMARY)
       WHERE transaction_id > ? AND leg = 'IN' AND other_shard = ? ORDER BY transaction_id LIMIT ?`,
      [afterId, fromShard, limit],
    );
    return rows.map(outcomeOfRow);
  }

  #page<R>(sql: string, values: unknown[]): Promise<R[]> {
    return this.#database.transaction((session) => session.rows<R>(sql, values), 'snapshot', PAGE_TIMEOUT_MS);
  }
}

function becauseOf({ state, refusal, refused_by }: Row): LegVerdict | null {
  if (state !== 'RETURNED' || refusal === null) return null;
  return { refusal: asRefusal(refusal), ...(refused_by !== null && { limit: limitRefusalOf(refused_by) }) };
}

/** Reads the outcomes in several lists, because the ids of a page do not fit into one. */
export async function outcomesByIds(
  reader: Pick<LedgerReader, 'findOutcomes'>,
  transactionIds: readonly string[],
): Promise<Map<string, Outcome>> {
  const found = new Map<string, Outcome>();
  for (let first = 0; first < transactionIds.length; first += IN_LIST_MAX) {
    const { outcomes } = await reader.findOutcomes(transactionIds.slice(first, first + IN_LIST_MAX));
    for (const [id, outcome] of outcomes) found.set(id, outcome);
  }
  return found;
}
