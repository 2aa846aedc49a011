import type { Problem } from '../../domain/problem.ts';
import type { NewAccount } from '../../domain/types.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { AccountDetails, AccountOpening, Books, BusinessWindows } from '../../ledger/ports/ledger.ts';
import type { Database } from '../connection/pool.ts';
import { calendarBetween } from '../rows/business-day-row.ts';
import { AccountOpener } from './account-opener.ts';

const MONTH_MS_MAX = 35 * 86_400_000;

/** Opens accounts, and reads the business calendar, in MySQL. */
export class SqlBooks implements Books {
  readonly #database: Database;
  readonly #opener: AccountOpener;
  constructor(deps: { database: Database; clock: Clock }) {
    this.#database = deps.database;
    this.#opener = new AccountOpener(deps);
  }

  openAccounts(accounts: readonly NewAccount[], openedBy: string): Promise<(AccountOpening | Problem)[]> {
    return this.#opener.open(accounts, openedBy);
  }

  accountDetails(accountId: string): Promise<AccountDetails> {
    return this.#opener.details(accountId);
  }

  async businessWindows(at: number): Promise<BusinessWindows | null> {
    const { days } = await calendarBetween(this.#database, at, at + MONTH_MS_MAX);
    const next = days.findIndex(({ dayStart }) => dayStart > at);
    const [today, tomorrow] = [days[next - 1], days[next]];
    if (!today || !tomorrow) return null;
    const nextMonth = days.find(({ monthStart }) => monthStart > today.monthStart);
    if (!nextMonth) return null;
    return {
      day: { start: today.dayStart, end: tomorrow.dayStart },
      month: { start: today.monthStart, end: nextMonth.dayStart },
    };
  }
}
