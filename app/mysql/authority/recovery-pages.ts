import { isDeepStrictEqual } from 'node:util';
import type { Authority, MovedBy } from '../../domain/authority.ts';
import type { Cursor } from '../../journal/cursor.ts';
import { IntegrityError } from '../../journal/flush-batch.ts';
import type { JournalEntry } from '../../journal/journal-entry.ts';
import { describeItem, type Journaled, type JournaledGroup, lastSeqOf } from '../../journal/journaled.ts';
import { wholeJournal } from '../../journal/recovery/late.ts';
import { receive, type Times, withoutTimes } from '../../journal/recovery/received.ts';
import { gapsIn, type Unexplained } from '../../journal/recovery/recover-epoch.ts';
import { type Page, type PageRule, type Recovery, recoverPage, upToGap } from '../../journal/recovery/recovery.ts';
import type { Session } from '../connection/pool.ts';
import { beginRecovery, keepRecovery, progressOf, type RecoveryRow } from '../rows/recovery-row.ts';
import {
  handedOverCount,
  handedOverPage,
  inDoubtCount,
  inDoubtPage,
  type KnownIds,
  knownIds,
  lockedAccounts,
  markReceived,
  type PageLimits,
  unsettledPage,
} from './recovery-reader.ts';
import { freeze, hold, keepUnsettled, writeBooks, writeLoss } from './recovery-writer.ts';

/**
 * The state that a page reads: the share-locked authority, the locked cursor (whose lock serializes
 * pages), and the progress row.
 */
export interface PageContext {
  session: Session;
  now: Authority & { cacheEpoch: number };
  cursor: Cursor;
  row: RecoveryRow;
  limits: PageLimits;
}

/** This phase is complete up to this seq; the cursor may be ahead of it. */
const doneUpTo = ({ row, cursor }: PageContext): number => Math.max(row.position, cursor.seq);

/**
 * Posts the next handed-over entries that MySQL does not have, as far as they follow the cursor without a gap, and
 * advances the cursor past them. MySQL may have some of them: the journal may have returned, filled a gap below entries
 * that earlier pages had posted, and been lost again. Null if the next seq is missing.
 */
export async function upToGapPage(context: PageContext): Promise<Recovery | null> {
  const { session, now, cursor, row, limits } = context;
  const { entries } = await handedOverPage(session, now.cacheEpoch, cursor.seq, limits);
  const items = upToGap(receive(entries, now.cacheEpoch, cursor.seq).items, cursor.seq);
  const last = items.at(-1);
  if (!last) return null;
  return keepRecovery(session, row, counted(row, await post(context, items, 'require', last.lastSeq)));
}

/**
 * Marks the in-doubt attempts whose outcome was received. At the end, compares the number of remaining attempts with
 * the number of missing seqs. Each missing seq must belong to one of these attempts; otherwise a pod that has written
 * is not among the pods that have handed over.
 */
export async function countPage(context: PageContext): Promise<Recovery | Unexplained> {
  const { session, now, cursor, row, limits } = context;
  const { entries, lastSeq } = await handedOverPage(session, now.cacheEpoch, doneUpTo(context), limits);
  if (entries.length > 0) {
    await markReceived(session, now.cacheEpoch, receive(entries, now.cacheEpoch, doneUpTo(context)).items);
    return keepRecovery(session, row, { position: lastSeq });
  }
  const missing = row.highestKnownSeq - cursor.seq - (await handedOverCount(session, now.cacheEpoch, cursor.seq));
  const inDoubt = await inDoubtCount(session, now.cacheEpoch);
  if (missing > inDoubt) return { kind: 'unexplained', missing, inDoubt, highestKnownSeq: row.highestKnownSeq };
  return keepRecovery(session, row, { phase: 'freezing', position: cursor.seq });
}

