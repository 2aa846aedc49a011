import type { Account } from '../domain/types.ts';
import type { Stamp } from '../journal/cursor.ts';

/** What an account's postings add up to. Sums that may leave the exact range are decimal strings. */
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
}

/** MySQL, page by page. */
export interface LedgerPages {
  cursor(): Promise<Stamp>;
  accounts(accountIds: readonly string[]): Promise<Map<string, Account>>;
  balanceAt(accountId: string, version: number): Promise<number | null>;
  /** Pages of accounts in order of id, with their history added up, all in one snapshot. */
  histories(): AsyncIterable<HistoryRow[]>;
  sums(): Promise<Record<string, string>>;
}
