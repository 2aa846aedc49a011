/**
 * The contents of the stores once everything is flushed, in the form that the checker compares with a history. Money is
 * in minor units.
 */
import type { Position, Settings, TransferContent } from './history.ts';

/** An account after a posting, and the version of the settings that applied. */
export interface BookedPosition extends Position {
  settingsVersion: number;
}

/** A row of `transfers`; the positions are null if it was rejected, or if the books are not about that account. */
export interface BookedTransfer {
  transactionId: string;
  correlationId: string;
  content: TransferContent;
  /** ms since 1970; null if it was decided by a pod of a release without the ledger's time. */
  acceptedAt: number | null;
  refusal: string | null;
  source: BookedPosition | null;
  destination: BookedPosition | null;
}

export interface BookedAccount extends Position, Settings {
  accountId: string;
  currency: string;
  /** The usage of its limits, if it has any. */
  counted?: { dayStart: number; dayDebit: number };
}

/** A row of `account_changes`. */
export interface BookedChange extends Settings {
  accountId: string;
  correlationId: string;
}

/** Balances from sources other than MySQL, which must agree with it. */
export interface BalanceView {
  /** For messages: `the API`, `Redis`. */
  of: string;
  accounts: readonly (Position & { accountId: string })[];
}

export interface Books {
  transfers: readonly BookedTransfer[];
  accounts: readonly BookedAccount[];
  changes: readonly BookedChange[];
  /** The sum of all balances in MySQL per currency, including external accounts. */
  sums: Readonly<Record<string, bigint>>;
  views: readonly BalanceView[];
  /** Starts of the business days, ms since 1970, in order; absent if no account has limits. */
  businessDays?: readonly number[];
  /** The ids and accounts that wait for a journal, as MySQL itself reports them. */
  waiting?: Waiting;
}

export interface Waiting {
  accounts: ReadonlySet<string>;
  transactionIds: ReadonlySet<string>;
}
export const NOTHING_WAITS: Waiting = { accounts: new Set(), transactionIds: new Set() };
