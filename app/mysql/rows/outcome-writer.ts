import type { Outcome } from '../../domain/types.ts';
import { type AccountMove, IntegrityError, type JournaledChange } from '../../journal/flush-batch.ts';
import type { Session } from '../connection/pool.ts';
import { integer, millisecondsOrNull, moment, momentOrNull, text, textOrNull } from '../connection/sql.ts';
import { statements } from '../connection/statements.ts';

/**
 * Moves accounts to their state after the batch, if MySQL has their state before it. Three things cannot pass: a
 * version or a balance that differs in MySQL (NULL in a NOT NULL column is an error), and a missing account (the upsert
 * would insert it, which counts 1, while an update counts 2).
 */
export async function moveAccounts(session: Session, moves: readonly AccountMove[]): Promise<void> {
  const rows = moves.map(
    (m) =>
      `(${text(m.accountId)},${text(m.currency)},${integer(m.balance)},${integer(m.version)},${integer(m.previousVersion)},${integer(m.previousBalance)},${millisecondsOrNull(m.acceptedAt)})`,
  );
  for (const values of statements(rows)) {
    const changed = await session
      .run(
        `INSERT INTO accounts (account_id, currency, balance, version, previous_version, previous_balance,
           last_accepted_ms)
         VALUES ${values.join(',')}
         ON DUPLICATE KEY UPDATE
           balance = IF(version = VALUES(previous_version) AND balance = VALUES(previous_balance) AND currency = VALUES(currency),
             VALUES(balance), NULL),
           version = VALUES(version),
           previous_version = VALUES(previous_version),
           previous_balance = VALUES(previous_balance),
           last_accepted_ms = IF(VALUES(last_accepted_ms) > COALESCE(last_accepted_ms, 0), VALUES(last_accepted_ms),
             last_accepted_ms)`,
      )
      .catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'ER_BAD_NULL_ERROR') throw error;
        throw new IntegrityError('an account in MySQL differs from its previous state in the journal', {
          cause: error,
        });
      });
    if (changed !== 2 * values.length) throw new IntegrityError('an account of the journal is missing in MySQL');
  }
}

export async function insertOutcomes(session: Session, outcomes: readonly Outcome[]): Promise<void> {
  for (const rows of statements(literalsOf(outcomes))) {
    await session.run(`INSERT INTO transfers (transaction_id, kind, \`status\`, refusal, source_account, destination_account,
      amount, currency, source_version, source_balance, source_settings_version, destination_version, destination_balance,
      destination_settings_version, client_timestamp, accepted_at, accepted_after_ms, \`user\`, correlation_id, \`reference\`,
      metadata, reverses, epoch, seq) VALUES ${rows.join(',')}`);
  }
}

/** One by one, so that no more of them are in memory than a statement takes. */
function* literalsOf(outcomes: readonly Outcome[]): Iterable<string> {
  for (const outcome of outcomes) yield outcomeLiteral(outcome);
}

/**
 * Time from the pod's own time to the acceptance, ms: a short literal. The two clocks may differ, so it can be
 * negative.
 */
const acceptedAfter = ({ acceptedAt, takenAt }: Outcome): string =>
  takenAt === null ? 'NULL' : integer(acceptedAt - takenAt);

function outcomeLiteral(outcome: Outcome): string {
  const { order } = outcome;
  const sides =
    outcome.status === 'POSTED'
      ? `${integer(outcome.source.version)},${integer(outcome.source.balance)},${outcome.source.settingsVersion},${integer(outcome.destination.version)},${integer(outcome.destination.balance)},${outcome.destination.settingsVersion}`
      : 'NULL,NULL,NULL,NULL,NULL,NULL';
  const verdict = outcome.status === 'POSTED' ? "'POSTED',NULL" : `'REJECTED','${outcome.refusal}'`;
  const metadata = order.metadata === null ? 'NULL' : text(JSON.stringify(order.metadata));
  return `(${text(order.transactionId)},${order.kind === 'reversal' ? "'REVERSAL'" : "'TRANSFER'"},${verdict},${text(order.source)},${text(order.destination)},${integer(order.amount)},${text(order.currency)},${sides},${momentOrNull(order.timestamp)},${moment(outcome.acceptedAt)},${acceptedAfter(outcome)},${text(order.user)},${text(order.correlationId)},${textOrNull(order.reference)},${metadata},${textOrNull(order.reverses)},${integer(outcome.epoch)},${integer(outcome.seq)})`;
}

export async function writeChange(session: Session, change: JournaledChange, epoch: number): Promise<void> {
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
