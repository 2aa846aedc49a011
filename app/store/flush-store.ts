import type { Outcome } from '../ledger/types.ts';
import { type AccountMove, type FlushBatch, IntegrityError, type JournaledChange } from '../sync/batch.ts';
import type { Database, Session } from './pool.ts';
import { integer, moment, momentOrNull, text, textOrNull } from './sql.ts';

export interface Cursor {
  epoch: number;
  seq: number;
  /** The largest UUIDv7 time of any id that MySQL has, ms. */
  idTimeMax: number;
}

/** The authority is another by now, or another keeper was faster: not a failure, but nothing was written. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

/** Far below the least default of `max_allowed_packet` (16 MiB in MariaDB): one row can be 18 KB of metadata, escaped twice. */
const STATEMENT_CHARS_MAX = 2 * 1024 * 1024;

/** Rows of literals, in groups that fit one statement each. */
function* statements(rows: Iterable<string>): Iterable<string[]> {
  let group: string[] = [];
  let chars = 0;
  for (const row of rows) {
    if (group.length > 0 && chars + row.length > STATEMENT_CHARS_MAX) {
      yield group;
      group = [];
      chars = 0;
    }
    group.push(row);
    chars += row.length;
  }
  if (group.length > 0) yield group;
}

/** Writes the journal to MySQL. */
export class FlushStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async cursor(): Promise<Cursor> {
    const [row] = await this.#database.rows<{ epoch: number; seq: number; id_time_max: number }>(
      'SELECT epoch, seq, id_time_max FROM flush_cursor WHERE shard = 0',
    );
    if (!row) throw new Error('flush_cursor has no row: the schema is not migrated');
    return { epoch: row.epoch, seq: row.seq, idTimeMax: row.id_time_max };
  }

  /**
   * One transaction: the authority row share-locked and still of `authorityEpoch`; the cursor by compare-and-set; accounts to
   * their absolute balance and version where MySQL has the version (and balance) before; outcomes; settings.
   * An error leaves it unknown whether it was committed: the cursor tells.
   * @throws Overtaken, IntegrityError, Problem database_unavailable
   */
  async commit(batch: FlushBatch, authorityEpoch: number): Promise<void> {
    await this.#database.transaction(async (session) => {
      const [authority] = await session.rows<{ epoch: number }>(
        'SELECT epoch FROM authority WHERE shard = 0 LOCK IN SHARE MODE',
      );
      if (authority?.epoch !== authorityEpoch) throw new Overtaken(`the authority is at epoch ${authority?.epoch}`);
      // The cursor before the accounts: of two keepers with the same batch, the later one finds itself overtaken, and not the
      // accounts elsewhere than the journal says, which would look like corruption.
      const advanced = await session.run(
        `UPDATE flush_cursor SET seq = ?, id_time_max = GREATEST(id_time_max, ?), committed_at = NOW(3)
         WHERE shard = 0 AND epoch = ? AND seq = ?`,
        [batch.lastSeq, batch.idTimeMax, batch.epoch, batch.afterSeq],
      );
      if (advanced !== 1) throw new Overtaken(`the cursor is not at ${batch.epoch}/${batch.afterSeq} any more`);
      await moveAccounts(session, batch.moves);
      await insertOutcomes(session, batch.outcomes);
      for (const change of batch.changes) await writeChange(session, change, batch.epoch);
    });
  }
}

/**
 * Accounts to where the journal says they are, if they are where it says they were. Three things cannot pass: a version or
 * a balance that is another in MySQL (NULL in a NOT NULL column is an error), and an account that is missing (the upsert
 * would insert it, which counts 1, where an update counts 2).
 */
async function moveAccounts(session: Session, moves: readonly AccountMove[]): Promise<void> {
  const rows = moves.map(
    (m) =>
      `(${text(m.accountId)},${text(m.currency)},${integer(m.balance)},${integer(m.version)},${integer(m.previousVersion)},${integer(m.previousBalance)})`,
  );
  for (const values of statements(rows)) {
    const changed = await session
      .run(
        `INSERT INTO accounts (account_id, currency, balance, version, previous_version, previous_balance)
         VALUES ${values.join(',')}
         ON DUPLICATE KEY UPDATE
           balance = IF(version = VALUES(previous_version) AND balance = VALUES(previous_balance) AND currency = VALUES(currency),
             VALUES(balance), NULL),
           version = VALUES(version),
           previous_version = VALUES(previous_version),
           previous_balance = VALUES(previous_balance)`,
      )
      .catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'ER_BAD_NULL_ERROR') throw error;
        throw new IntegrityError('an account in MySQL is not where the journal says that it was', { cause: error });
      });
    if (changed !== 2 * values.length) throw new IntegrityError('an account of the journal is missing in MySQL');
  }
}

async function insertOutcomes(session: Session, outcomes: readonly Outcome[]): Promise<void> {
  for (const rows of statements(outcomes.map(outcomeLiteral))) {
    await session.run(`INSERT INTO transfers (transaction_id, kind, status, refusal, source_account, destination_account,
      amount, currency, source_version, source_balance, source_settings_version, destination_version, destination_balance,
      destination_settings_version, client_timestamp, accepted_at, user, correlation_id, reference, metadata, reverses,
      epoch, seq) VALUES ${rows.join(',')}`);
  }
}

function outcomeLiteral(outcome: Outcome): string {
  const { order } = outcome;
  const sides =
    outcome.status === 'POSTED'
      ? `${integer(outcome.source.version)},${integer(outcome.source.balance)},${outcome.source.settingsVersion},${integer(outcome.destination.version)},${integer(outcome.destination.balance)},${outcome.destination.settingsVersion}`
      : 'NULL,NULL,NULL,NULL,NULL,NULL';
  const verdict = outcome.status === 'POSTED' ? "'POSTED',NULL" : `'REJECTED','${outcome.refusal}'`;
  const metadata = order.metadata === null ? 'NULL' : text(JSON.stringify(order.metadata));
  return `(${text(order.transactionId)},${order.kind === 'reversal' ? "'REVERSAL'" : "'TRANSFER'"},${verdict},${text(order.source)},${text(order.destination)},${integer(order.amount)},${text(order.currency)},${sides},${momentOrNull(order.timestamp)},${moment(outcome.acceptedAt)},${text(order.user)},${text(order.correlationId)},${textOrNull(order.reference)},${metadata},${textOrNull(order.reverses)},${integer(outcome.epoch)},${integer(outcome.seq)})`;
}

async function writeChange(session: Session, change: JournaledChange, epoch: number): Promise<void> {
  const { accountId, status, overdraftLimit, settingsVersion } = change;
  const changed = await session.run(
    'UPDATE accounts SET status = ?, overdraft_limit = ?, settings_version = ? WHERE account_id = ? AND settings_version = ?',
    [status, overdraftLimit, settingsVersion, accountId, settingsVersion - 1],
  );
  if (changed !== 1)
    throw new IntegrityError(`account ${accountId} is not at settings version ${settingsVersion - 1} in MySQL`);
  await session.run(
    `INSERT INTO account_changes (change_id, account_id, settings_version, status, overdraft_limit, accepted_at, user,
       correlation_id, epoch, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    ],
  );
}
