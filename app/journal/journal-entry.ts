/** The part of a journal entry that an answer depends on, as it stands in the journal. */
export interface JournalEntry {
  kind: 'transfers' | 'account-change';
  /** The first seq in the entry. */
  firstSeq: number;
  payload: string;
  records: Buffer;
  /** When the ledger accepted it, by its own clock, ms since 1970; null in an entry that an older release wrote. */
  acceptedAt: number | null;
}

/**
 * An attempt of which nobody knows whether it was done: it was handed to Redis, and no reply gave its outcome or proved that
 * it wrote nothing.
 */
export interface Doubt {
  kind: JournalEntry['kind'];
  /** The id of the transfer or of the change. */
  id: string;
  /** The accounts that it would have changed: both sides of a transfer, the one of a change. */
  accounts: readonly string[];
}
