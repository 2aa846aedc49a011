import { type Books, NOTHING_WAITS } from './books.ts';
import { checkCrossings, withLegsJoined } from './check-crossings.ts';
import { checkGroups } from './check-groups.ts';
import { checkHoldAnswers } from './check-hold-answers.ts';
import { checkHolds } from './check-holds.ts';
import { checkIds } from './check-ids.ts';
import { checkLimits } from './check-limits.ts';
import { checkLogs } from './check-log.ts';
import { checkAnswersInTime } from './check-order.ts';
import { replay } from './check-postings.ts';
import { checkChanges, settingsOf } from './check-settings.ts';
import { fateOf, fateOfHold, type History, type OpenedAccount } from './history.ts';
import { type Violation, type ViolationKind, Violations } from './violations.ts';

export interface Verdict {
  /** `unknown`: there is no violation, but the outcome of some id is not known. */
  verdict: 'valid' | 'invalid' | 'unknown';
  /**
   * The number of ids with a known outcome (posted or rejected), of ids that were never executed, and of ids whose
   * outcome is not known.
   */
  ok: number;
  failed: number;
  unknown: number;
  /** Ids whose outcome a client did not know for a while. */
  onceUnknown: number;
  lost: number;
  doubled: number;
  overdrawn: number;
  violations: Violation[];
  counts: Partial<Record<ViolationKind, number>>;
}

/** Compares what the stores hold with everything that clients requested and every answer that they got. Pure. */
export function check(history: History, books: Books): Verdict {
  const violations = new Violations();
  const asked = withLegsJoined(books);
  checkIds(history, asked, violations);
  checkGroups(history, asked, violations);
  checkHoldAnswers(history, asked, violations);
  const accounts = accountsIn(history.accounts, books, violations);
  checkChanges(history, asked, accounts, violations);
  checkAnswersInTime(history, books.waiting ?? NOTHING_WAITS, accounts, violations);
  const fates = { ok: 0, failed: 0, unknown: 0 };
  let onceUnknown = 0;
  for (const transfer of history.transfers.values()) {
    fates[fateOf(transfer, history.heldMsMax)] += 1;
    if (transfer.attempts.some(({ answer }) => answer.kind === 'unknown')) onceUnknown += 1;
  }
  for (const hold of history.holds?.values() ?? []) {
    const fate = fateOfHold(hold);
    if (fate) fates[fate] += 1;
  }
  return {
    verdict: violations.listed.length > 0 ? 'invalid' : fates.unknown > 0 ? 'unknown' : 'valid',
    ...fates,
    onceUnknown,
    lost: violations.count('lost'),
    doubled: violations.count('doubled'),
    overdrawn: violations.count('overdrawn'),
    violations: violations.listed,
    counts: Object.fromEntries(violations.counts),
  };
}

/** The part of `check` that needs no answers, for a load that does not record them. Pure. */
export function checkBooks(accounts: readonly OpenedAccount[], books: Books): Violation[] {
  const violations = new Violations();
  accountsIn(accounts, books, violations);
  return violations.listed;
}

function accountsIn(accounts: readonly OpenedAccount[], books: Books, violations: Violations) {
  const settings = settingsOf(accounts, books, violations);
  checkLimits(accounts, books, violations);
  checkHolds(books, violations);
  checkCrossings(books, violations);
  checkLogs(books, violations);
  return replay(accounts, books, settings, violations);
}
