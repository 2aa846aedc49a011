import type { Account } from '../domain/types.ts';
import type { Stamp } from '../journal/cursor.ts';

/** Sums over an account's postings. Sums that may exceed the exact range are decimal strings. */
export interface HistoryRow {
  accountId: string;
  currency: string;
  balance: string;
  version: number;
  postings: number;
  versionMax: number;
  versionSum: string;
  versionSquareSum: string;
  amountSum: string;
  /**
   * For an account with limits: its usage in its latest windows, and the sums of what its postings added to that usage.
   */
  usage?: { counted: WindowSums; posted: WindowSums };
}

/** Decimal strings. */
export interface WindowSums {
  dayDebit: string;
  dayCredit: string;
  monthDebit: string;
}

/** MySQL, one page at a time. */
export interface LedgerPages {
  cursor(): Promise<Stamp>;
  accounts(accountIds: readonly string[]): Promise<Map<string, Account>>;
  balanceAt(accountId: string, version: number): Promise<number | null>;
  /** Pages of accounts ordered by id, with the sums of their postings, all in one snapshot. */
  histories(): AsyncIterable<HistoryRow[]>;
  sums(): Promise<Record<string, string>>;
  /** Pages of the ids of posted groups of which MySQL does not have every transfer. Nearly all pages are empty. */
  groupsInPart(): AsyncIterable<string[]>;
}
