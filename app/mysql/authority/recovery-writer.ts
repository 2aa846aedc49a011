import type { Authority, Format, MovedBy } from '../../domain/authority.ts';
import type { GroupOutcome } from '../../domain/group.ts';
import type { HoldEvent } from '../../domain/hold-events.ts';
import type { Outcome } from '../../domain/types.ts';
import { type AccountMove, IntegrityError, type JournaledChange } from '../../journal/flush-batch.ts';
import type { InDoubtAttempt } from '../../journal/journal-entry.ts';
import type { Journaled } from '../../journal/journaled.ts';
import { attemptsOf, type FrozenAccount, type Loss } from '../../journal/recovery/recover-epoch.ts';
import { digestOf, personalOfDeed, SaltSource } from '../../journal/sealed/personal.ts';
import type { SealedLoss } from '../../journal/sealed/sealed-entry.ts';
import { contentsOf } from '../../journal/sealed/sealed-rows.ts';
import { isLogged, NO_SALTS, sealingOf } from '../../journal/sealed/sealing.ts';
import type { Session } from '../connection/pool.ts';
import { binaryOrNull, integer, statements, text, textOrNull } from '../connection/sql.ts';
import { moveAccounts, writeChange } from '../ledger/flush-store.ts';
import { insertGroups } from '../ledger/group-writer.ts';
import { writeHolds } from '../ledger/hold-writer.ts';
import { seal } from '../ledger/log-writer.ts';
import { insertOutcomes } from '../ledger/outcome-writer.ts';
import { countUsage } from '../ledger/usage-writer.ts';
import { reasonText } from '../rows/authority-row.ts';
import { noteEntries } from '../rows/unsealed-rows.ts';

/** The rows to write to MySQL for a cache epoch, and the cursor after them. */
interface Books {
  epoch: number;
  /** The current format of the rules. */
  format: Format;
  outcomes: readonly Outcome[];
  groups: readonly GroupOutcome[];
  changes: readonly JournaledChange[];
  holdEvents: readonly HoldEvent[];
  moves: readonly AccountMove[];
  cursor: number;
  idTimeMax: number;
}

/** @throws IntegrityError if an account is in a different state, or an id already exists */
export async function writeBooks(session: Session, books: Books): Promise<void> {
  await session.run(
    (own) =>
      `UPDATE flush_cursor SET seq = ?, id_time_max = GREATEST(id_time_max, ?), committed_at = NOW(3) WHERE ${own()}`,
    [books.cursor, books.idTimeMax],
  );
  const { epoch, groups, changes } = books;
  const decided = [...books.outcomes, ...books.holdEvents];
  const sealing = isLogged(books.format) ? sealingOf({ epoch, decided, groups, changes }) : null;
  const salts = sealing?.salts ?? NO_SALTS;
  try {
    await moveAccounts(session, books.moves);
    await insertOutcomes(session, books.outcomes, salts);
    await insertGroups(session, groups, salts);
    await writeHolds(session, books.holdEvents, books.outcomes, salts);
    for (const change of changes) await writeChange(session, change, epoch, salts);
    await countUsage(session, decided, changes);
    if (sealing) {
      const from = { epoch, ...seqsOf([...decided, ...groups, ...changes]) };
      await seal(session, contentsOf(sealing.pages, from));
    }
  } catch (error) {
    throw duplicateAsIntegrity(error);
  }
}

function seqsOf(items: readonly { seq: number }[]): { firstSeq: number; lastSeq: number } {
  let [firstSeq, lastSeq] = [items[0]?.seq ?? 0, 0];
  for (const { seq } of items) {
    firstSeq = Math.min(firstSeq, seq);
    lastSeq = Math.max(lastSeq, seq);
  }
  return { firstSeq, lastSeq };
}

export function duplicateAsIntegrity(error: unknown): unknown {
  if ((error as { code?: string }).code !== 'ER_DUP_ENTRY') return error;
  return new IntegrityError('an id or an account version in the journal already exists in MySQL', {
    cause: error,
  });
}

/** Freezes accounts; an account that is already frozen stays frozen, and `held` takes precedence over `in_doubt`. */
export async function freeze(
  session: Session,
  epoch: number,
  accountIds: readonly string[],
  reason: FrozenAccount['reason'],
): Promise<void> {
  const rows = [...new Set(accountIds)].sort().map((id) => `(${text(id)},${integer(epoch)},'${reason}')`);
  const again = reason === 'held' ? "epoch = VALUES(epoch), reason = 'held'" : 'epoch = VALUES(epoch)';
  for (const some of statements(rows)) {
    await session.run(
      `INSERT INTO frozen_accounts (account_id, epoch, reason) VALUES ${some.join(',')} ON DUPLICATE KEY UPDATE ${again}`,
    );
  }
}

