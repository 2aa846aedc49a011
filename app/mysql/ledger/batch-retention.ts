import type { Database } from '../connection/pool.ts';

/**
 * Number of items deleted in a round: a few milliseconds of work, so that locks are brief and the undo log stays short.
 */
const DELETED_MAX = 2_000;
/** Maximum number of records that expire or are emptied in a round. Users may send many small batches. */
const RECORDS_MAX = 500;
/** Counting reads all records, so while there is room, it is done only once in this many rounds. */
const ROUNDS_PER_COUNT = 30;
const ITEMS = 'posted + rejected + failed + undecided';
/** A record that was changed within this time, in hours, is never removed to make room. */
const RECENT_HOURS = 24;
const DAY_HOURS = 24;

interface Limits {
  /** How long a record is kept after its last change, days. */
  keptDays: number;
  /**
   * The maximum number of items in all records together. If there are more, the records that changed least recently are
   * removed first.
   */
  itemsMax: number;
}

/**
 * Removes expired records of batches, a few items at a time. A record first loses its id in one statement, so that no
 * client ever reads only a part of it. Any number of keepers may do this at the same time.
 */
export class BatchRetention {
  readonly #database: Database;
  readonly #limits: Limits;
  #roundsBeforeCount = 0;

  constructor(database: Database, limits: Limits) {
    this.#database = database;
    this.#limits = limits;
  }

  /** One small step. @throws Problem database_unavailable */
  async round(): Promise<void> {
    const expired = await this.#database.rows<{ batch_key: number }>(
      'SELECT batch_key FROM transfer_batches WHERE batch_id IS NULL ORDER BY batch_key LIMIT ?',
      [RECORDS_MAX],
    );
    if (expired.length > 0) return this.#empty(expired.map(({ batch_key }) => batch_key));
    if (await this.#expire(this.#limits.keptDays * DAY_HOURS, Number.POSITIVE_INFINITY)) return;
    if (this.#roundsBeforeCount-- > 0) return;
    const excess = (await this.#items()) - this.#limits.itemsMax;
    if (excess > 0 && (await this.#expire(RECENT_HOURS, excess))) this.#roundsBeforeCount = 0;
    else this.#roundsBeforeCount = ROUNDS_PER_COUNT - 1;
  }

  /**
   * Removes the ids of the records that have been idle longest. A writer that is changing a record has its row locked,
   * so the condition holds when the id is removed.
   * @param items the number of items to remove, if there are that many
   * @returns false if no record has been idle for `idleHours`
   */
  async #expire(idleHours: number, items: number): Promise<boolean> {
    const idle = await this.#database.rows<{ batch_key: number; items: number | string }>(
      `SELECT batch_key, ${ITEMS} AS items FROM transfer_batches
       WHERE batch_id IS NOT NULL AND last_recorded_at < NOW(3) - INTERVAL ? HOUR ORDER BY last_recorded_at LIMIT ?`,
      [idleHours, RECORDS_MAX],
    );
    const keys: number[] = [];
    let left = items;
    for (const record of idle) {
      if (left <= 0) break;
      keys.push(record.batch_key);
      left -= Number(record.items);
    }
    if (keys.length === 0) return false;
    await this.#database.rows(
      `UPDATE transfer_batches SET batch_id = NULL
       WHERE batch_key IN (?) AND last_recorded_at < NOW(3) - INTERVAL ? HOUR`,
      [keys, idleHours],
    );
    return true;
  }

  async #empty(batchKeys: readonly number[]): Promise<void> {
    await this.#database.rows('DELETE FROM batch_items WHERE batch_key IN (?) LIMIT ?', [batchKeys, DELETED_MAX]);
    await this.#database.rows(
      `DELETE FROM transfer_batches WHERE batch_key IN (?) AND batch_id IS NULL
         AND (SELECT 1 FROM batch_items i WHERE i.batch_key = transfer_batches.batch_key LIMIT 1) IS NULL`,
      [batchKeys],
    );
  }

  async #items(): Promise<number> {
    const [row] = await this.#database.rows<{ items: string | null }>(
      `SELECT CAST(SUM(${ITEMS}) AS CHAR) AS items FROM transfer_batches WHERE batch_id IS NOT NULL`,
    );
    return Number(row?.items ?? 0);
  }
}
