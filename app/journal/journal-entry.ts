/** The part of a journal entry that a response depends on, as stored in the journal. */
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
 * An attempt whose result is unknown: it was sent to Redis, and no reply returned its outcome or proved that nothing
 * was written.
 */
export interface InDoubtAttempt {
  kind: JournalEntry['kind'];
  /** The id of the transfer or of the change. */
  id: string;
  /** The accounts that it would have changed: both accounts of a transfer, or the one of a change. */
  accounts: readonly string[];
}
