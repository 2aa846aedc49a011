import { Problem } from '../../domain/problem.ts';
import type { HistoryItem } from '../../domain/types.ts';
import type { History, HistoryPage, HistoryQuery, Period } from '../../ledger/ports/history.ts';
import type { Database } from '../connection/pool.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';
import { historyItem, historyPage, versionBefore } from './account-history.ts';

/** Reads the history of accounts. */
export class SqlHistory implements History {
  readonly #database: Database;
  constructor({ database }: { database: Database }) {
    this.#database = database;
  }

  async page(query: HistoryQuery): Promise<HistoryPage> {
    const { accountId, position, toward, limit, from, to, holds = true, filter } = query;
    const last = await this.#lastVersion(accountId);
    let after = from === undefined ? 0 : await versionBefore(this.#database, accountId, from, last);
    let until = to === undefined ? last : await versionBefore(this.#database, accountId, to, last);
    if (position !== null && toward === 'newer') after = Math.max(after, position);
    if (position !== null && toward === 'older') until = Math.min(until, position);
    if (after >= until) return { items: [], next: null };
    return historyPage(
      this.#database,
      { accountId, after, until },
      { toward, limit, holds, ...(filter && { filter }) },
    );
  }

  async at(accountId: string, at: number): Promise<HistoryItem | null> {
    const last = await this.#lastVersion(accountId);
    const version = await versionBefore(this.#database, accountId, at + 1, last);
    return version === 0 ? null : historyItem(this.#database, accountId, version);
  }

  async period(accountId: string, from: number, to: number): Promise<Period> {
    // In direct mode, a transaction decides the time of a posting while it has the account's row locked, so after this
    // wait, everything that is not visible yet gets a later time.
    const last = await this.#lastVersion(accountId, 'LOCK IN SHARE MODE');
    const after = await versionBefore(this.#database, accountId, from, last);
    const until = await versionBefore(this.#database, accountId, to, last);
    const [openingBalance, closingBalance] = [
      await this.#balanceAfter(accountId, after),
      await this.#balanceAfter(accountId, until),
    ];
    return { after, until, openingBalance, closingBalance, last };
  }

  async names(accountIds: readonly string[]): Promise<Map<string, string>> {
    const rows = await rowsByIds<{ account_id: string; name: string }>(
      this.#database,
      'SELECT account_id, `name` FROM accounts WHERE account_id IN (?) AND `name` IS NOT NULL',
      accountIds,
    );
    return new Map(rows.map(({ account_id, name }) => [account_id, name]));
  }

  async #balanceAfter(accountId: string, version: number): Promise<number> {
    if (version === 0) return 0;
    const item = await historyItem(this.#database, accountId, version);
    if (!item) throw new Error(`account ${accountId} lacks version ${version}`);
    return item.balanceAfter;
  }

  async #lastVersion(accountId: string, lock: '' | 'LOCK IN SHARE MODE' = ''): Promise<number> {
    const [row] = await this.#database.rows<{ version: number }>(
      `SELECT version FROM accounts WHERE account_id = ? ${lock}`,
      [accountId],
    );
    if (!row) throw new Problem('account_not_found', `account ${accountId} does not exist`);
    return row.version;
  }
}
