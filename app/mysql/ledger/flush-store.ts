import { LIMITS, type LimitReached, type Limits } from '../../domain/limits.ts';
import { type Cursor, CursorConflictError } from '../../journal/cursor.ts';
import { type AccountMove, type FlushBatch, IntegrityError, type JournaledChange } from '../../journal/flush-batch.ts';
import { contentsOf, type LogHead, type RowContent } from '../../journal/sealed/sealed-rows.ts';
import { isLogged, NO_SALTS, type Salts, sealingOf } from '../../journal/sealed/sealing.ts';
import type { JournalStore } from '../../sync/flusher.ts';
import type { Database, Session } from '../connection/pool.ts';
import { binaryOrNull, integer, millisecondsOrNull, statements, text } from '../connection/sql.ts';
import { type AuthorityColumns, modeOf } from '../rows/authority-row.ts';
import { insertGroups } from './group-writer.ts';
import { writeHolds } from './hold-writer.ts';
import { seal, sealAfter } from './log-writer.ts';
import { insertOutcomes } from './outcome-writer.ts';
import { countUsage } from './usage-writer.ts';

export async function readCursor(from: Pick<Session, 'rows'>, lock: '' | 'FOR UPDATE' = ''): Promise<Cursor> {
  const [row] = await from.rows<{ epoch: number; seq: number; id_time_max: number }>(
    (own) => `SELECT epoch, seq, id_time_max FROM flush_cursor WHERE ${own()} ${lock}`,
  );
  if (!row) throw new Error('flush_cursor has no row: the schema is not migrated');
  return { epoch: row.epoch, seq: row.seq, idTimeMax: row.id_time_max };
}

export type OnLimitsReached = (reached: readonly LimitReached[]) => void;

/** Writes the journal to MySQL. */
export class FlushStore implements JournalStore {
  readonly #database: Database;
  readonly #onReached: OnLimitsReached;
  /** The end of the log after the last flush, if it was sealed. It may be outdated. */
  #logEnd: LogHead | null = null;

  /** @param onReached called with the account limits that a commit has reached */
  constructor(database: Database, onReached: OnLimitsReached = () => {}) {
    this.#database = database;
    this.#onReached = onReached;
  }

  async cursor(): Promise<Cursor> {
    return readCursor(this.#database);
  }

  /**
   * Writes a batch in one transaction: share-locks the authority row and checks that its epoch is `authorityEpoch`;
   * advances the cursor by compare-and-set; sets accounts to their absolute balance and version if MySQL has the
   * previous version (and balance); writes outcomes and settings, and appends the batch to the log. After an error, the
   * cursor shows whether the batch was committed.
   * @throws CursorConflictError, IntegrityError, UnsealedBacklogError, Problem database_unavailable
   */
  async commit(batch: FlushBatch, authorityEpoch: number): Promise<void> {
    const { reached, logEnd } = await this.#database.transaction(async (session) => {
      const [authority] = await session.rows<Pick<AuthorityColumns, 'epoch' | 'mode' | 'now_ms'>>(
        (own) => `SELECT epoch, \`mode\`, CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now_ms
         FROM authority WHERE ${own()} LOCK IN SHARE MODE`,
      );
      if (authority?.epoch !== authorityEpoch)
        throw new CursorConflictError(`the authority is at epoch ${authority?.epoch}`);
      // The cursor comes before the accounts. If two keepers have the same batch, the later one then gets a cursor
      // conflict; otherwise it would find accounts in a different state than in the journal, which would look like
      // corruption.
      const advanced = await session.run(
        (own) => `UPDATE flush_cursor SET seq = ?, id_time_max = GREATEST(id_time_max, ?), committed_at = NOW(3)
         WHERE ${own()} AND epoch = ? AND seq = ?`,
        [batch.lastSeq, batch.idTimeMax, batch.epoch, batch.afterSeq],
      );
      if (advanced !== 1) throw new CursorConflictError(`the cursor is no longer at ${batch.epoch}/${batch.afterSeq}`);
      const moved = moveAccounts(session, batch.moves);
      // The log's rows are computed while MySQL is busy. If that throws, a rejection of `moved` must not be unhandled.
      moved.catch(() => {});
      const sealing = isLogged(modeOf(authority.mode).format) ? sealingOfBatch(batch) : null;
      const rows = sealing && contentsOf(sealing.pages, originOf(batch));
      const salts = sealing?.salts ?? NO_SALTS;
      await moved;
      await insertOutcomes(session, batch.outcomes, salts);
      if (batch.groups.length > 0) await insertGroups(session, batch.groups, salts);
      if (batch.holdEvents.length > 0 || batch.moves.some(({ held }) => held !== undefined))
        await writeHolds(session, batch.holdEvents, batch.outcomes, salts);
      for (const change of batch.changes) await writeChange(session, change, batch.epoch, salts);
      const usage = await countUsage(session, [...batch.outcomes, ...batch.holdEvents], batch.changes);
      return { reached: usage, logEnd: rows && (await this.#seal(session, rows, authority.now_ms)) };
    });
    this.#logEnd = logEnd;
    this.#onReached(reached);
  }

  async #seal(session: Session, rows: readonly RowContent[], now: number): Promise<LogHead> {
    const end = this.#logEnd && (await sealAfter(session, this.#logEnd, rows, now));
    return end ?? seal(session, rows);
  }
}

