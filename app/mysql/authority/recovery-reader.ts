import type { GroupOutcome } from '../../domain/group.ts';
import type { HoldEvent } from '../../domain/hold-events.ts';
import type { LimitsChange } from '../../domain/limits.ts';
import type { Account, AccountStatus, Outcome } from '../../domain/types.ts';
import type { Cursor } from '../../journal/cursor.ts';
import { IntegrityError, type JournaledChange } from '../../journal/flush-batch.ts';
import type { IdKind, InDoubtAttempt, JournalEntry } from '../../journal/journal-entry.ts';
import type { Journaled } from '../../journal/journaled.ts';
import type { Session } from '../connection/pool.ts';
import { integer } from '../connection/sql.ts';
import { ACCOUNT_COLUMNS, type AccountColumns, accountOfRow } from '../rows/account-row.ts';
import { groupsByIds } from '../rows/group-row.ts';
import { holdUpdatesOf, placingsOf } from '../rows/hold-rows.ts';
import { outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from '../rows/transfer-row.ts';
import { IN_LIST_MAX, rowsByIds } from '../rows/unsettled-rows.ts';

/** Number of entries whose sizes are read per page; the page contains as many of them as fit. */
const PAGE_ENTRIES_MAX = 1000;

/** How much of a journal is posted in one transaction. */
export interface PageLimits {
  outcomesMax: number;
  /** Maximum bytes of payload per page. Processing takes about ten times as much memory. */
  bytesMax: number;
}
export const PAGE_LIMITS: PageLimits = { outcomesMax: 2000, bytesMax: 4 * 1024 * 1024 };

/**
 * Registrations of pods that may still have received outcomes above the cursor: those that have neither handed over nor been
 * retired at a seq that is in MySQL. A retired pod receives nothing after that seq, and Redis accepts no writes from it.
 */
export async function podsNotHandedOver(
  session: Pick<Session, 'rows'>,
  epoch: number,
  cursor: number,
): Promise<string[]> {
  const rows = await session.rows<{ pod_id: string }>(
    `SELECT pod_id FROM pods WHERE epoch = ? AND drained_at IS NULL AND (retired_seq IS NULL OR retired_seq > ?)
     ORDER BY pod_id`,
    [epoch, cursor],
  );
  return rows.map(({ pod_id }) => pod_id);
}

/**
 * The highest seq on which an answer of any pod of the epoch depends, whether or not the pod has received the entry with this
 * seq.
 */
export async function observedSeq(from: Pick<Session, 'rows'>, epoch: number): Promise<number> {
  const [row] = await from.rows<{ observed: number }>(
    'SELECT COALESCE(MAX(observed_seq), 0) AS observed FROM pods WHERE epoch = ?',
    [epoch],
  );
  return row?.observed ?? 0;
}

/** The highest seq that was handed over. Entries do not overlap, so the last entry has it. */
export async function handedOverSeq(from: Pick<Session, 'rows'>, epoch: number): Promise<number> {
  const [row] = await from.rows<{ last_seq: number }>(
    'SELECT last_seq FROM drained_entries WHERE epoch = ? ORDER BY first_seq DESC LIMIT 1',
    [epoch],
  );
  return row?.last_seq ?? 0;
}

/** The highest seq that was received or observed. The epoch is known to extend this far. */
export async function highestKnownSeqOf(from: Pick<Session, 'rows'>, epoch: number, cursor: Cursor): Promise<number> {
  return Math.max(cursor.seq, await observedSeq(from, epoch), await handedOverSeq(from, epoch));
}

/** The number of handed-over seqs above the cursor. */
export async function handedOverCount(session: Session, epoch: number, cursor: number): Promise<number> {
  const [row] = await session.rows<{ handedOver: number }>(
    `SELECT CAST(COALESCE(SUM(last_seq - GREATEST(first_seq - 1, ?)), 0) AS SIGNED) AS handedOver FROM drained_entries
     WHERE epoch = ? AND last_seq > ?`,
    [cursor, epoch, cursor],
  );
  return row?.handedOver ?? 0;
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

/**
 * The next handed-over entries that extend beyond a seq, in order, as many as fit into a page; at least one entry, if
 * there is any.
 * @throws IntegrityError if two entries overlap
 */
export async function handedOverPage(
  from: Pick<Session, 'rows'>,
  epoch: number,
  after: number,
  limits: PageLimits,
): Promise<{ entries: JournalEntry[]; lastSeq: number }> {
  const sizes = await sizesAfter(from, epoch, after);
  const [first] = sizes;
  if (!first) return { entries: [], lastSeq: after };
  let [count, bytes, lastSeq, lastFirst] = [0, 0, after, first.first_seq];
  for (const size of sizes) {
    count += size.last_seq - size.first_seq + 1;
    bytes += size.bytes;
    if (lastSeq > after && (count > limits.outcomesMax || bytes > limits.bytesMax)) break;
    if (lastSeq > after && size.first_seq <= lastSeq)
      throw new IntegrityError(`two handed-over entries of epoch ${epoch} overlap at seq ${size.first_seq}`);
    lastSeq = size.last_seq;
    lastFirst = size.first_seq;
  }
  const rows = await from.rows<EntryRow>(
    `SELECT kind, first_seq, payload, records, accepted_ms FROM drained_entries
     WHERE epoch = ? AND first_seq BETWEEN ? AND ? ORDER BY first_seq`,
    [epoch, first.first_seq, lastFirst],
  );
  return { entries: rows.map(entryOf), lastSeq };
}

interface EntrySize {
  first_seq: number;
  last_seq: number;
  bytes: number;
}

/**
 * Reads the sizes without the payloads, except for entries from pods of an older release, which did not record sizes.
 */
async function sizesAfter(from: Pick<Session, 'rows'>, epoch: number, after: number): Promise<EntrySize[]> {
  const sizes = await from.rows<Omit<EntrySize, 'bytes'> & { bytes: number | null }>(
    `SELECT first_seq, last_seq, payload_bytes AS bytes FROM drained_entries
     WHERE epoch = ? AND last_seq > ? AND first_seq >=
       (SELECT COALESCE(MAX(first_seq), 0) FROM drained_entries WHERE epoch = ? AND first_seq <= ?)
     ORDER BY first_seq LIMIT ${PAGE_ENTRIES_MAX}`,
    [epoch, after, epoch, after + 1],
  );
  const unknown = sizes.filter(({ bytes }) => bytes === null).map(({ first_seq }) => first_seq);
  const read = await rowsByIds<{ first_seq: number; bytes: number }>(
    from,
    `SELECT first_seq, LENGTH(payload) AS bytes FROM drained_entries WHERE epoch = ${integer(epoch)} AND first_seq IN (?)`,
    unknown,
  );
  const bytesOf = new Map(read.map(({ first_seq, bytes }) => [first_seq, bytes]));
  return sizes.map((size) => ({ ...size, bytes: size.bytes ?? bytesOf.get(size.first_seq) ?? 0 }));
}

/** Whether there are enough handed-over entries above a seq to process a page while other pods are still handing over. */
export async function isLong(from: Pick<Session, 'rows'>, epoch: number, after: number): Promise<boolean> {
  const rows = await from.rows<object>(
    `SELECT 1 FROM drained_entries WHERE epoch = ? AND first_seq > ? LIMIT ${LONG_ENTRIES}`,
    [epoch, after],
  );
  return rows.length === LONG_ENTRIES;
}
const LONG_ENTRIES = 500;

interface InDoubtRow {
  kind: InDoubtAttempt['kind'];
  id: string;
  account_id: string;
  other_account_id: string | null;
}
export const attemptOf = ({ kind, id, account_id, other_account_id }: InDoubtRow): InDoubtAttempt => ({
  kind,
  id,
  accounts: other_account_id ? [account_id, other_account_id] : [account_id],
});

/** Marks the in-doubt attempts with these ids as received, because their outcomes are known. */
export async function markReceived(session: Session, epoch: number, items: readonly Journaled[]): Promise<void> {
  for (const kind of DOUBT_KINDS) {
    const ids = idsOfKind(items, kind);
    for (let first = 0; first < ids.length; first += IN_LIST_MAX) {
      await session.run('UPDATE drained_doubts SET received = 1 WHERE epoch = ? AND kind = ? AND `id` IN (?)', [
        epoch,
        kind,
        ids.slice(first, first + IN_LIST_MAX),
      ]);
    }
  }
}
const DOUBT_KINDS = ['transfers', 'account-change', 'group', 'hold', 'hold-event'] as const satisfies readonly IdKind[];

/**
 * The ids of one kind that these items have used; the ids of transfers include those of the members of posted groups.
 */
function idsOfKind(items: readonly Journaled[], kind: Journaled['kind']): string[] {
  return items.flatMap((item) => {
    if (item.kind === kind) return [item.id];
    if (kind !== 'transfers' || item.kind !== 'group' || item.outcome.status === 'REJECTED') return [];
    return item.outcome.group.orders.map(({ transactionId }) => transactionId);
  });
}

/**
 * The maximum number of seqs that the in-doubt ids can have. Ids that are marked as received, or in MySQL, are not counted.
 */
export async function inDoubtCount(session: Session, epoch: number): Promise<number> {
  const [row] = await session.rows<{ seqs: number }>(
    `SELECT CAST(COALESCE(SUM(per_id.seqs), 0) AS SIGNED) AS seqs FROM
       (SELECT MAX(d.seqs) AS seqs FROM drained_doubts d WHERE d.epoch = ? AND ${UNDECIDED}
        GROUP BY d.kind, d.\`id\`) per_id`,
    [epoch],
  );
  return row?.seqs ?? 0;
}

/** A page of in-doubt attempts, and the position after which the next page begins; null after the last one. */
export interface InDoubtPage {
  attempts: InDoubtAttempt[];
  position: string | null;
}

/**
 * The epoch's next in-doubt attempts whose outcomes were not received and are not in MySQL; each appears once, even if
 * several pods handed it over.
 */
export async function inDoubtPage(
  session: Session,
  epoch: number,
  position: string,
  max: number,
): Promise<InDoubtPage> {
  return pageOf(position, max, async (kind, after) => {
    const { sql, values } = afterAttempt(after, 'd.other_account_id');
    return session.rows<InDoubtRow>(
      `SELECT DISTINCT d.kind, d.\`id\`, d.account_id, d.other_account_id FROM drained_doubts d
       WHERE d.epoch = ? AND d.kind = ? AND ${UNDECIDED} AND ${sql}
       ORDER BY d.\`id\`, d.account_id, d.other_account_id LIMIT ${max}`,
      [epoch, kind, ...values],
    );
  });
}

/** The next ids that wait for the journal, are not in MySQL, and have not been dropped. */
export async function unsettledPage(
  session: Session,
  { epoch, cacheEpoch }: { epoch: number; cacheEpoch: number },
  position: string,
  max: number,
): Promise<InDoubtPage> {
  return pageOf(position, max, async (kind, after) => {
    const { sql, values } = afterAttempt(after, "COALESCE(d.other_account_id, '')");
    return session.rows<InDoubtRow>(
      `SELECT d.kind, d.\`id\`, d.account_id, d.other_account_id FROM unsettled_ids d
       WHERE d.epoch = ? AND d.kind = ? AND ${UNKNOWN} AND ${sql}
         AND NOT EXISTS (SELECT 1 FROM dropped_entries x WHERE x.kind = d.kind AND x.entry_id = d.\`id\` AND x.authority_epoch = ?)
       ORDER BY d.\`id\` LIMIT ${max}`,
      [cacheEpoch, kind, ...values, epoch],
    );
  });
}

/** Reads one kind after another, because the order of the index is the order of the text only within one kind. */
async function pageOf(
  position: string,
  max: number,
  read: (kind: InDoubtAttempt['kind'], after: readonly string[] | null) => Promise<InDoubtRow[]>,
): Promise<InDoubtPage> {
  const [from = 'transfers', ...after] =
    position === '' ? [] : (JSON.parse(position) as [InDoubtAttempt['kind'], ...string[]]);
  const rows = await read(from, after.length > 0 ? after : null);
  const last = rows.at(-1);
  const nextKind = DOUBT_KINDS[DOUBT_KINDS.indexOf(from) + 1];
  const next = nextKind ? JSON.stringify([nextKind]) : null;
  return {
    attempts: rows.map(attemptOf),
    position:
      rows.length < max || !last ? next : JSON.stringify([from, last.id, last.account_id, last.other_account_id ?? '']),
  };
}

/** The first comparison is redundant, but lets MySQL use the index. */
function afterAttempt(after: readonly string[] | null, other: string): { sql: string; values: string[] } {
  if (!after) return { sql: 'TRUE', values: [] };
  return {
    sql: `d.\`id\` >= ? AND (d.\`id\`, d.account_id, ${other}) > (?, ?, ?)`,
    values: [after[0] ?? '', ...after],
  };
}

const UNKNOWN = `CASE d.kind
  WHEN 'transfers' THEN NOT EXISTS (SELECT 1 FROM transfers t WHERE t.transaction_id = d.\`id\`)
  WHEN 'group' THEN NOT EXISTS (SELECT 1 FROM transfer_groups g WHERE g.group_id = d.\`id\`)
  WHEN 'hold' THEN NOT EXISTS (SELECT 1 FROM holds h WHERE h.hold_id = d.\`id\`)
  WHEN 'hold-event' THEN NOT EXISTS (SELECT 1 FROM hold_events e WHERE e.event_id = d.\`id\`)
  ELSE NOT EXISTS (SELECT 1 FROM account_changes c WHERE c.change_id = d.\`id\`) END`;

/**
 * True for an attempt whose outcome is unknown; false if the outcome of its group is known, because that decides
 * whether the attempt's id was used.
 */
const UNDECIDED = `d.received = 0 AND ${UNKNOWN} AND (d.group_id IS NULL
  OR NOT EXISTS (SELECT 1 FROM transfer_groups g WHERE g.group_id = d.group_id)
  AND NOT EXISTS (SELECT 1 FROM drained_doubts g
    WHERE g.epoch = d.epoch AND g.kind = 'group' AND g.\`id\` = d.group_id AND g.received = 1))`;

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

/** The rows that MySQL has under the ids in a journal. */
export interface KnownIds {
  outcomes: Map<string, Outcome>;
  groups: Map<string, GroupOutcome>;
  changes: Map<string, JournaledChange & { epoch: number }>;
  /** Holds that were placed or refused, by hold id. */
  placings: Map<string, HoldEvent>;
  /** Other events of holds, by event id. */
  updates: Map<string, HoldEvent>;
}

export async function knownIds(session: Session, items: readonly Journaled[]): Promise<KnownIds> {
  const transfers = await rowsByIds<TransferRow>(session, TRANSFERS_SELECT, idsOfKind(items, 'transfers'));
  const changes = await rowsByIds<ChangeRow>(session, CHANGES_SELECT, idsOfKind(items, 'account-change'));
  return {
    outcomes: new Map(transfers.map((row) => [row.transaction_id, outcomeOfRow(row)])),
    groups: await groupsByIds(session, idsOfKind(items, 'group')),
    changes: new Map(
      changes.map(({ limits, ...row }) => [
        row.changeId,
        {
          ...row,
          ...(limits !== null && { limits: JSON.parse(limits) as LimitsChange }),
          acceptedAt: row.acceptedAt.getTime(),
          takenAt: null,
        },
      ]),
    ),
    placings: await placingsOf(session, idsOfKind(items, 'hold')),
    updates: await holdUpdatesOf(session, idsOfKind(items, 'hold-event')),
  };
}
const TRANSFERS_SELECT = `SELECT ${TRANSFER_COLUMNS} FROM transfers WHERE transaction_id IN (?)`;

interface ChangeRow extends Omit<JournaledChange, 'acceptedAt' | 'takenAt' | 'status' | 'limits'> {
  acceptedAt: Date;
  status: AccountStatus;
  /** JSON */
  limits: string | null;
  epoch: number;
}
const CHANGES_SELECT = `SELECT change_id AS changeId, account_id AS accountId, accepted_at AS acceptedAt, \`user\`,
  correlation_id AS correlationId, epoch, seq, \`status\`, overdraft_limit AS overdraftLimit,
  settings_version AS settingsVersion, limits FROM account_changes WHERE change_id IN (?)`;
