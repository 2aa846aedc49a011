import { replay } from './check-accounts.ts';
import { checkIds } from './check-ids.ts';
import { checkAnswersInTime } from './check-order.ts';
import { checkChanges, limitsOf } from './check-settings.ts';
import { type FinalState, fateOf, type History } from './history.ts';
import { type Violation, type ViolationKind, Violations } from './violations.ts';

export interface Verdict {
  /** `unknown`: nothing is wrong with what is known, and the outcome of some id is not known. */
  verdict: 'valid' | 'invalid' | 'unknown';
  /** Ids by what became of them. */
  ok: number;
  failed: number;
  unknown: number;
  /** Ids that a client did not know the outcome of at some time. */
  onceUnknown: number;
  lost: number;
  doubled: number;
  overdrawn: number;
  violations: Violation[];
  counts: Partial<Record<ViolationKind, number>>;
}

/** Holds the history of all clients against what the stores say in the end. Pure: the same input, the same verdict. */
export function check(history: History, final: FinalState): Verdict {
  const violations = new Violations();
  checkIds(history, final.transfers, violations);
  const limits = limitsOf(history.accounts, final, violations);
  const balances = replay(history.accounts, final, limits, violations);
  checkChanges(history, final, limits, violations);
  checkAnswersInTime(history, balances, violations);
  const fates = { ok: 0, failed: 0, unknown: 0 };
  let onceUnknown = 0;
  for (const transfer of history.transfers) {
    fates[fateOf(transfer)] += 1;
    if (transfer.attempts.some(({ answer }) => answer.kind === 'unknown')) onceUnknown += 1;
  }
  return {
    verdict: violations.any ? 'invalid' : fates.unknown > 0 ? 'unknown' : 'valid',
    ...fates,
    onceUnknown,
    lost: violations.count('lost'),
    doubled: violations.count('doubled'),
    overdrawn: violations.count('overdrawn'),
    violations: violations.listed,
    counts: Object.fromEntries(violations.counts),
  };
}