const originOf = ({ epoch, afterSeq, lastSeq }: FlushBatch) => ({ epoch, firstSeq: afterSeq + 1, lastSeq });

function sealingOfBatch({ epoch, outcomes, holdEvents, groups, changes }: FlushBatch) {
  const decided = holdEvents.length === 0 ? outcomes : [...outcomes, ...holdEvents];
  return sealingOf({ epoch, decided, groups, changes });
}

/**
 * Moves accounts from their state before the batch to their state after it. It detects a version or a balance that
 * differs in MySQL (the statement then sets a NOT NULL column to NULL, which is an error) and a missing account (the
 * upsert inserts it, which counts 1, while an update counts 2). The same checks apply to the held amount of an account,
 * which only a few batches change.
 */
export async function moveAccounts(session: Session, moves: readonly AccountMove[]): Promise<void> {
  const withHeld = moves.filter(({ held }) => held !== undefined);
  if (withHeld.length === 0) return moveRows(session, moves, false);
  await moveRows(
    session,
    moves.filter(({ held }) => held === undefined),
    false,
  );
  await moveRows(session, withHeld, true);
}

async function moveRows(session: Session, moves: readonly AccountMove[], withHeld: boolean): Promise<void> {
  const rows = moves.map(
    (m) =>
      `(${text(m.accountId)},${text(m.currency)},${integer(m.balance)},${integer(m.version)},${integer(m.previousVersion)},${integer(m.previousBalance)},${millisecondsOrNull(m.acceptedAt)}${withHeld && m.held ? `,${integer(m.held.after)},${integer(m.held.before)}` : ''})`,
  );
  for (const values of statements(rows)) {
    const changed = await session
      .run(
        `INSERT INTO accounts (account_id, currency, balance, version, previous_version, previous_balance,
           last_accepted_ms${withHeld ? ', held, previous_held' : ''})
         VALUES ${values.join(',')}
         ON DUPLICATE KEY UPDATE
           balance = IF(version = VALUES(previous_version) AND balance = VALUES(previous_balance) AND currency = VALUES(currency),
             VALUES(balance), NULL),
           version = VALUES(version),
           previous_version = VALUES(previous_version),
           previous_balance = VALUES(previous_balance),
           ${withHeld ? HELD : ''}
           last_accepted_ms = IF(VALUES(last_accepted_ms) > COALESCE(last_accepted_ms, 0), VALUES(last_accepted_ms),
             last_accepted_ms)`,
      )
      .catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'ER_BAD_NULL_ERROR') throw error;
        throw new IntegrityError('an account in MySQL differs from its previous state in the journal', {
          cause: error,
        });
      });
    if (changed !== 2 * values.length) throw new IntegrityError('an account in the journal is missing from MySQL');
  }
}

const HELD = `held = IF(held = VALUES(previous_held), VALUES(held), NULL),
           previous_held = VALUES(previous_held),`;

export async function writeChange(
  session: Session,
  change: JournaledChange,
  epoch: number,
  salts: Salts,
): Promise<void> {
  const { accountId, status, overdraftLimit, settingsVersion } = change;
  const acceptedAt = change.takenAt === null ? null : change.acceptedAt;
  const changed = await session.run(
    `UPDATE accounts SET \`status\` = ?, overdraft_limit = ?, settings_version = ?,
       last_accepted_ms = IF(? > COALESCE(last_accepted_ms, 0), ?, last_accepted_ms)
     WHERE account_id = ? AND settings_version = ?`,
    [status, overdraftLimit, settingsVersion, acceptedAt, acceptedAt, accountId, settingsVersion - 1],
  );
  if (changed !== 1)
    throw new IntegrityError(`account ${accountId} is not at settings version ${settingsVersion - 1} in MySQL`);
  await session.run(
    `INSERT INTO account_changes (change_id, account_id, settings_version, \`status\`, overdraft_limit, accepted_at, \`user\`,
       correlation_id, epoch, seq, limits, salt)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${binaryOrNull(salts.ofChange(change.changeId))})`,
    [
      change.changeId,
      accountId,
      settingsVersion,
      status,
      overdraftLimit,
      new Date(change.acceptedAt),
      change.user,
      change.correlationId,
      epoch,
      change.seq,
      change.limits ? JSON.stringify(change.limits) : null,
    ],
  );
  if (change.limits) await writeLimits(session, accountId, change.limits);
}

async function writeLimits(session: Session, accountId: string, limits: Limits): Promise<void> {
  await session.run(
    `UPDATE accounts SET transfer_max = ?, daily_debit_max = ?, monthly_debit_max = ?, daily_credit_max = ?,
       balance_max = ? WHERE account_id = ?`,
    [...LIMITS.map((name) => limits[name]), accountId],
  );
}