/** Freezes the accounts of in-doubt attempts, and stores their ids. */
export async function freezePage({ session, now, row, limits }: PageContext): Promise<Recovery> {
  const { attempts, position } = await inDoubtPage(session, now.cacheEpoch, row.attemptPosition, limits.outcomesMax);
  const frozen = attempts.flatMap(({ accounts }) => accounts);
  await freeze(session, now.cacheEpoch, frozen, 'in_doubt');
  await keepUnsettled(session, now.cacheEpoch, attempts);
  if (position === null) return keepRecovery(session, row, { phase: 'posting', attemptPosition: '' });
  return keepRecovery(session, row, { attemptPosition: position });
}

/**
 * Posts the entries that directly follow the state of their accounts; the others wait for the journal, together with
 * their accounts.
 */
export async function postPage(context: PageContext): Promise<Recovery> {
  const { session, now, row } = context;
  const { items, lastSeq } = await nextHandedOver(context);
  if (items.length === 0) return keepRecovery(session, row, { phase: 'done' });
  const page = await post(context, items, 'hold', context.cursor.seq);
  await hold(session, now.cacheEpoch, page.held);
  return keepRecovery(session, row, { position: lastSeq, ...counted(row, page) });
}

/**
 * Does the same after the loss was accepted: missing entries, and entries that do not directly follow the state of
 * their accounts, are recorded as dropped.
 */
export async function postPageAccepting(context: PageContext, by: MovedBy): Promise<Recovery> {
  const { session, now, row } = context;
  const { items, lastSeq } = await nextHandedOver(context);
  const end = items.length === 0 ? row.highestKnownSeq : lastSeq;
  const gaps = gapsIn(items, doneUpTo(context), end);
  const page = await post(context, items, 'accept', context.cursor.seq);
  await markReceived(session, now.cacheEpoch, items);
  const dropped = await writeLoss(session, now, { held: page.held, inDoubt: [], gaps }, by);
  const counts = { posted: counted(row, page).posted, held: row.held + dropped };
  return keepRecovery(session, row, { ...counts, position: end, phase: items.length === 0 ? 'recording' : 'posting' });
}

/** For frozen accounts: drops the handed-over entries that are not in MySQL; they had been waiting for the journal. */
export async function comparePage(context: PageContext, by: MovedBy): Promise<Recovery> {
  const { session, now, row } = context;
  const { items, lastSeq } = await nextHandedOver(context);
  if (items.length === 0) return keepRecovery(session, row, { phase: 'recording' });
  const known = await knownIds(session, items);
  const held = items.filter((one) => !isCommittedUnchanged(one, known, now.cacheEpoch));
  const dropped = await writeLoss(session, now, { held, inDoubt: [], gaps: [] }, by);
  return keepRecovery(session, row, { position: lastSeq, held: row.held + dropped });
}

/** Records the in-doubt attempts that are dropped; whether they took effect will never be known. */
export async function recordPage({ session, now, row, limits }: PageContext, by: MovedBy): Promise<Recovery> {
  const { attempts, position } =
    now.mode === 'CLOSING'
      ? await inDoubtPage(session, now.cacheEpoch, row.attemptPosition, limits.outcomesMax)
      : await unsettledPage(session, now, row.attemptPosition, limits.outcomesMax);
  const dropped = await writeLoss(session, now, { held: [], inDoubt: attempts, gaps: [] }, by);
  const held = row.held + dropped;
  if (position === null) return keepRecovery(session, row, { phase: 'done', held });
  return keepRecovery(session, row, { attemptPosition: position, held });
}

/**
 * Posts the next entries of the journal itself that MySQL does not have, and advances the cursor past them.
 * @throws IntegrityError if they do not follow the cursor, or contradict what MySQL has
 */
