import type { Authority, CacheServerIdentity, LivePod, Mode, MovedBy, PodRow } from '../domain/authority.ts';
import type { BusinessCalendar } from '../domain/business-calendar.ts';
import type { Cursor } from '../journal/cursor.ts';
import type { InDoubtAttempt, JournalEntry } from '../journal/journal-entry.ts';
import type { Unexplained } from '../journal/recovery/recover-epoch.ts';
import type { Recovery } from '../journal/recovery/recovery.ts';

/** The operations on the authority's tables that a pod needs. */
export interface PodAuthority {
  read(): Promise<Authority>;
  /**
   * @returns false if the cache does not have the authority in this epoch, or no longer has it; the pod is then not
   * registered
   */
  register(podId: string, epoch: number): Promise<boolean>;
  /**
   * Reports that a process is alive and whether it reaches Redis; and, while it is registered, what it has observed.
   */
  heartbeat(report: {
    processId: string;
    redisSeen: boolean;
    registration: { podId: string; observed: number } | null;
  }): Promise<void>;
  /**
   * Removes a registration. Call it only when MySQL has everything that this pod received and none of its attempts is
   * in doubt.
   */
  removePod(podId: string): Promise<void>;
  /** Removes a process that has stopped in an orderly way: its votes no longer count. */
  removeProcess(processId: string): Promise<void>;
}

/** One part of a pod's record of an epoch. */
export interface HandOverChunk {
  entries: readonly JournalEntry[];
  inDoubt: readonly InDoubtAttempt[];
}

/** The store to which pods write their records of an epoch that has ended. */
export interface HandOverStore {
  /** Stores a part; repeating it changes nothing. `podId` is any of the ids that the process used in the epoch. */
  keep(epoch: number, podId: string, chunk: HandOverChunk): Promise<void>;
  /**
   * Called once all parts are stored: marks every registration among `podIds` in this epoch as handed over. `observed`
   * is the highest seq that the process has observed.
   */
  complete(epoch: number, podIds: readonly string[], observed: number): Promise<void>;
}

/**
 * The operations on the authority's tables that a keeper needs: reading them, and moving the authority if no epoch has
 * to be recovered.
 */
export interface KeeperAuthority {
  read(): Promise<Authority>;
  cursor(): Promise<Cursor>;
  /** The business calendar on which limits are based. */
  calendar(): Promise<BusinessCalendar>;
  /** All registrations, of any epoch. */
  pods(): Promise<PodRow[]>;
  livePods(): Promise<LivePod[]>;
  /** In an epoch, the highest seq that any registered pod has reported or handed over. */
  observedIn(epoch: number): Promise<number>;
  /**
   * Whether MySQL has everything that the pods of this epoch received: each registered pod has handed over, or is
   * retired and everything up to its retirement is flushed.
   */
  allHandedOver(epoch: number): Promise<boolean>;
  /**
   * All ids in MySQL whose UUIDv7 time is later than `after` and not later than `upTo`, ms; those of account changes
   * have the prefix '#'. Null if there are too many to read.
   */
  idsBetween(after: number, upTo: number): Promise<string[] | null>;
  /** How many times the authority has moved to CLOSING in the last `ms` milliseconds. */
  closingsWithin(ms: number): Promise<number>;
  /**
   * Moves by compare-and-set on the epoch. For CLOSING, the row keeps its data about the cache's epoch; for the other
   * modes, that data is cleared.
   * @returns where the authority is now, or null if another process moved it first
   */
  move(from: Authority, mode: Exclude<Mode, 'CACHE'>, by: MovedBy): Promise<Authority | null>;
}

/** A process of an older release, which cannot work in the highest format of this release. */
export interface OlderProcess {
  processId: string;
  role: 'api' | 'keeper';
  silentMs: number;
}

/** The operations that an operator needs to move the ledger to the next format of its rules. */
export interface RuleFormats {
  /** The older processes that have sent a heartbeat within the last minute. */
  olderProcesses(): Promise<OlderProcess[]>;
  /**
   * Moves the ledger to the next format, in which an older release finds neither an authority nor a ledger; this cannot
   * be undone. CACHE → CLOSING, whose epoch is recovered in its own format; DIRECT → DIRECT.
   * @returns null, without a change, if the authority has moved or is moving, if something waits for a journal, if a
   * process of an older release has sent a heartbeat within the last minute, or if this is the highest format already
   */
  raise(from: Authority, by: MovedBy): Promise<Authority | null>;
}

/** The result of one step of a recovery: a page has been processed, or the recovery has ended. */
export type RecoveryStep =
  | { working: Recovery }
  | { authority: Authority }
  | { notHandedOver: string[] }
  | { unexplained: Unexplained };
/** The result of one step of a recovery with an accepted loss: a page has been processed, or the recovery has ended. */
export type AcceptedLossStep = { working: Recovery } | { authority: Authority; dropped: number };

/**
 * Each method processes one page, as a MySQL transaction, or makes the final transition, a compare-and-set on the
 * authority's epoch. A result with `working` means that the call must be repeated. Null: another process moved the
 * authority.
 */
export interface EpochRecoveryStore {
  /** Progress of the recovery that began under this epoch of the authority; null if none has begun. */
  recovery(from: Authority): Promise<Recovery | null>;
  /** REBUILDING → CACHE: the cursor begins at seq 0 of the new epoch; registrations of older epochs are deleted. */
  activate(from: Authority, server: CacheServerIdentity, by: MovedBy): Promise<Authority | null>;
  /**
   * CLOSING → `to`, once the whole journal is in MySQL. @throws Error if the cursor is not at `end` of the closing
   * epoch
   */
  finishFromJournal(from: Authority, to: 'REBUILDING' | 'DIRECT', end: number, by: MovedBy): Promise<Authority | null>;
  /**
   * CLOSING → DIRECT from what the pods have handed over, once all have. The authority stays where it is while some
   * have not (`notHandedOver`), or while more is missing than is in doubt (`unexplained`).
   * @throws IntegrityError if what was handed over contradicts MySQL
   */
  recoverFromHandOvers(from: Authority, by: MovedBy): Promise<RecoveryStep | null>;
  /**
   * Posts the next entries of the ended epoch's journal, except those that MySQL already has, and advances the cursor
   * past them; in CLOSING or in DIRECT. The entries must follow the cursor, and must have been read after the fence was
   * raised. `end`: the journal's last seq.
   * @throws IntegrityError if an entry contradicts MySQL
   */
  postJournal(from: Authority, entries: readonly JournalEntry[], end: number): Promise<Recovery | null>;
  /** DIRECT with frozen accounts → DIRECT without, once the cursor is at the end of the ended epoch's journal. */
  unfreezeFromJournal(from: Authority, end: number, by: MovedBy): Promise<Authority | null>;
  /**
   * An operator accepts that what is missing is lost. CLOSING → DIRECT from what was handed over, even if some pods
   * have not; DIRECT with frozen accounts → DIRECT without. What is dropped is recorded with the operator's name and
   * reason. The decision is stored with the first page; from then on, no other kind of recovery is possible.
   */
  acceptLoss(from: Authority, by: MovedBy): Promise<AcceptedLossStep | null>;
}
