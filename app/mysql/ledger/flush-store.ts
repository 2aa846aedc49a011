import { type Cursor, CursorConflictError } from '../../journal/cursor.ts';
import type { FlushBatch } from '../../journal/flush-batch.ts';
import type { JournalStore } from '../../sync/flusher.ts';
import type { Database, Session } from '../connection/pool.ts';
import { insertOutcomes, moveAccounts, writeChange } from '../rows/outcome-writer.ts';

export async function readCursor(from: Pick<Session, 'rows'>, lock: '' | 'FOR UPDATE' = ''): Promise<Cursor> {
  const [row] = await from.rows<{ epoch: number; seq: number; id_time_max: number }>(
    `SELECT epoch, seq, id_time_max FROM flush_cursor WHERE shard = 0 ${lock}`,
  );
  if (!row) throw new Error('flush_cursor has no row: the schema is not migrated');
  return { epoch: row.epoch, seq: row.seq, idTimeMax: row.id_time_max };
}

/** Writes the journal to MySQL. */
export class FlushStore implements JournalStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async cursor(): Promise<Cursor> {
    return readCursor(this.#database);
  }

  /**
   * One transaction: the authority row share-locked and still of `authorityEpoch`; the cursor by compare-and-set;
   * accounts to their absolute balance and version if MySQL has the previous version (and balance); outcomes; settings.
   * An error leaves it unknown whether it was committed: the cursor shows that.
   * @throws CursorConflictError, IntegrityError, Problem database_unavailable
   */
  async commit(batch: FlushBatch, authorityEpoch: number): Promise<void> {
    await this.#database.transaction(async (session) => {
      const [authority] = await session.rows<{ epoch: number }>(
        'SELECT epoch FROM authority WHERE shard = 0 LOCK IN SHARE MODE',
      );
      if (authority?.epoch !== authorityEpoch)
        throw new CursorConflictError(`the authority is at epoch ${authority?.epoch}`);
      // The cursor before the accounts: of two keepers with the same batch, the later one then finds itself overtaken,
      // instead of finding accounts in a different state than in the journal, which would look like corruption.
      const advanced = await session.run(
        `UPDATE flush_cursor SET seq = ?, id_time_max = GREATEST(id_time_max, ?), committed_at = NOW(3)
         WHERE shard = 0 AND epoch = ? AND seq = ?`,
        [batch.lastSeq, batch.idTimeMax, batch.epoch, batch.afterSeq],
      );
      if (advanced !== 1) throw new CursorConflictError(`the cursor is no longer at ${batch.epoch}/${batch.afterSeq}`);
      await moveAccounts(session, batch.moves);
      await insertOutcomes(session, batch.outcomes);
      for (const change of batch.changes) await writeChange(session, change, batch.epoch);
    });
  }
}
