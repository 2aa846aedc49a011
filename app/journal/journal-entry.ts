import type { GroupOrder } from '../domain/group.ts';

/** The part of a journal entry that a response depends on, as stored in the journal. */
export interface JournalEntry {
  kind: 'transfers' | 'account-change' | 'group' | 'holds';
  /** The first seq in the entry. */
  firstSeq: number;
  payload: string;
  records: Buffer;
  /**
   * When the ledger accepted the entry, by its own clock, ms since 1970; null in an entry that an older release wrote.
   */
  acceptedAt: number | null;
}

/**
 * An attempt whose result is unknown: it was sent to Redis, and no reply returned its outcome or proved that nothing
 * was written.
 */
export interface InDoubtAttempt {
  kind: IdKind;
  /** The id of the transfer, of the change, of the group, of the hold, or of the event of a hold. */
  id: string;
  /**
   * The accounts that the attempt would have changed: both accounts of a transfer, or the single account of anything
   * else.
   */
  accounts: readonly string[];
  /**
   * The maximum number of seqs that the attempt may have written; absent: one. A group counts as one attempt with all
   * of its seqs, plus one attempt without seqs for each member, because the group may have taken the members' ids.
   */
  seqs?: number;
  /** For a member of a group: the group, which decides whether the id was taken. */
  groupId?: string;
}

/** The maximum number of seqs that an attempt may have written. */
export const seqsOf = ({ seqs = 1 }: Pick<InDoubtAttempt, 'seqs'>): number => seqs;

/** The attempts that a group counts as. */
export function attemptsOfGroup({ groupId, orders }: GroupOrder): InDoubtAttempt[] {
  const [first] = orders;
  const members = orders.map(({ transactionId, source, destination }): InDoubtAttempt => {
    return { kind: 'transfers', id: transactionId, accounts: [source, destination], seqs: 0, groupId };
  });
  const accounts = first ? [first.source, first.destination] : [];
  return [{ kind: 'group', id: groupId, accounts, seqs: orders.length }, ...members];
}

/**
 * The kind of thing that an id belongs to: the same text may be used once per kind. A capture has the id of a transfer.
 */
export type IdKind = 'transfers' | 'account-change' | 'group' | 'hold' | 'hold-event';
