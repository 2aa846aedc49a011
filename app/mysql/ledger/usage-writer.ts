import { windowsAt } from '../../domain/business-calendar.ts';
import type { HoldEvent } from '../../domain/hold-events.ts';
import { type LimitReached, reachedBy, type Usage, type Windows } from '../../domain/limits.ts';
import type { Outcome } from '../../domain/types.ts';
import { countedIn, usagesAfter } from '../../journal/counted-usage.ts';
import { IntegrityError, type JournaledChange } from '../../journal/flush-batch.ts';
import type { Session } from '../connection/pool.ts';
import { integer, statements, text } from '../connection/sql.ts';
import { LIMITED_COLUMNS, type LimitedColumns, limitsOf, usageOfRow } from '../rows/account-row.ts';
import { calendarBetween } from '../rows/business-day-row.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';

/**
 * Counts the amounts of a batch in the windows of accounts with limits; these accounts are already locked. @param
 * decided the outcomes and the events of holds; they are in the order of their decisions, or have seqs
 * @returns the limits that were reached
 */
export async function countUsage(
  session: Session,
  decided: readonly (Outcome | HoldEvent)[],
  changes: readonly JournaledChange[],
): Promise<LimitReached[]> {
  const batch = countedIn(decided, changes);
  if (batch.accountIds.length === 0) return [];
  const accounts = await limitedAmong(session, batch.accountIds);
  const before = new Map([...accounts].map(([id, row]) => [id, usageOfRow(row)]));
  const times = batch.counted.map(({ acceptedAt }) => acceptedAt);
  const after = usagesAfter(batch, before, await windowsOver(session, times));
  await writeUsages(session, after);
  return [...after].flatMap(([id, usage]) => {
    const limits = accounts.get(id);
    return limits ? reachedBy(limitsOf(limits), before.get(id) ?? usage, usage) : [];
  });
}

async function limitedAmong(session: Session, accountIds: readonly string[]): Promise<Map<string, LimitedColumns>> {
  const rows = await rowsByIds<LimitedColumns & { account_id: string }>(
    session,
    `SELECT a.account_id, ${LIMITED_COLUMNS} FROM accounts a WHERE a.account_id IN (?) ORDER BY a.account_id FOR UPDATE`,
    accountIds,
  );
  return new Map(rows.map((row) => [row.account_id, row]));
}

/** @throws IntegrityError for a time that the calendar in MySQL does not cover */
async function windowsOver(session: Session, times: readonly number[]): Promise<(time: number) => Windows> {
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const calendar = times.length > 0 ? await calendarBetween(session, from, to) : null;
  return (time) => {
    const windows = windowsAt(calendar, time);
    if (!windows) throw new IntegrityError(`business_days has no day for the time ${time} of a counted transfer`);
    return windows;
  };
}

async function writeUsages(session: Session, usages: ReadonlyMap<string, Usage>): Promise<void> {
  const rows = [...usages].map(
    ([accountId, u]) =>
      `(${text(accountId)},'',${[u.countedSince, u.dayStart, u.dayDebit, u.dayCredit, u.monthStart, u.monthDebit].map(integer).join(',')})`,
  );
  for (const values of statements(rows)) {
    await session.run(
      `INSERT INTO accounts (account_id, currency, counted_since_ms, day_start_ms, day_debit, day_credit, month_start_ms,
         month_debit) VALUES ${values.join(',')}
       ON DUPLICATE KEY UPDATE counted_since_ms = VALUES(counted_since_ms), day_start_ms = VALUES(day_start_ms),
         day_debit = VALUES(day_debit), day_credit = VALUES(day_credit), month_start_ms = VALUES(month_start_ms),
         month_debit = VALUES(month_debit)`,
    );
  }
}