export async function journalPage(
  context: Omit<PageContext, 'row' | 'limits'> & { row: RecoveryRow | null },
  entries: readonly JournalEntry[],
  end: number,
): Promise<Recovery> {
  const { session, now, cursor, row } = context;
  const { cacheEpoch } = now;
  const last = entries.at(-1);
  const lastSeq = last ? Math.max(cursor.seq, lastSeqOf(last)) : cursor.seq;
  const items = wholeJournal(entries, cacheEpoch, cursor.seq, lastSeq);
  const page = await post(context, items, 'require', lastSeq);
  const begun = { cacheEpoch, phase: 'journal', position: cursor.seq, highestKnownSeq: end } as const;
  const current = row ?? (await beginRecovery(session, now, begun));
  // Keeps the progress of a recovery from handed-over entries, in case this Redis is lost again.
  if (current.phase !== 'journal')
    return { ...progressOf(current), phase: 'journal', position: lastSeq, highestKnownSeq: end };
  return keepRecovery(session, current, { position: lastSeq, highestKnownSeq: end, ...counted(current, page) });
}

async function nextHandedOver(context: PageContext): Promise<{ items: Journaled[]; lastSeq: number }> {
  const { session, now, limits } = context;
  const { entries, lastSeq } = await handedOverPage(session, now.cacheEpoch, doneUpTo(context), limits);
  return { items: receive(entries, now.cacheEpoch, doneUpTo(context)).items, lastSeq };
}

async function post(
  { session, now }: Pick<PageContext, 'session' | 'now'>,
  items: readonly Journaled[],
  rule: PageRule,
  cursor: number,
): Promise<Page> {
  const known = await knownIds(session, items);
  const accounts = await lockedAccounts(session, [...new Set(items.flatMap((one) => one.accounts))].sort());
  const page = recoverPage(items, accounts, (one) => isCommitted(one, known, now.cacheEpoch), rule);
  await writeBooks(session, { ...page, epoch: now.cacheEpoch, format: now.format, cursor });
  return page;
}

const counted = (row: Recovery, { outcomes, groups, changes, holdEvents, held }: Page) => {
  const refusedGroups = groups.filter(({ status }) => status === 'REJECTED').length;
  const posted = outcomes.length + changes.length + holdEvents.length + refusedGroups;
  return { posted: row.posted + posted, held: row.held + held.length };
};

/** Whether MySQL has the entry. @throws IntegrityError if MySQL has different content under its id */
function isCommitted(item: Journaled, known: KnownIds, epoch: number): boolean {
  const [existing, expected] = inMysql(item, known, epoch);
  if (!existing) {
    if (item.kind === 'group') memberIdsMustBeFree(item, known);
    return false;
  }
  if (isDeepStrictEqual(withoutTimes(existing), withoutTimes(expected))) return true;
  throw new IntegrityError(`${describeItem(item)} has different content in MySQL than in the journal`);
}

/** The content that MySQL has under the id of an item, and the content that it should have. */
function inMysql(item: Journaled, known: KnownIds, epoch: number): [Times | undefined, Times] {
  if (item.kind === 'account-change') {
    const change = { ...item.change, epoch };
    return [known.changes.get(item.id), change];
  }
  if ('event' in item) return [known[item.kind === 'hold' ? 'placings' : 'updates'].get(item.id), item.event];
  const expected = { ...item.outcome, replayed: true, persisted: true };
  return [item.kind === 'group' ? known.groups.get(item.id) : known.outcomes.get(item.id), expected];
}

/** @throws IntegrityError if MySQL has a transfer with the id of a member, but not the member's group */
function memberIdsMustBeFree({ id, outcome }: JournaledGroup, { outcomes }: KnownIds): void {
  if (outcome.status === 'REJECTED') return;
  const taken = outcome.group.orders.find(({ transactionId }) => outcomes.has(transactionId));
  if (taken) throw new IntegrityError(`MySQL has transfer ${taken.transactionId} of group ${id}, but not the group`);
}

/**
 * Whether MySQL has the entry, after an operator's decision: false if MySQL has different content under its id, so that
 * the handed-over entry is dropped.
 */
function isCommittedUnchanged(item: Journaled, known: KnownIds, epoch: number): boolean {
  try {
    return isCommitted(item, known, epoch);
  } catch (error) {
    if (error instanceof IntegrityError) return false;
    throw error;
  }
}
