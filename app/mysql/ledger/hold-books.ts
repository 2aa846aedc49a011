import type { HoldStatus } from '../../domain/hold-types.ts';
import type { HoldBooks, HoldCapture, ListedHold } from '../../ledger/ports/holds.ts';
import type { Database } from '../connection/pool.ts';
import { HOLD_COLUMNS, type HoldRow, holdOrderOfRow, holdStateOfRow } from '../rows/hold-rows.ts';

const STATUSES = ['OPEN', 'CAPTURED', 'VOIDED', 'EXPIRED'] as const satisfies readonly HoldStatus[];

interface CaptureRow {
  transaction_id: string;
  amount: number;
  destination_account: string;
  accepted_at: Date;
}

/** Lists of holds and of their captures, from MySQL. */
export class SqlHoldBooks implements HoldBooks {
  readonly #database: Database;
  constructor({ database }: { database: Database }) {
    this.#database = database;
  }

  async holds({ accountId, status, afterHoldId, limit }: Parameters<HoldBooks['holds']>[0]): Promise<ListedHold[]> {
    // Reads one page per status along the index. A query for all statuses would have to sort all holds of the account.
    const statuses = status === null ? STATUSES : [status];
    const pages = statuses.map(
      (
        one,
      ) => `(SELECT ${HOLD_COLUMNS} FROM holds h WHERE h.account_id = ? AND h.\`status\` = '${one}' AND h.hold_id > ?
        ORDER BY h.hold_id LIMIT ?)`,
    );
    const rows = await this.#database.rows<HoldRow>(`${pages.join(' UNION ALL ')} ORDER BY hold_id LIMIT ?`, [
      ...statuses.flatMap(() => [accountId, afterHoldId, limit]),
      limit,
    ]);
    return rows.flatMap((row) => {
      const hold = holdStateOfRow(row);
      return hold ? [{ order: holdOrderOfRow(row), hold, acceptedAt: row.accepted_at.getTime() }] : [];
    });
  }

  async captures({ holdId }: { holdId: string }, limit: number): Promise<HoldCapture[]> {
    const rows = await this.#database.rows<CaptureRow>(
      `SELECT t.transaction_id, t.amount, t.destination_account, t.accepted_at
       FROM hold_captures c JOIN transfers t ON t.transaction_id = c.transaction_id
       WHERE c.hold_id = ? ORDER BY c.revision DESC LIMIT ?`,
      [holdId, limit],
    );
    return rows.reverse().map((row) => ({
      transactionId: row.transaction_id,
      amount: row.amount,
      destination: row.destination_account,
      acceptedAt: row.accepted_at.getTime(),
    }));
  }
}
