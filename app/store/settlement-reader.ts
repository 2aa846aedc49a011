import type { Doubt, JournalEntry } from '../ledger/journal.ts';
import type { Account, AccountStatus, Outcome } from '../ledger/types.ts';
import type { JournaledChange } from '../sync/batch.ts';
import type { Journaled } from '../sync/journaled.ts';
import { ACCOUNT_COLUMNS, type AccountColumns, accountOfRow } from './account-row.ts';
import type { Session } from './pool.ts';
import { outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from './transfer-row.ts';
import { rowsByIds } from './unsettled.ts';

/** Drained entries in one answer: each may be nearly 1 MB. */
const ENTRIES_MAX = 500;
/** Outcomes that are brought to the books in one transaction, about, while more than one is needed. */
const BATCH_OUTCOMES = 2000;

/**
 * Registrations that may still know of something above the cursor: those that have neither drained nor been retired at a
 * seq that is in MySQL. A retired pod was told of nothing later, and Redis lets it write nothing.
 */
export async function undrainedPods(session: Session, epoch: number, cursor: number): Promise<string[]> {
  const rows = await session.rows<{ pod_id: string }>(
    `SELECT pod_id FROM pods WHERE epoch = ? AND drained_at IS NULL AND (retired_seq IS NULL OR retired_seq > ?)
     ORDER BY pod_id`,
    [epoch, cursor],
  );
  return rows.map(({ pod_id }) => pod_id);
}

/** The highest seq that any pod of the epoch has passed on, received or not. */
export async function observedSeq(session: Session, epoch: number): Promise<number> {
  const [row] = await session.rows<{ observed: number }>(
    'SELECT COALESCE(MAX(observed_seq), 0) AS observed FROM pods WHERE epoch = ?',
    [epoch],
  );
  return row?.observed ?? 0;
}

export async function drainedSeq(session: Session, epoch: number): Promise<number> {
  const [row] = await session.rows<{ drained: number }>(
    'SELECT COALESCE(MAX(last_seq), 0) AS drained FROM drained_entries WHERE epoch = ?',
    [epoch],
  );
  return row?.drained ?? 0;
}

interface EntryRow {
  kind: JournalEntry['kind'];
  first_seq: number;
  payload: string;
  records: Buffer;
  accepted_ms: number | null;
}
const entryOf = ({ kind, first_seq, payload, records, accepted_ms }: EntryRow): JournalEntry => ({
  kind,
  firstSeq: first_seq,
  payload,
  records,
  acceptedAt: accepted_ms,
});

/** Drained entries that reach above the cursor. */
export async function drainedEntries(session: Session, epoch: number, cursor: number): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for (let after = -1; ; ) {
    const rows = await session.rows<EntryRow>(
      `SELECT kind, first_seq, payload, records, accepted_ms FROM drained_entries
       WHERE epoch = ? AND first_seq > ? AND last_seq > ? ORDER BY first_seq LIMIT ${ENTRIES_MAX}`,
      [epoch, after, cursor],
    );
    for (const row of rows) {
      entries.push(entryOf(row));
      after = row.first_seq;
    }
    if (rows.length < ENTRIES_MAX) return entries;
  }
}

/**
 * The next drained entries that follow on a seq without a gap, as many as make a batch; none when the seq after it was not
 * drained, or when fewer are there than are worth a batch of their own.
 */
export async function drainedBatch(
  database: Pick<Session, 'rows'>,
  epoch: number,
  seq: number,
): Promise<JournalEntry[]> {
  const rows = await database.rows<EntryRow & { last_seq: number }>(
    `SELECT kind, first_seq, last_seq, payload, records, accepted_ms FROM drained_entries
     WHERE epoch = ? AND first_seq > ? ORDER BY first_seq LIMIT ${ENTRIES_MAX}`,
    [epoch, seq],
  );
  if (rows.length < ENTRIES_MAX) return [];
  const entries: JournalEntry[] = [];
  let last = seq;
  for (const row of rows) {
    if (row.first_seq !== last + 1 || last - seq >= BATCH_OUTCOMES) break;
    entries.push(entryOf(row));
    last = row.last_seq;
  }
  return entries;
}

