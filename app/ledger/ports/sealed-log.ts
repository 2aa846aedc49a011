import type { SealedEntry, SealedRow } from '../../journal/sealed/sealed-entry.ts';

/**
 * The sealed log of one shard: everything that was committed, in one order, without gaps. For each account, its entries
 * are in the order of its versions. Rows never change.
 */
export interface SealedLog {
  /**
   * The oldest position that can be read, and the newest. If nothing has been sealed yet, the newest is 0 and the
   * oldest is 1.
   * @throws Problem database_unavailable
   */
  bounds(): Promise<{ oldest: number; newest: number }>;
  /**
   * The rows after a position, in order and without a gap. At the end of the log, there are none.
   * @param max at most this many rows, and about this many bytes before compression, but at least one row
   * @throws Problem database_unavailable
   */
  read(after: number, max: { rows: number; bytes: number }): Promise<SealedRow[]>;
  /** Like `read`, but without decoding the entries, for readers that need few of them. */
  readLines(after: number, max: { rows: number; bytes: number }): Promise<SealedLines[]>;
  /**
   * The personal data of entries, which the log contains only as hashes: read from the books, in the order of the
   * entries. Null for an entry that has none, or whose data was erased. An erasure may also have emptied only some of
   * the fields.
   * @throws Problem database_unavailable
   */
  personal(entries: readonly SealedEntry[]): Promise<(PersonalData | null)[]>;
}

/** A row whose entries are lines: see entry-codec.ts. */
export interface SealedLines extends Pick<SealedRow, 'position' | 'hash'> {
  lines: readonly string[];
}

/**
 * The personal data of a transfer, an event of a hold, or an account. Fields that an entry does not have are absent.
 */
export interface PersonalData {
  user?: string;
  correlationId?: string;
  reference?: string | null;
  metadata?: Readonly<Record<string, string>> | null;
  /** The name of an account. */
  name?: string | null;
  /** For a change of an account: the currency of the account. */
  currency?: string;
}
