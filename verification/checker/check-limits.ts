import type { Books } from './books.ts';
import type { OpenedAccount } from './history.ts';
import type { Violations } from './violations.ts';

/**
 * Checks that the debits of an account in a business day, added up from its postings, never exceed its limit, and that
 * for the latest day, their sum equals the usage that the account stores. Independent of app/domain/limits.ts.
 */
export function checkLimits(accounts: readonly OpenedAccount[], books: Books, violations: Violations): void {
  const { businessDays } = books;
  if (!businessDays) return;
  const counted = new Map(books.accounts.map((account) => [account.accountId, account.counted]));
  for (const { accountId, dailyDebitMax } of accounts) {
    if (dailyDebitMax === undefined) continue;
    const days = debitsByDay(accountId, businessDays, books);
    for (const [start, sum] of days) {
      if (sum > dailyDebitMax)
        violations.add(
          'limits',
          `${accountId} paid out ${sum} on the business day from ${start}, but its limit is ${dailyDebitMax}`,
        );
    }
    const { dayStart = 0, dayDebit = 0 } = counted.get(accountId) ?? {};
    const latest = Math.max(dayStart, ...days.keys());
    const paid = days.get(latest) ?? 0;
    if (dayStart !== latest || dayDebit !== paid)
      violations.add(
        'limits',
        `${accountId} counts ${dayDebit} on the business day from ${dayStart}, but paid out ${paid} on the latest one, from ${latest}`,
      );
  }
}

function debitsByDay(accountId: string, starts: readonly number[], { transfers }: Books): Map<number, number> {
  const days = new Map<number, number>();
  for (const { content, source, acceptedAt } of transfers) {
    if (content.source !== accountId || !source || acceptedAt === null) continue;
    const start = starts.findLast((one) => one <= acceptedAt) ?? 0;
    days.set(start, (days.get(start) ?? 0) + content.amount);
  }
  return days;
}
