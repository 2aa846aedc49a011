/**
 * The contents of the stores once everything is flushed, in the form that the checker compares with a history. Money is
 * in minor units.
 */
import type { HoldContent, HoldShown, Position, Settings, TransferContent } from './history.ts';

/** An account after a posting, and the version of the settings that applied. */
export interface BookedPosition extends Position {
  settingsVersion: number;
}

/** A row of `transfers`. A position is null if the transfer was rejected, or if the books do not cover that account. */
export interface BookedTransfer {
  transactionId: string;
  correlationId: string;
  content: TransferContent;
  /**
   * The time of acceptance, ms since 1970; null if the transfer was decided by a pod of a release that does not use the
   * ledger's time.
   */
  acceptedAt: number | null;
  refusal: string | null;
  source: BookedPosition | null;
  destination: BookedPosition | null;
  /** The captured hold, if the transfer is a capture and was posted. */
  hold?: HoldAfter;
  /** Set if the row is a leg of a transfer between two shards. */
  leg?: BookedLeg;
  /** Limits neither count nor refuse reversals. */
  isReversal?: true;
}

/**
 * What makes a row a leg of a transfer between two shards. The row's own content names the accounts that moved in its
 * shard, one of which is a transit account.
 */
export interface BookedLeg {
  name: 'out' | 'in' | 'back' | 'returns';
  /** The id and the content of the transfer, as the client sent them. */
  of: string;
  content: TransferContent;
}

/** A row of `crossings`: a transfer that has left its shard. */
export interface BookedCrossing {
  transactionId: string;
  state: 'OPEN' | 'DONE' | 'RETURNED';
  /** The account of the destination after the transfer, if it is done. */
  destination: Position | null;
  /** Why the destination refused it, if it was returned. */
  refusal: string | null;
}

/** A hold after one of its events, and the total held amount of its account at that version. */
export interface HoldAfter {
  hold: HoldShown;
  held: number;
  /** The amount by which the event changed `held`. */
  heldChange: number;
}

/** A row of `holds`. */
export interface BookedHold {
  holdId: string;
  correlationId: string;
  content: HoldContent;
  acceptedAt: number;
  /** The reason, if the hold was not placed. */
  refusal: string | null;
  /** Null if the hold was not placed. */
  hold: HoldShown | null;
}

/** An event of a hold, except a capture. */
export interface BookedHoldEvent extends HoldAfter, BookedPosition {
  kind: 'PLACED' | 'CHANGED' | 'VOIDED' | 'EXPIRED';
  holdId: string;
  accountId: string;
  currency: string;
  correlationId: string;
  acceptedAt: number;
}

export interface BookedAccount extends Position, Settings {
  accountId: string;
  currency: string;
  /** The sum of its open holds, if the books show it. */
  held?: number;
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
  /** The source as shown in messages: `the API`, `Redis`. */
  of: string;
  accounts: readonly (Position & { accountId: string; held?: number })[];
}

/** A sealed log, in order. */
export interface BookedLog {
  /** Where the chain of hashes is broken; null if it is intact. */
  fault: string | null;
  entries: readonly {
    /** The kind and id of the entry. */
    key: string;
    /** The accounts whose next version the entry contains; for the state of an account, its current version. */
    positions: readonly { accountId: string; version: number; isState: boolean }[];
  }[];
  /** The keys of everything that must be in the log exactly once. */
  expected: readonly string[];
}

export interface Books {
  /** One for each database; absent if they were not read. */
  logs?: readonly BookedLog[];
  transfers: readonly BookedTransfer[];
  accounts: readonly BookedAccount[];
  changes: readonly BookedChange[];
  /** Absent if there are no holds. */
  holds?: readonly BookedHold[];
  holdEvents?: readonly BookedHoldEvent[];
  /**
   * Present if there are several shards. In that case, the ids of transfers and of transit accounts, which exist in
   * every shard, are unique across all shards.
   */
  crossings?: readonly BookedCrossing[];
  /**
   * The sum of all balances in MySQL, including external accounts: per currency, or per currency and shard if there are
   * several.
   */
  sums: Readonly<Record<string, bigint>>;
  views: readonly BalanceView[];
  /** Starts of the business days, ms since 1970, in order; absent if no account has limits. */
  businessDays?: readonly number[];
  /** The ids and accounts that wait for a journal, as reported by MySQL itself. */
  waiting?: Waiting;
}

export interface Waiting {
  accounts: ReadonlySet<string>;
  transactionIds: ReadonlySet<string>;
  holdIds?: ReadonlySet<string>;
}
export const NOTHING_WAITS: Waiting = { accounts: new Set(), transactionIds: new Set() };
