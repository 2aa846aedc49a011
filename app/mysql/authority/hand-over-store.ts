import type { HandOverChunk, HandOverStore as HandOvers } from '../../authority/authority-ports.ts';
import { IntegrityError } from '../../journal/flush-batch.ts';
import { type InDoubtAttempt, type JournalEntry, seqsOf } from '../../journal/journal-entry.ts';
import { lastSeqOf } from '../../journal/journaled.ts';
import type { Database, Session } from '../connection/pool.ts';
import { integer, statements, text, textOrNull } from '../connection/sql.ts';

/**
 * Maximum number of rows that one housekeeping statement deletes. The statement must not hold locks for long, and
 * an entry may be 1 MB.
 */
const FORGOTTEN_MAX = 2_000;

/** Stores what pods know about an ending epoch until it is in MySQL's ledger tables. */
export class MysqlHandOverStore implements HandOvers {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Two pods may hand over the same entry; it is stored once. A pod of an older release does not know the time at which
   * an entry was accepted.
   * @throws IntegrityError if a different entry exists under its seq; Problem database_unavailable
   */
  async keep(epoch: number, podId: string, { entries, inDoubt }: HandOverChunk): Promise<void> {
    await this.#database.transaction(async (session) => {
      for (const rows of statements(entries.map((entry) => entryLiteral(epoch, entry))))
        await keepEntries(session, rows);
      for (const rows of statements(inDoubt.map((attempt) => attemptLiteral(epoch, podId, attempt)))) {
        await session.run(
          `INSERT INTO drained_doubts (epoch, pod_id, kind, \`id\`, account_id, other_account_id, seqs, group_id)
           VALUES ${rows.join(',')}
           ON DUPLICATE KEY UPDATE seqs = GREATEST(seqs, VALUES(seqs)), group_id = IF(group_id <=> VALUES(group_id), group_id, NULL)`,
        );
      }
    });
  }

  async complete(epoch: number, podIds: readonly string[], observed: number): Promise<void> {
    if (podIds.length === 0) return;
    await this.#database.rows(
      `UPDATE pods SET drained_at = COALESCE(drained_at, NOW(3)), observed_seq = GREATEST(observed_seq, ?)
       WHERE epoch = ? AND pod_id IN (?)`,
      [observed, epoch, podIds],
    );
  }

  /**
   * Deletes what MySQL's ledger tables already contain: entries up to the cursor, in-doubt attempts whose outcome is
   * known, and rows of earlier epochs. Other in-doubt attempts remain until the epoch is recovered, even if their pod
   * is gone, because a process may hand over under a pod id other than the one under which it made its attempts.
   */
  async forget(epoch: number, cursor: number): Promise<void> {
    await this.#database.rows(
      (own) => `DELETE FROM drained_entries WHERE epoch = ?
         AND last_seq <= LEAST(?, (SELECT seq FROM flush_cursor WHERE ${own()} AND epoch = ?)) LIMIT ${FORGOTTEN_MAX}`,
      [epoch, cursor, epoch],
    );
    // Nothing waits for older epochs; otherwise the current epoch could not have begun.
    for (const table of ['drained_entries', 'drained_doubts', 'frozen_accounts', 'unsettled_ids'])
      await this.#database.rows(`DELETE FROM ${table} WHERE epoch < ? LIMIT ${FORGOTTEN_MAX}`, [epoch]);
    for (const [kind, table, id] of KNOWN_IDS) {
      await this.#database.rows(
        `DELETE FROM drained_doubts WHERE epoch = ? AND kind = '${kind}'
           AND EXISTS (SELECT 1 FROM ${table} k WHERE k.${id} = drained_doubts.id) LIMIT ${FORGOTTEN_MAX}`,
        [epoch],
      );
    }
  }
}

/** The table with the outcomes of each kind, and the column with their id. */
const KNOWN_IDS = [
  ['transfers', 'transfers', 'transaction_id'],
  ['account-change', 'account_changes', 'change_id'],
  ['group', 'transfer_groups', 'group_id'],
  ['hold', 'holds', 'hold_id'],
  ['hold-event', 'hold_events', 'event_id'],
] as const;

async function keepEntries(session: Session, rows: string[]): Promise<void> {
  await session
    .run(
      `INSERT INTO drained_entries (epoch, first_seq, last_seq, kind, payload, records, payload_bytes, accepted_ms)
       VALUES ${rows.join(',')}
       ON DUPLICATE KEY UPDATE payload = IF(kind = VALUES(kind) AND payload = VALUES(payload)
         AND records = VALUES(records) AND COALESCE(accepted_ms = VALUES(accepted_ms), TRUE), payload, NULL),
         accepted_ms = COALESCE(accepted_ms, VALUES(accepted_ms))`,
    )
    .catch((error: unknown) => {
      // NULL in a NOT NULL column: two pods received different entries under one seq.
      if ((error as { code?: string }).code !== 'ER_BAD_NULL_ERROR') throw error;
      throw new IntegrityError('a handed-over entry contradicts an earlier one', { cause: error });
    });
}

const entryLiteral = (epoch: number, entry: JournalEntry): string =>
  `(${integer(epoch)},${integer(entry.firstSeq)},${integer(lastSeqOf(entry))},'${entry.kind}',${text(entry.payload)},x'${entry.records.toString('hex')}',${Buffer.byteLength(entry.payload)},${entry.acceptedAt ?? 'NULL'})`;

const attemptLiteral = (epoch: number, podId: string, attempt: InDoubtAttempt): string => {
  const {
    kind,
    id,
    accounts: [one = '', other = ''],
    groupId = null,
  } = attempt;
  return `(${integer(epoch)},${text(podId)},'${kind}',${text(id)},${text(one)},${text(other)},${integer(seqsOf(attempt))},${textOrNull(groupId)})`;
};
