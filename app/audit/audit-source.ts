import type { HoldState } from '../domain/hold-types.ts';
import type { Windows } from '../domain/limits.ts';
import type { Account } from '../domain/types.ts';
import type { SealedEntry } from '../journal/sealed/sealed-entry.ts';
import type { LogHead, StoredRow } from '../journal/sealed/sealed-rows.ts';
import type { BookItem } from './book-items.ts';

/** The books and the log of one database, or of its export. */
export interface AuditSource {
  /** Which database is audited, and up to which point: rows that were written later are left to the next audit. */
  begin(): Promise<AuditScope>;
  /** The rows of the log after a position, in order; none at the end. */
  stored(after: number, max: { rows: number; bytes: number }): Promise<StoredRow[]>;
  /** Rows of the books that never change, in pages: all that were written up to `upTo`, ms. */
  items(upTo: number): AsyncIterable<readonly BookItem[]>;
  /** The business days, oldest first. */
  calendar(): Promise<readonly Windows[]>;
  /** Runs `work` on a snapshot of the data that changes. */
  atOneMoment<T>(work: (view: MomentView) => Promise<T>): Promise<T>;
}

/** A source in which rows can be found by their ids. */
export interface IndexedSource extends AuditSource {
  /** The rows that entries of the log correspond to. */
  itemsOf(entries: readonly SealedEntry[]): Promise<BookItem[]>;
}

export interface AuditScope {
  ledgerId: string;
  shard: number;
  /** How many shards the ledger has. */
  shards: number;
  /** The end of the log. */
  head: LogHead;
  /** When this was the end of the log, by the clock of the database, ms. */
  at: number;
  /** Whether all accounts that are older than the log have their states in it. */
  isComplete: boolean;
}

export interface MomentView {
  /** The end of the log at this moment. */
  head: LogHead;
  /** The position of a row beyond this end, which no process can have sealed; null if there is none. */
  beyond: number | null;
  /** Lines that were committed but are not in the log yet, in order. */
  waiting: readonly string[];
  /** Pages of accounts, in order of their ids. @param ids only these; by default all */
  accounts(ids?: readonly string[]): AsyncIterable<readonly AuditedAccount[]>;
  /** Pages of the holds that are in the log, except those that were refused. */
  holds(): AsyncIterable<readonly AuditedHold[]>;
}

export interface AuditedAccount {
  account: Account;
  openingOverdraftLimit: number;
  /** JSON, as stored. */
  openingLimits: string | null;
  /** The time of the latest acceptance (`last_accepted_ms`); null if there was none. */
  lastAcceptedAt: number | null;
  /** Whether the account is in the log. */
  isLogged: boolean;
  openedAt: number;
}

export interface AuditedHold {
  holdId: string;
  account: string;
  currency: string;
  hold: HoldState;
}

/** Something that differs from the log. */
export interface AuditFault {
  /** The position in the log, and the index of the entry in that row; null if the log does not contain it. */
  position: number | null;
  index: number | null;
  /** For example `transfer 0195…` or `account ada`. */
  what: string;
  problem: string;
}
