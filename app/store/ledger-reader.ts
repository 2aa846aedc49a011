import type { LedgerDatabase, Stamp } from '../ledger/database.ts';
import type { Account, Outcome } from '../ledger/types.ts';
import { ACCOUNT_COLUMNS, type AccountColumns, accountOfRow } from './account-row.ts';
import type { Database } from './pool.ts';
import { outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from './transfer-row.ts';

interface StampColumns {
  cursor_epoch: number;
  cursor_seq: number;
}

/**
 * Reads accounts and outcomes for use in the cache. The cursor is joined to what is read, because one statement is one
 * snapshot: what the rows show is exactly what the flush had written when it stood at that cursor.
 */
export class LedgerReader implements LedgerDatabase {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async loadAccounts(accountIds: readonly string[]) {
    const rows = await this.#database.rows<StampColumns & Found<AccountColumns>>(
      `SELECT c.epoch AS cursor_epoch, c.seq AS cursor_seq, ${ACCOUNT_COLUMNS}
       FROM flush_cursor c LEFT JOIN accounts a ON a.account_id IN (?) WHERE c.shard = 0`,
      [accountIds],
    );
    const accounts = new Map<string, Account>();
    for (const row of rows) if (isAccount(row)) accounts.set(row.account_id, accountOfRow(row));
    return { stamp: stampOf(rows), accounts };
  }

  async findOutcomes(transactionIds: readonly string[]) {
    const rows = await this.#database.rows<StampColumns & Found<TransferRow>>(
      `SELECT c.epoch AS cursor_epoch, c.seq AS cursor_seq, t.*
       FROM flush_cursor c LEFT JOIN (SELECT ${TRANSFER_COLUMNS} FROM transfers WHERE transaction_id IN (?)) t ON TRUE
       WHERE c.shard = 0`,
      [transactionIds],
    );
    const outcomes = new Map<string, Outcome>();
    for (const row of rows) if (isTransfer(row)) outcomes.set(row.transaction_id, outcomeOfRow(row));
    return { stamp: stampOf(rows), outcomes };
  }
}

/** The columns of the right side of the join: all null when nothing was found. */
type Found<T> = T | { [K in keyof T]: null };
const isAccount = (row: Found<AccountColumns>): row is AccountColumns => row.account_id !== null;
const isTransfer = (row: Found<TransferRow>): row is TransferRow => row.transaction_id !== null;

function stampOf(rows: readonly StampColumns[]): Stamp {
  const row = rows[0];
  if (!row) throw new Error('flush_cursor has no row: the schema is not migrated');
  return { epoch: row.cursor_epoch, cursor: row.cursor_seq };
}
