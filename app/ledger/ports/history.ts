import type { HistoryItem } from '../../domain/types.ts';

/**
 * The history of accounts, from MySQL. It never changes, and each version of an account is one item, so a reader may
 * stop between two pages and resume later. A page costs about the same however long the history is.
 */
export interface History {
  /** @throws Problem account_not_found, database_unavailable */
  page(query: HistoryQuery): Promise<HistoryPage>;
  /**
   * The last item accepted at or before `at` (ms), or null if the account had none and its balance was zero. @throws
   * Problem account_not_found, database_unavailable
   */
  at(accountId: string, at: number): Promise<HistoryItem | null>;
  /**
   * The versions that were accepted in a period, `from` inclusive and `to` exclusive (ms), as far as they are in MySQL,
   * and the balances before and after them. Waits for transactions that are changing the account. @throws Problem
   * account_not_found, database_unavailable
   */
  period(accountId: string, from: number, to: number): Promise<Period>;
  /** The names of these accounts. Accounts without a name, or that do not exist, are absent. */
  names(accountIds: readonly string[]): Promise<Map<string, string>>;
}

export interface HistoryQuery {
  accountId: string;
  /** Where to begin: after this version, or 0 to begin before the first version. Null: at the end of the range. */
  position: number | null;
  /** The direction in which to read from there. */
  toward: 'newer' | 'older';
  limit: number;
  /** Times of acceptance, ms: `from` is inclusive, `to` is exclusive. */
  from?: number;
  to?: number;
  /** False: without the events of holds. True by default. */
  holds?: boolean;
  filter?: HistoryFilter;
}

/** Only items that meet all of these conditions. */
export interface HistoryFilter {
  kinds?: readonly HistoryItem['kind'][];
  direction?: 'debit' | 'credit';
  /** Absolute amounts of transfers, in minor units, both inclusive. */
  amountMin?: number;
  amountMax?: number;
}

export interface HistoryPage {
  /** In the order in which they were read, at most `limit`. May be empty even if there are more. */
  items: HistoryItem[];
  /** The position at which the next page begins; null if there is nothing more. */
  next: number | null;
}

/** Versions in (after, until]; balances in minor units. */
export interface Period {
  after: number;
  until: number;
  openingBalance: number;
  closingBalance: number;
  /** The last version of the account in MySQL. */
  last: number;
}
