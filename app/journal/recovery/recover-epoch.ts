import type { GroupOutcome } from '../../domain/group.ts';
import type { HoldEvent } from '../../domain/hold-events.ts';
import type { Account, Outcome } from '../../domain/types.ts';
import { type AccountMove, IntegrityError, type JournaledChange, movesOf } from '../flush-batch.ts';
import { attemptsOfGroup, type InDoubtAttempt, type JournalEntry, seqsOf } from '../journal-entry.ts';
import { describeItem, type Journaled, seqCount } from '../journaled.ts';
import { isReceived, keyOf, type Received, receive } from './received.ts';
import { Replay } from './replay.ts';

/** Everything that the pods together know about an epoch that ended without its Redis. */
export interface HandedOverEpoch {
  epoch: number;
  /** The journal is in MySQL up to this seq. */
  cursor: number;
  /** The highest seq that any answer of a pod depended on. */
  observed: number;
  /** All entries that were handed over, in any order. They may be repeated, and may begin below the cursor. */
  entries: readonly JournalEntry[];
  /** In-doubt attempts whose ids are not in MySQL. */
  inDoubt: readonly InDoubtAttempt[];
  /** The accounts of the entries, in their state in MySQL; accounts that are not in MySQL are absent. */
  accounts: ReadonlyMap<string, Account>;
}

export interface FrozenAccount {
  accountId: string;
  reason: 'in_doubt' | 'held';
}

/** The data that is written to recover an epoch from what its pods handed over. */
export interface RecoveredEpoch {
  kind: 'recovered';
  outcomes: Outcome[];
  groups: GroupOutcome[];
  changes: JournaledChange[];
  holdEvents: HoldEvent[];
  moves: AccountMove[];
  /** The last seq before the first missing one; the highest known seq when none is missing. */
  cursor: number;
  /** The highest seq that was received or observed. */
  highestKnownSeq: number;
  idTimeMax: number;
  /** Accounts that wait for the journal; none when no seq is missing. */
  frozen: FrozenAccount[];
  /** Ids whose outcome only the journal contains: those in doubt and those of held entries. */
  unsettled: InDoubtAttempt[];
}
/**
 * More seqs are missing than in-doubt attempts can explain: a pod that wrote to the journal has not handed over.
 * `inDoubt`: the maximum number of seqs that the attempts may have written.
 */
export interface Unexplained {
  kind: 'unexplained';
  missing: number;
  inDoubt: number;
  highestKnownSeq: number;
}
export type EpochRecoveryResult = RecoveredEpoch | Unexplained;

/**
 * Recovers an epoch from what all of its pods have handed over. This is the specification: the keeper works in pages
 * (recovery.ts, app/mysql/authority/recovery-pages.ts) with the same result, and property tests compare the two. A pure
 * function, for which the order and repetition of the entries make no difference. There are three cases:
 *
 * - no seq is missing up to the highest known seq: everything is applied. In-doubt attempts count as not done, because
 *   no pod has received their outcomes.
 * - some are missing, but no more than the in-doubt attempts may have written: each missing seq belongs to one of them.
 *   Entries that verifiably follow the state in MySQL are applied; the rest, and every account that an in-doubt attempt
 *   may have changed, wait for the journal.
 * - more are missing: another process has written. Nothing is recovered.
 *
 * @throws IntegrityError if the entries contradict each other or MySQL
 */
export function recoverEpoch(handedOver: HandedOverEpoch): EpochRecoveryResult {
  const { received, highestKnownSeq, attempts } = gathered(handedOver);
  const missing = highestKnownSeq - handedOver.cursor - seqCount(received.items);
  const inDoubt = seqsInDoubt(attempts);
  if (missing > inDoubt) return { kind: 'unexplained', missing, inDoubt, highestKnownSeq };
  return recover(handedOver, received, highestKnownSeq, attempts).recovered;
}

/** The entries and attempts that an operator gives up, with everything that is known about them. */
export interface Loss {
  /** Entries that were received, but do not follow the state in MySQL. */
  held: Journaled[];
  /** In-doubt attempts: whether they took effect will never be known. */
  inDoubt: InDoubtAttempt[];
  /** Ranges of seqs that no pod has received. */
  gaps: { fromSeq: number; toSeq: number }[];
}

/**
 * Recovers an epoch after an operator has accepted that what is missing is lost, even if some pods have not handed
 * over: applies the entries that verifiably follow the state in MySQL, and returns what is given up, including entries
 * that contradict MySQL.
 * @throws IntegrityError if two hand-overs contradict each other
 */
export function recoverEpochAcceptingLoss(handedOver: HandedOverEpoch): { recovered: RecoveredEpoch; loss: Loss } {
  const { received, highestKnownSeq, attempts } = gathered(handedOver);
  const { recovered: partial, held } = recover(handedOver, received, highestKnownSeq, attempts, {
    contradictionsHeld: true,
  });
  return {
    recovered: partial,
    loss: {
      held,
      inDoubt: attempts,
      gaps: gapsIn(received.items, handedOver.cursor, highestKnownSeq),
    },
  };
}

