import type { HoldStatus } from '../domain/hold-types.ts';
import type { Account } from '../domain/types.ts';
import type { Stamp } from '../journal/cursor.ts';

/** Sums over an account's postings and the events of its holds. Sums that may exceed the exact range are decimal strings. */
export interface HistoryRow {
  accountId: string;
  currency: string;
  balance: string;
  version: number;
  /** The amount that the account's open holds reserve. */
  held: string;
  postings: number;
  /** Number of placings, changes, voids and expiries of its holds: each has a version of its own. */
  holdEvents: number;
  versionMax: number;
  versionSum: string;
  versionSquareSum: string;
  amountSum: string;
  /** Sum of the changes of `held` by events and captures. */
  heldSum: string;
  /** Sum of what is left of the account's open holds. */
  openHolds: string;
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

/** The state of a hold, and the sums over its events and captures. Sums of money are decimal strings. */
export interface HoldHistory {
  holdId: string;
  status: HoldStatus | 'REFUSED';
  amount: string;
  captured: string;
  revision: number;
  /** Number of the hold's events and captures. `revisionSum`: the sum of their revisions. */
  steps: number;
  revisionSum: string;
  capturedSum: string;
  heldSum: string;
  voided: number;
  expired: number;
}

/** MySQL, one page at a time. */
export interface LedgerPages {
  cursor(): Promise<Stamp>;
  accounts(accountIds: readonly string[]): Promise<Map<string, Account>>;
  /** The balance and the held amount of an account at one of its versions; null if no table has that version. */
  balanceAt(accountId: string, version: number): Promise<{ balance: number; held: number } | null>;
  /** Pages of accounts ordered by id, with the sums of their postings, all in one snapshot. */
  histories(): AsyncIterable<HistoryRow[]>;
  sums(): Promise<Record<string, string>>;
  /** Pages of the ids of posted groups that lack some of their transfers in MySQL. Nearly all pages are empty. */
  groupsInPart(): AsyncIterable<string[]>;
  /** Pages of holds, each with the sums of its events and captures, in one snapshot. */
  holds(): AsyncIterable<HoldHistory[]>;
}
