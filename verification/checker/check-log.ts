import type { BookedLog, Books } from './books.ts';
import type { Violations } from './violations.ts';

/** Checks that each log is unbroken, and contains everything once, in the order of the versions of each account. */
export function checkLogs({ logs = [] }: Books, violations: Violations): void {
  for (const log of logs) {
    if (log.fault !== null) violations.add('log', log.fault);
    checkOnce(log, violations);
    checkOrder(log, violations);
  }
}

function checkOnce({ entries, expected }: BookedLog, violations: Violations): void {
  const missing = new Set(expected);
  const seen = new Set<string>();
  for (const { key } of entries) {
    if (seen.has(key)) violations.add('log', `the log has ${key} twice`);
    else if (!missing.delete(key)) violations.add('log', `the log has ${key}, which is not in the books`);
    seen.add(key);
  }
  for (const key of missing) violations.add('log', `the log lacks ${key}`);
}

/** The log of a ledger may begin at any version of an account. */
function checkOrder({ entries }: BookedLog, violations: Violations): void {
  const versions = new Map<string, number>();
  for (const { key, positions } of entries) {
    for (const { accountId, version, isState } of positions) {
      const before = versions.get(accountId);
      const expected = isState ? before : before === undefined ? version : before + 1;
      if (expected !== undefined && version !== expected)
        violations.add('log', `${key} has version ${version} of ${accountId} instead of ${expected}`);
      versions.set(accountId, version);
    }
  }
}
