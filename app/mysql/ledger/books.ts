import { Problem } from '../../domain/problem.ts';
import type { HistoryItem, NewAccount } from '../../domain/types.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { AccountDetails, AccountOpening, Books, BusinessWindows } from '../../ledger/ports/ledger.ts';
import type { Database } from '../connection/pool.ts';
import { calendarBetween } from '../rows/business-day-row.ts';
import { acceptedAtOf, historyBetween } from './account-history.ts';
import { AccountOpener } from './account-opener.ts';

const MONTH_MS_MAX = 35 * 86_400_000;

/** Opens accounts, and reads their history, in MySQL. */
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

  async postings(query: {
    accountId: string;
    afterVersion: number;
    limit: number;
    from?: number;
    to?: number;
    holds?: boolean;
  }): Promise<HistoryItem[]> {
    const { accountId, limit, from, to, holds = true } = query;
    const last = await this.#lastVersion(accountId);
    const after =
      from === undefined
        ? query.afterVersion
        : Math.max(query.afterVersion, await this.#versionBefore(accountId, from, last));
    const until = to === undefined ? last : await this.#versionBefore(accountId, to, last);
    if (after >= until) return [];
    // A page that includes the events of holds contains every version, so its length is known. Without them, it must be filled
    // from as many versions as necessary.
    const versions = { accountId, after, until: holds ? Math.min(until, after + limit) : until };
    return historyBetween(this.#database, versions, { holds, limit });
  }

  async postingAt(accountId: string, at: number): Promise<HistoryItem | null> {
    const last = await this.#lastVersion(accountId);
    const version = await this.#versionBefore(accountId, at + 1, last);
    if (version === 0) return null;
    const versions = { accountId, after: version - 1, until: version };
    const [item] = await historyBetween(this.#database, versions, { holds: true, limit: 1 });
    return item ?? null;
  }

  async #lastVersion(accountId: string): Promise<number> {
    const [row] = await this.#database.rows<{ version: number }>('SELECT version FROM accounts WHERE account_id = ?', [
      accountId,
    ]);
    if (!row) throw new Problem('account_not_found', `account ${accountId} does not exist`);
    return row.version;
  }

  /**
   * The last version accepted before a given time; 0 for none. Found by binary search, because versions are in order of
   * acceptance. (The exception is versions whose times come from the clock of a pod of an older release: among these, the
   * result may be any of several valid ones. An index on the time would make every transfer more expensive.)
   */
  async #versionBefore(accountId: string, moment: number, last: number): Promise<number> {
    let before = 0;
    let notBefore = last + 1;
    while (notBefore - before > 1) {
      const middle = Math.floor((before + notBefore) / 2);
      const acceptedAt = await acceptedAtOf(this.#database, accountId, middle);
      if (acceptedAt === null) throw new Error(`account ${accountId} lacks version ${middle}`);
      if (acceptedAt < moment) before = middle;
      else notBefore = middle;
    }
    return before;
  }
}
