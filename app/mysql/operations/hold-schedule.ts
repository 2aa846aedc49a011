import type { DueHold, DueHolds } from '../../jobs/hold-expiry.ts';
import type { Database } from '../connection/pool.ts';
import { WAITS } from '../rows/unsettled-rows.ts';

interface DueColumns {
  hold_id: string;
  account_id: string;
  currency: string;
  expires_at_ms: number;
}

/** Open holds of a currency. */
export interface OpenHolds {
  currency: string;
  holds: number;
  /** The amount that they reserve, minor units. */
  heldMinorUnits: number;
}

const COUNT_TIMEOUT_MS = 60_000;

/** Holds of accounts that wait for the journal of a lost Redis cannot end yet. */
const DECIDABLE = `NOT EXISTS (SELECT 1 FROM frozen_accounts f WHERE f.account_id = h.account_id AND f.${WAITS})`;

/** Which holds are open, and when they end. All queries use the index on status and `expires_at_ms`. */
export class HoldSchedule implements DueHolds {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async due(nowMs: number, after: DueHold | null, holdsMax: number): Promise<DueHold[]> {
    const { expiresAt, holdId } = after ?? { expiresAt: 0, holdId: '' };
    const rows = await this.#database.rows<DueColumns>(
      `SELECT h.hold_id, h.account_id, h.currency, h.expires_at_ms FROM holds h
       WHERE h.\`status\` = 'OPEN' AND h.expires_at_ms >= ? AND h.expires_at_ms <= ?
         AND (h.expires_at_ms > ? OR h.hold_id > ?) AND ${DECIDABLE}
       ORDER BY h.expires_at_ms, h.hold_id LIMIT ?`,
      [expiresAt, nowMs, expiresAt, holdId, holdsMax],
    );
    return rows.map((row) => ({
      holdId: row.hold_id,
      account: row.account_id,
      currency: row.currency,
      expiresAt: row.expires_at_ms,
    }));
  }

  /** By how much the oldest expiry is overdue, ms; 0 if none is. @param nowMs by the ledger's clock */
  async lateMs(nowMs: number): Promise<number> {
    const [oldest] = await this.due(nowMs, null, 1);
    return oldest ? nowMs - oldest.expiresAt : 0;
  }

  /** Reads every open hold, which may take a long time. */
  async open(): Promise<OpenHolds[]> {
    const rows = await this.#database.transaction(
      (session) =>
        session.rows<{ currency: string; holds: number; held: string }>(
          `SELECT currency, COUNT(*) AS holds, CAST(SUM(hold_amount - captured) AS CHAR) AS held
           FROM holds WHERE \`status\` = 'OPEN' GROUP BY currency`,
        ),
      'snapshot',
      COUNT_TIMEOUT_MS,
    );
    return rows.map(({ currency, holds, held }) => ({ currency, holds, heldMinorUnits: Number(held) }));
  }
}