interface DoubtRow {
  kind: Doubt['kind'];
  id: string;
  account_id: string;
  other_account_id: string | null;
}
export const doubtOf = ({ kind, id, account_id, other_account_id }: DoubtRow): Doubt => ({
  kind,
  id,
  accounts: other_account_id ? [account_id, other_account_id] : [account_id],
});

/** Attempts in doubt of an epoch whose id MySQL does not have. */
export async function drainedDoubts(session: Session, epoch: number): Promise<Doubt[]> {
  const rows = await session.rows<DoubtRow>(
    `SELECT DISTINCT kind, \`id\`, account_id, other_account_id FROM drained_doubts d WHERE epoch = ? AND ${UNKNOWN}`,
    [epoch],
  );
  return rows.map(doubtOf);
}

/** Ids that wait for the journal, and that MySQL does not have. */
export async function unsettledIds(session: Session): Promise<Doubt[]> {
  const rows = await session.rows<DoubtRow>(
    `SELECT kind, \`id\`, account_id, other_account_id FROM unsettled_ids d WHERE ${UNKNOWN}`,
  );
  return rows.map(doubtOf);
}
const UNKNOWN = `IF(d.kind = 'transfers',
  NOT EXISTS (SELECT 1 FROM transfers t WHERE t.transaction_id = d.id),
  NOT EXISTS (SELECT 1 FROM account_changes c WHERE c.change_id = d.id))`;

/** Accounts, locked in order of id. Those that do not exist are absent. */
export async function lockedAccounts(session: Session, sortedIds: readonly string[]): Promise<Map<string, Account>> {
  const rows = await rowsByIds<AccountColumns>(
    session,
    `SELECT ${ACCOUNT_COLUMNS} FROM accounts a FORCE INDEX (PRIMARY) WHERE a.account_id IN (?)
     ORDER BY a.account_id FOR UPDATE`,
    sortedIds,
  );
  return new Map(rows.map((row) => [row.account_id, accountOfRow(row)]));
}

/** What MySQL has of the ids that a journal tells of. */
export interface KnownIds {
  outcomes: Map<string, Outcome>;
  changes: Map<string, JournaledChange & { epoch: number }>;
}

export async function knownIds(session: Session, told: readonly Journaled[]): Promise<KnownIds> {
  const idsOf = (kind: Journaled['kind']) => told.filter((one) => one.kind === kind).map(({ id }) => id);
  const transfers = await rowsByIds<TransferRow>(session, TRANSFERS_SELECT, idsOf('transfers'));
  const changes = await rowsByIds<ChangeRow>(session, CHANGES_SELECT, idsOf('account-change'));
  return {
    outcomes: new Map(transfers.map((row) => [row.transaction_id, outcomeOfRow(row)])),
    changes: new Map(
      changes.map((row) => [row.changeId, { ...row, acceptedAt: row.acceptedAt.getTime(), takenAt: null }]),
    ),
  };
}
const TRANSFERS_SELECT = `SELECT ${TRANSFER_COLUMNS} FROM transfers WHERE transaction_id IN (?)`;

interface ChangeRow extends Omit<JournaledChange, 'acceptedAt' | 'takenAt' | 'status'> {
  acceptedAt: Date;
  status: AccountStatus;
  epoch: number;
}
const CHANGES_SELECT = `SELECT change_id AS changeId, account_id AS accountId, accepted_at AS acceptedAt, \`user\`,
  correlation_id AS correlationId, epoch, seq, \`status\`, overdraft_limit AS overdraftLimit,
  settings_version AS settingsVersion FROM account_changes WHERE change_id IN (?)`;