/** All accounts in the entries, sorted. */
export function accountIdsOf(entries: readonly JournalEntry[], epoch: number, cursor: number): string[] {
  return [...new Set(receive(entries, epoch, cursor).items.flatMap(({ accounts }) => accounts))].sort();
}

function gathered({ entries, epoch, cursor, observed, inDoubt }: HandedOverEpoch) {
  const received = receive(entries, epoch, cursor);
  return {
    received,
    highestKnownSeq: Math.max(cursor, observed, received.items.at(-1)?.lastSeq ?? 0),
    attempts: inDoubt.filter((attempt) => !isReceived(received, attempt)),
  };
}

function recover(
  { accounts, cursor }: HandedOverEpoch,
  received: Received,
  highestKnownSeq: number,
  attempts: InDoubtAttempt[],
  { contradictionsHeld = false } = {},
): { recovered: RecoveredEpoch; held: Journaled[] } {
  const complete = seqCount(received.items) === highestKnownSeq - cursor;
  const replay = new Replay(accounts);
  const frozen = new Map<string, FrozenAccount['reason']>();
  if (!complete)
    for (const attempt of attempts) for (const accountId of attempt.accounts) frozen.set(accountId, 'in_doubt');
  const held: Journaled[] = [];
  for (const item of received.items) {
    // Held entries need no further marking: every later entry of their accounts has a later version.
    if (contradictionsHeld ? fitsWithoutContradiction(replay, item) : replay.fits(item)) {
      replay.apply(item);
      continue;
    }
    if (complete && !contradictionsHeld)
      throw new IntegrityError(`${describeItem(item)} (seq ${item.seq}) does not follow, although no seq is missing`);
    held.push(item);
    for (const accountId of item.accounts) frozen.set(accountId, 'held');
  }
  const { outcomes, groups, changes, holdEvents, idTimeMax } = replay;
  return {
    held,
    recovered: {
      kind: 'recovered',
      outcomes,
      groups,
      changes,
      holdEvents,
      moves: movesOf(outcomes, holdEvents),
      cursor: lastWithoutGap(received, cursor),
      highestKnownSeq,
      idTimeMax,
      frozen: [...frozen].map(([accountId, reason]) => ({ accountId, reason })).sort(byAccount),
      unsettled: complete ? [] : distinct([...attempts, ...held.flatMap(attemptsOf)]),
    },
  };
}

/**
 * Once an operator has decided, entries that contradict MySQL are given up like missing ones: otherwise the ledger
 * could not be opened.
 */
function fitsWithoutContradiction(replay: Replay, item: Journaled): boolean {
  try {
    return replay.fits(item);
  } catch (error) {
    if (error instanceof IntegrityError) return false;
    throw error;
  }
}

function lastWithoutGap({ items }: Received, cursor: number): number {
  let last = cursor;
  for (const { seq, lastSeq } of items) {
    if (seq !== last + 1) break;
    last = lastSeq;
  }
  return last;
}

/**
 * The ranges of seqs, after one seq and up to another, that are missing. @param items the items that are present, in
 * order
 */
export function gapsIn(
  items: readonly Pick<Journaled, 'seq' | 'lastSeq'>[],
  after: number,
  highestKnownSeq: number,
): Loss['gaps'] {
  const gaps: Loss['gaps'] = [];
  let last = after;
  for (const { seq, lastSeq } of [...items, { seq: highestKnownSeq + 1, lastSeq: highestKnownSeq + 1 }]) {
    if (seq > last + 1) gaps.push({ fromSeq: last + 1, toSeq: seq - 1 });
    last = lastSeq;
  }
  return gaps;
}

/**
 * The ids that wait with an item, each with the accounts that it concerns; for a group, including the ids of its
 * members.
 */
export function attemptsOf(item: Journaled): InDoubtAttempt[] {
  if (item.kind === 'group') return attemptsOfGroup(item.outcome.group);
  const { kind, id, accounts } = item;
  return [{ kind, id, accounts }];
}

/** The maximum number of seqs that attempts may have written. An id that was tried more than once has one outcome. */
export function seqsInDoubt(attempts: readonly InDoubtAttempt[]): number {
  const byKey = new Map<string, number>();
  for (const attempt of attempts) {
    const key = keyOf(attempt);
    byKey.set(key, Math.max(byKey.get(key) ?? 0, seqsOf(attempt)));
  }
  return [...byKey.values()].reduce((sum, seqs) => sum + seqs, 0);
}

const byAccount = (a: FrozenAccount, b: FrozenAccount): number => (a.accountId < b.accountId ? -1 : 1);

/** Keeps one attempt per id; the choice does not depend on the order. */
function distinct(attempts: InDoubtAttempt[]): InDoubtAttempt[] {
  const byKey = new Map<string, InDoubtAttempt>();
  for (const attempt of attempts) {
    const known = byKey.get(keyOf(attempt));
    if (!known || attempt.accounts.join() < known.accounts.join()) byKey.set(keyOf(attempt), attempt);
  }
  return [...byKey.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { kind, id, accounts }]) => ({ kind, id, accounts }));
}