export async function keepUnsettled(session: Session, epoch: number, ids: readonly InDoubtAttempt[]): Promise<void> {
  const rows = ids.map(
    ({ kind, id, accounts: [one = '', other = null] }) =>
      `('${kind}',${text(id)},${integer(epoch)},${text(one)},${textOrNull(other)})`,
  );
  for (const some of statements(rows)) {
    await session.run(
      `INSERT INTO unsettled_ids (kind, \`id\`, epoch, account_id, other_account_id) VALUES ${some.join(',')}
       ON DUPLICATE KEY UPDATE epoch = VALUES(epoch)`,
    );
  }
}

/**
 * Stores entries that were received but do not directly follow the state of their accounts: they wait for the journal,
 * together with their accounts.
 */
export async function hold(session: Session, epoch: number, held: readonly Journaled[]): Promise<void> {
  await freeze(
    session,
    epoch,
    held.flatMap(({ accounts }) => accounts),
    'held',
  );
  await keepUnsettled(session, epoch, held.flatMap(attemptsOf));
}

/**
 * Maximum number of rows that one transaction deletes. Remaining rows belong to an epoch that nothing waits for, and
 * are ignored.
 */
const SWEPT_MAX = 10_000;

/** Clears everything that waits for a journal, as part of a transition. */
export async function unfreeze(session: Session): Promise<void> {
  for (const table of WAITING_TABLES) await session.run(`DELETE FROM ${table} LIMIT ${SWEPT_MAX}`);
}
const WAITING_TABLES = ['frozen_accounts', 'unsettled_ids'] as const;

/** Deletes rows of other epochs. @returns whether there may be more */
export async function sweepUnsettled(session: Session, epoch: number): Promise<boolean> {
  let most = 0;
  for (const table of WAITING_TABLES) {
    most = Math.max(
      most,
      await session.run(`DELETE FROM ${table} WHERE epoch <> ${integer(epoch)} LIMIT ${SWEPT_MAX}`),
    );
  }
  return most === SWEPT_MAX;
}

/**
 * Records the entries that an operator drops, with everything that is known about them, in MySQL and in the log.
 * @returns the number of rows
 */
export async function writeLoss(session: Session, from: Authority, loss: Loss, by: MovedBy): Promise<number> {
  const dropped = droppedBy(loss);
  const who = { user: by.keeper, reason: reasonText(by.reason) };
  const epoch = from.cacheEpoch ?? 0;
  const salts = isLogged(from.format) ? new SaltSource(dropped.length) : null;
  const entries: SealedLoss[] = [];
  const rows = dropped.map(({ kind, id, what }) => {
    const salt = salts?.next() ?? null;
    if (salt !== null)
      entries.push({ kind: 'loss-accepted', epoch, what: kind, id, digest: digestOf(salt, personalOfDeed(who, what)) });
    return `(${integer(from.epoch)},${integer(epoch)},'${kind}',${text(id)},${text(what)},${text(who.user)},${text(who.reason)},${binaryOrNull(salt)})`;
  });
  for (const some of statements(rows)) {
    await session.run(
      `INSERT INTO dropped_entries (authority_epoch, cache_epoch, kind, entry_id, what, accepted_by, reason, salt)
       VALUES ${some.join(',')}`,
    );
  }
  await noteEntries(session, from.epoch, entries);
  return rows.length;
}

interface Dropped {
  kind: InDoubtAttempt['kind'];
  id: string;
  /** JSON */
  what: string;
}

function droppedBy(loss: Loss): Dropped[] {
  const row = (kind: InDoubtAttempt['kind'], id: string, what: object) => ({ kind, id, what: JSON.stringify(what) });
  return [
    ...loss.held.flatMap((item) => [
      row(item.kind, item.id, { held: item }),
      ...attemptsOf(item)
        .filter(({ groupId }) => groupId !== undefined)
        .map(({ kind, id, groupId }) => row(kind, id, { heldWithGroup: groupId })),
    ]),
    ...loss.inDoubt.map((attempt) => row(attempt.kind, attempt.id, { inDoubt: attempt })),
    // The ids of the outcomes in a gap are unknown.
    ...loss.gaps.map((gap) => row('transfers', `seq:${gap.fromSeq}-${gap.toSeq}`, { missing: gap })),
  ];
}
