import { Problem } from '../../domain/problem.ts';
import type { NewAccount, Posting } from '../../domain/types.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { AccountDetails, AccountOpening, Books, BusinessWindows } from '../../ledger/ports/ledger.ts';
import type { Database } from '../connection/pool.ts';
import { calendarBetween } from '../rows/business-day-row.ts';
import { AccountOpener } from './account-opener.ts';

interface PostingColumns {
  version: number;
  amount: number;
  balance_after: number;
  transaction_id: string;
  counterparty: string;
  currency: string;
  client_timestamp: Date | null;
  accepted_at: Date;
  persisted_at: Date;
  correlation_id: string;
  user: string;
}

const MONTH_MS_MAX = 35 * 86_400_000;

/** Opening of accounts and history, from MySQL. */
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
  }): Promise<Posting[]> {
    const { accountId, limit, from, to } = query;
    const last = await this.#lastVersion(accountId);
    const after =
      from === undefined
        ? query.afterVersion
        : Math.max(query.afterVersion, await this.#versionBefore(accountId, from, last));
    const until = to === undefined ? last : await this.#versionBefore(accountId, to, last);
    if (after >= until) return [];
    return this.#between(accountId, after, Math.min(until, after + limit));
  }

  async postingAt(accountId: string, at: number): Promise<Posting | null> {
    const last = await this.#lastVersion(accountId);
    const version = await this.#versionBefore(accountId, at + 1, last);
    const [posting] = version === 0 ? [] : await this.#between(accountId, version - 1, version);
    return posting ?? null;
  }

  async #lastVersion(accountId: string): Promise<number> {
    const [row] = await this.#database.rows<{ version: number }>('SELECT version FROM accounts WHERE account_id = ?', [
      accountId,
    ]);
    if (!row) throw new Problem('account_not_found', `account ${accountId} does not exist`);
    return row.version;
  }

  /** Postings with versions in (after, until], in order: versions have no gaps, so this is a page of known length. */
  async #between(accountId: string, after: number, until: number): Promise<Posting[]> {
    const rows = await this.#database.rows<PostingColumns>(`${SIDES} ORDER BY version`, [
      accountId,
      after,
      until,
      accountId,
      after,
      until,
    ]);
    return rows.map((row) => postingOf(accountId, row));
  }

  /**
   * The last version accepted before a given time; 0 for none. Found by binary search, because postings are in order of
   * acceptance, except for those that a pod held back: among these, any of several cuts is valid. (An index on the time
   * would make every transfer more expensive.)
   */
  async #versionBefore(accountId: string, moment: number, last: number): Promise<number> {
    let before = 0;
    let notBefore = last + 1;
    while (notBefore - before > 1) {
      const middle = Math.floor((before + notBefore) / 2);
      const [posting] = await this.#between(accountId, middle - 1, middle);
      if (!posting) throw new Error(`account ${accountId} lacks version ${middle}`);
      if (posting.acceptedAt < moment) before = middle;
      else notBefore = middle;
    }
    return before;
  }
}

const SIDES = `
  SELECT source_version AS version, -amount AS amount, source_balance AS balance_after, transaction_id,
    destination_account AS counterparty, currency, client_timestamp, accepted_at, persisted_at, correlation_id, \`user\`
  FROM transfers WHERE source_account = ? AND source_version > ? AND source_version <= ?
  UNION ALL
  SELECT destination_version, amount, destination_balance, transaction_id,
    source_account, currency, client_timestamp, accepted_at, persisted_at, correlation_id, \`user\`
  FROM transfers WHERE destination_account = ? AND destination_version > ? AND destination_version <= ?`;

function postingOf(accountId: string, row: PostingColumns): Posting {
  return {
    accountId,
    version: row.version,
    amount: row.amount,
    balanceAfter: row.balance_after,
    transactionId: row.transaction_id,
    counterparty: row.counterparty,
    currency: row.currency,
    timestamp: row.client_timestamp?.getTime() ?? null,
    acceptedAt: row.accepted_at.getTime(),
    persistedAt: row.persisted_at.getTime(),
    correlationId: row.correlation_id,
    user: row.user,
  };
}
