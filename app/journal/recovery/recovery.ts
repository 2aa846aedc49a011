import type { MovedBy } from '../../domain/authority.ts';
import type { GroupOutcome } from '../../domain/group.ts';
import type { HoldEvent } from '../../domain/hold-events.ts';
import type { Account, Outcome } from '../../domain/types.ts';
import {
  type AccountMove,
  addGroup,
  emptyBatch,
  type FlushBatch,
  IntegrityError,
  idTimeOfGroup,
  type JournaledChange,
  laterIdTime,
  movesOf,
} from '../flush-batch.ts';
import type { Journaled } from '../journaled.ts';
import { keyOf } from './received.ts';
import { Replay } from './replay.ts';

/**
 * The phases in which an epoch is recovered, page by page, depending on what it is recovered from:
 *
 *   what the pods have handed over      flushing, and where seqs are missing → counting → freezing → posting → done
 *   the same, the loss accepted         posting → recording → done
 *   frozen accounts, the loss accepted  comparing → recording → done
 *   frozen accounts, from the journal   journal
 */
export type RecoveryPhase =
  | 'flushing'
  | 'counting'
  | 'freezing'
  | 'posting'
  | 'comparing'
  | 'recording'
  | 'journal'
  | 'done';

/** Progress of the recovery of an epoch, stored in MySQL so that any keeper can continue where another one stopped. */
export interface Recovery {
  cacheEpoch: number;
  phase: RecoveryPhase;
  /** The phase is complete up to this seq, and ends at `highestKnownSeq`. */
  position: number;
  highestKnownSeq: number;
  /** Outcomes and account changes that the recovery has posted. */
  posted: number;
  /** Entries that wait for the journal, or that were given up because the loss is accepted. */
  held: number;
  /** The operator who accepted the loss. */
  accepted: MovedBy | null;
}

/** The effect of one page of journaled outcomes on the books. */
export interface Page {
  outcomes: Outcome[];
  groups: GroupOutcome[];
  changes: JournaledChange[];
  holdEvents: HoldEvent[];
  moves: AccountMove[];
  /** The largest UUIDv7 time of the posted ids, ms. */
  idTimeMax: number;
  /** Entries that do not follow the state of their accounts. */
  held: Journaled[];
}

/**
 * - `hold`: an entry that does not follow is held; one that contradicts the books is an error, and nothing of the page
 * is written
 * - `accept`: both are held, because an operator has accepted the loss; otherwise the ledger could not be opened
 * - `require`: nothing may be missing
 */
export type PageRule = 'hold' | 'accept' | 'require';

/**
 * The effect of the next page of a journal on accounts as MySQL has them. Whether an entry follows the state of its
 * accounts depends only on these accounts, so pages in order of seq, each applied to the accounts that the previous
 * page left, give the same result as one recovery of all entries.
 * @param items in order of seq
 * @param isCommitted whether an item is already in MySQL. @throws IntegrityError if MySQL has different content under
 * its id
 * @throws IntegrityError where the rule does not allow an entry to be held
 */
export function recoverPage(
  items: readonly Journaled[],
  accounts: ReadonlyMap<string, Account>,
  isCommitted: (one: Journaled) => boolean,
  rule: PageRule,
): Page {
  const replay = new Replay(accounts);
  const held: Journaled[] = [];
  for (const one of items) {
    const verdict = verdictOn(one, replay, isCommitted, rule);
    if (verdict === 'follows') replay.apply(one);
    if (verdict === 'held') held.push(one);
  }
  const { outcomes, groups, changes, holdEvents, idTimeMax } = replay;
  return { outcomes, groups, changes, holdEvents, moves: movesOf(outcomes, holdEvents), idTimeMax, held };
}

function verdictOn(
  one: Journaled,
  replay: Replay,
  isCommitted: (one: Journaled) => boolean,
  rule: PageRule,
): 'committed' | 'follows' | 'held' {
  try {
    if (isCommitted(one)) return 'committed';
    if (replay.fits(one)) return 'follows';
  } catch (error) {
    if (rule === 'accept' && error instanceof IntegrityError) return 'held';
    throw error;
  }
  if (rule === 'require') throw new IntegrityError(`${keyOf(one)} (seq ${one.seq}) does not follow the state in MySQL`);
  return 'held';
}

/** The entries that follow a seq without a gap. @param items in order of seq */
export function upToGap(items: readonly Journaled[], after: number): Journaled[] {
  const gap = items.findIndex(({ seq }, index) => seq !== (items[index - 1]?.lastSeq ?? after) + 1);
  return gap < 0 ? [...items] : items.slice(0, gap);
}

/** The entries that follow the cursor without a gap, as the flush would write them. @param items in order of seq */
export function batchUpToGap(items: readonly Journaled[], cursor: { epoch: number; seq: number }): FlushBatch {
  const batch = emptyBatch(cursor.epoch, cursor.seq);
  for (const one of upToGap(items, cursor.seq)) {
    batch.lastSeq = one.lastSeq;
    batch.idTimeMax = laterIdTime(batch.idTimeMax, one.id);
    if (one.kind === 'transfers') batch.outcomes.push(one.outcome);
    else if (one.kind === 'group') {
      addGroup(batch, one.outcome);
      batch.idTimeMax = Math.max(batch.idTimeMax, idTimeOfGroup(one.outcome));
    } else if (one.kind === 'account-change') batch.changes.push(one.change);
    else batch.holdEvents.push(one.event);
  }
  batch.moves = movesOf(batch.outcomes, batch.holdEvents);
  return batch;
}
