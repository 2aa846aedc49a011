import type { GroupOutcome } from '../../domain/group.ts';
import type { HoldOutcome } from '../../domain/hold-events.ts';
import type { StoredHold } from '../../domain/hold-types.ts';
import { Problem } from '../../domain/problem.ts';
import type { Account, Outcome } from '../../domain/types.ts';
import type { Stamp } from '../../journal/cursor.ts';

/** Which store had the authority in the snapshot that an answer comes from. */
export interface AuthorityStamp {
  epoch: number;
  mode: 'CACHE' | 'CLOSING' | 'DIRECT' | 'REBUILDING';
  /** False while accounts or ids wait for the journal of an ended epoch. */
  recovered: boolean;
}

/** The reads that a pod makes in MySQL. Each answer, its stamp and the authority come from one snapshot. */
export interface LedgerDatabase {
  /** Accounts that do not exist are absent from the map. @throws Problem database_unavailable */
  loadAccounts(accountIds: readonly string[]): Promise<{
    stamp: Stamp;
    authority: AuthorityStamp;
    accounts: Map<string, Account>;
    /** The latest acceptance on any of these accounts, ms; 0 if none is known. */
    acceptedUpTo: number;
    /** MySQL's clock at the time of the read, ms since 1970. */
    readAt: number;
    /** The requested accounts that wait for the journal. */
    frozen: Set<string>;
  }>;
  /** Outcomes by transaction id; those that MySQL does not have are absent. @throws Problem database_unavailable */
  findOutcomes(transactionIds: readonly string[]): Promise<{
    stamp: Stamp;
    authority: AuthorityStamp;
    outcomes: Map<string, Outcome>;
    /** The ids whose outcomes are only in the journal of an ended epoch. */
    unsettled: Set<string>;
  }>;
  /**
   * The same for groups: their outcomes by group id, and which ids have an outcome or wait for a journal (group
   * ids have the prefix '+'). All from one snapshot. @throws Problem database_unavailable
   */
  findGroups(
    groupIds: readonly string[],
    transactionIds: readonly string[],
  ): Promise<{
    stamp: Stamp;
    authority: AuthorityStamp;
    outcomes: Map<string, GroupOutcome>;
    taken: Set<string>;
    unsettled: Set<string>;
  }>;
  /**
   * The outcomes of holds (ids with the prefix '=') and of their events ('#'). @throws Problem database_unavailable
   */
  findHolds(keys: readonly string[]): Promise<{
    stamp: Stamp;
    authority: AuthorityStamp;
    outcomes: Map<string, HoldOutcome>;
    unsettled: Set<string>;
  }>;
  /**
   * The current state of holds, open or not. Those that do not exist, or were refused, are absent from the map.
   * @throws Problem database_unavailable
   */
  loadHolds(holdIds: readonly string[]): Promise<{
    stamp: Stamp;
    authority: AuthorityStamp;
    holds: Map<string, StoredHold>;
    /** The holds among them whose account waits for the journal. */
    frozen: Set<string>;
    readAt: number;
  }>;
}

/** How reads of MySQL are retried during a short outage: they change nothing, so retrying is always safe. */
export const DATABASE_RETRY = {
  retriesMax: 3,
  baseMs: 100,
  when: (error: unknown): boolean => error instanceof Problem && error.code === 'database_unavailable',
};
