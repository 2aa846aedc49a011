import type { Database } from '../connection/pool.ts';

/**
 * Number of items deleted in a round: a few milliseconds of work, so that locks are brief and the undo log stays short.
 */
const DELETED_MAX = 2_000;
/** A record that was changed within this time, in hours, is never removed to make room. */
const RECENT_HOURS = 24;
const DAY_HOURS = 24;

interface Limits {
  /** How long a record is kept after its last change, days. */
  keptDays: number;
  /**
   * How many items all records may have together. If there are more, the records that changed least recently are
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

  constructor(database: Database, limits: Limits) {
    this.#database = database;
    this.#limits = limits;
  }

  /** One small step. @throws Problem database_unavailable */
  async round(): Promise<void> {
    const [expired] = await this.#database.rows<{ batch_key: number }>(
      'SELECT batch_key FROM transfer_batches WHERE batch_id IS NULL ORDER BY batch_key LIMIT 1',
    );
    if (expired) return this.#empty(expired.batch_key);
    if (await this.#expire(this.#limits.keptDays * DAY_HOURS)) return;
    if ((await this.#items()) > this.#limits.itemsMax) await this.#expire(RECENT_HOURS);
  }

  /**
   * Removes the id of the record that has been idle longest. A writer that is changing the record has its row locked,
   * so the condition holds when the id is removed. @returns false if no record has been idle for this long
   */
  async #expire(idleHours: number): Promise<boolean> {
    const [idle] = await this.#database.rows<{ batch_key: number }>(
      `SELECT batch_key FROM transfer_batches
       WHERE batch_id IS NOT NULL AND last_recorded_at < NOW(3) - INTERVAL ? HOUR ORDER BY last_recorded_at LIMIT 1`,
      [idleHours],
    );
    if (!idle) return false;
    await this.#database.rows(
      `UPDATE transfer_batches SET batch_id = NULL
       WHERE batch_key = ? AND last_recorded_at < NOW(3) - INTERVAL ? HOUR`,
      [idle.batch_key, idleHours],
    );
    return true;
  }

  async #empty(batchKey: number): Promise<void> {
    await this.#database.rows('DELETE FROM batch_items WHERE batch_key = ? LIMIT ?', [batchKey, DELETED_MAX]);
    const left = await this.#database.rows('SELECT 1 FROM batch_items WHERE batch_key = ? LIMIT 1', [batchKey]);
    if (left.length === 0)
      await this.#database.rows('DELETE FROM transfer_batches WHERE batch_key = ? AND batch_id IS NULL', [batchKey]);
  }

  async #items(): Promise<number> {
    const [row] = await this.#database.rows<{ items: string | null }>(
      'SELECT CAST(SUM(posted + rejected + failed + undecided) AS CHAR) AS items FROM transfer_batches WHERE batch_id IS NOT NULL',
    );
    return Number(row?.items ?? 0);
  }
}
