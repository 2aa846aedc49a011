import type { Authority, CacheServerIdentity, LivePod, Mode, MovedBy, PodRow } from '../domain/authority.ts';
import type { Cursor } from '../journal/cursor.ts';
import type { InDoubtAttempt, JournalEntry } from '../journal/journal-entry.ts';
import type { Unexplained } from '../journal/recovery/recover-epoch.ts';
import type { Recovery } from '../journal/recovery/recovery.ts';

/** What a pod needs of the authority's tables. */
export interface PodAuthority {
  read(): Promise<Authority>;
  /** @returns false when the authority is not (any more) with this epoch's cache: then the pod is not registered */
  register(podId: string, epoch: number): Promise<boolean>;
  /** Tells that a process lives and whether it reaches Redis; and, while it is registered, what it has observed. */
  heartbeat(report: {
    processId: string;
    redisSeen: boolean;
    registration: { podId: string; observed: number } | null;
  }): Promise<void>;
  /** Gives a registration back: nothing that this pod was told is missing in MySQL, and nothing of it is in doubt. */
  removePod(podId: string): Promise<void>;
  /** The process has ended well: nobody waits for its word any more. */
  removeProcess(processId: string): Promise<void>;
}

/** One part of what a pod knows of an epoch. */
export interface HandOverChunk {
  entries: readonly JournalEntry[];
  inDoubt: readonly InDoubtAttempt[];
}

/** Where pods bring what they know of an epoch that ends. */
export interface HandOverStore {
  /** Keeps a part; repeating it changes nothing. `podId` is any one of the ids that the process used in the epoch. */
  keep(epoch: number, podId: string, chunk: HandOverChunk): Promise<void>;
  /** All parts are there: marks every registration among `podIds` in this epoch as handed over, and what it has observed. */
  complete(epoch: number, podIds: readonly string[], observed: number): Promise<void>;
}

/** What a keeper needs of the authority's tables: to see, and to move where no epoch has to be recovered. */
export interface KeeperAuthority {
  read(): Promise<Authority>;
  cursor(): Promise<Cursor>;
  /** All registrations, of whatever epoch. */
  pods(): Promise<PodRow[]>;
  livePods(): Promise<LivePod[]>;
  /** The highest seq of an epoch that any registered pod has reported or handed over. */
  observedIn(epoch: number): Promise<number>;
  /** Whether nobody who is registered in this epoch can know of anything that is not in MySQL: all have handed over, or are retired and flushed. */
  allHandedOver(epoch: number): Promise<boolean>;
  /**
   * All ids in MySQL whose UUIDv7 time is later than `after` and not later than `upTo`, ms; those of account changes after a
   * '#'. Null when there are too many to be read.
   */
  idsBetween(after: number, upTo: number): Promise<string[] | null>;
  /** How often the authority has gone to CLOSING in so many last ms. */
  closingsWithin(ms: number): Promise<number>;
  /**
   * Moves by compare-and-set on the epoch; what the row says of an epoch of the cache stays for CLOSING, and goes for the
   * other modes.
   * @returns where the authority is now, or null when somebody else moved it first
   */
  move(from: Authority, mode: Exclude<Mode, 'CACHE'>, by: MovedBy): Promise<Authority | null>;
}

/** One page of a recovery, or its end. */
export type RecoveryStep =
  | { working: Recovery }
  | { authority: Authority }
  | { notHandedOver: string[] }
  | { unexplained: Unexplained };
/** One page of an accepted loss, or its end. */
export type AcceptedLossStep = { working: Recovery } | { authority: Authority; dropped: number };

/**
 * Each method processes one page, as a MySQL transaction, or makes the final transition, a compare-and-set on the authority's
 * epoch. A result with `working` means that the call must be repeated. Null: another process moved the authority.
 */
export interface EpochRecoveryStore {
  /** Progress of the recovery that began under this epoch of the authority; null if none has begun. */
  recovery(from: Authority): Promise<Recovery | null>;
  /** REBUILDING → CACHE: the cursor begins at seq 0 of the new epoch; registrations of older epochs go. */
  activate(from: Authority, server: CacheServerIdentity, by: MovedBy): Promise<Authority | null>;
  /** CLOSING → `to`, when the whole journal is in MySQL. @throws Error when the cursor is not at `end` of the closing epoch */
  finishFromJournal(from: Authority, to: 'REBUILDING' | 'DIRECT', end: number, by: MovedBy): Promise<Authority | null>;
  /**
   * CLOSING → DIRECT by what the pods have handed over: all must have. The authority stays while some have not (`undrained`), or
   * while more is missing than is in doubt (`unexplained`).
   * @throws IntegrityError when what was handed over contradicts MySQL
   */
  recoverFromHandOvers(from: Authority, by: MovedBy): Promise<RecoveryStep | null>;
  /**
   * Posts those of the next entries of the unsettled journal that MySQL does not have, and moves the cursor past them; in
   * CLOSING or in DIRECT. They follow on the cursor, and were read after the fence was raised. `end`: the journal's last seq.
   * @throws IntegrityError when an entry contradicts what MySQL has
   */
  postJournal(from: Authority, entries: readonly JournalEntry[], end: number): Promise<Recovery | null>;
  /** DIRECT with frozen accounts → DIRECT without, when the cursor is at the end of the unsettled journal. */
  unfreezeFromJournal(from: Authority, end: number, by: MovedBy): Promise<Authority | null>;
  /**
   * An operator accepts that what is missing is lost. CLOSING → DIRECT by what was handed over, whoever has not; DIRECT with
   * frozen accounts → DIRECT without. What is dropped is written down with the operator's name and reason. The decision is kept
   * with the first page, and then no other way is open.
   */
  acceptLoss(from: Authority, by: MovedBy): Promise<AcceptedLossStep | null>;
}
