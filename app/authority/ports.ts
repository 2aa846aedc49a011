import type { Doubt, JournalEntry } from '../ledger/journal.ts';
import type { Cursor } from '../store/flush-store.ts';
import type { Authority, CacheServerIdentity, LivePod, Mode, MovedBy, PodRow } from './authority.ts';
import type { Fold } from './fold.ts';

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
export interface DrainChunk {
  entries: readonly JournalEntry[];
  inDoubt: readonly Doubt[];
}

/** Where pods bring what they know of an epoch that ends. */
export interface DrainStore {
  /** Keeps a part; repeating it changes nothing. `podId` is any one of the ids that the process used in the epoch. */
  keep(epoch: number, podId: string, chunk: DrainChunk): Promise<void>;
  /** All parts are there: marks every registration among `podIds` in this epoch as drained, and what it has observed. */
  complete(epoch: number, podIds: readonly string[], observed: number): Promise<void>;
}

/** What a keeper needs of the authority's tables: to see, and to move where nothing has to be settled. */
export interface KeeperAuthority {
  read(): Promise<Authority>;
  cursor(): Promise<Cursor>;
  /** All registrations, of whatever epoch. */
  pods(): Promise<PodRow[]>;
  livePods(): Promise<LivePod[]>;
  /** The highest seq of an epoch that any registered pod has reported or drained. */
  observedIn(epoch: number): Promise<number>;
  /** Whether nobody who is registered in this epoch can know of anything that is not in MySQL: all have drained, or are retired and flushed. */
  allDrained(epoch: number): Promise<boolean>;
  /** How often the authority has gone to CLOSING in so many last ms. */
  closingsWithin(ms: number): Promise<number>;
  /**
   * Moves by compare-and-set on the epoch; what the row says of an epoch of the cache stays for CLOSING, and goes for the
   * other modes.
   * @returns where the authority is now, or null when somebody else moved it first
   */
  move(from: Authority, mode: Exclude<Mode, 'CACHE'>, by: MovedBy): Promise<Authority | null>;
}

/** Each method is one transaction of MySQL, which begins with the compare-and-set on the authority's epoch. */
export interface Settlement {
  /** REBUILDING → CACHE: the cursor begins at seq 0 of the new epoch; registrations and drains of older epochs go. */
  activate(from: Authority, server: CacheServerIdentity, by: MovedBy): Promise<Authority | null>;
  /** CLOSING → `to`, when the whole journal is in MySQL. @throws Error when the cursor is not at `end` of the closing epoch */
  settleByJournal(from: Authority, to: 'REBUILDING' | 'DIRECT', end: number, by: MovedBy): Promise<Authority | null>;
  /**
   * CLOSING → DIRECT by what the pods have drained: all must have. The drains are read, folded and written in this one
   * transaction. @returns `undrained` or an `unexplained` fold when the authority stays; null when somebody else moved it
   */
  settleByFold(
    from: Authority,
    by: MovedBy,
  ): Promise<{ authority: Authority; fold: Fold } | { undrained: string[] } | { unexplained: Fold } | null>;
  /**
   * DIRECT with frozen accounts → DIRECT without: posts those entries of the unsettled journal that MySQL does not have, and
   * unfreezes. `entries` is the journal from the cursor to its end, read after the fence was raised.
   * @throws IntegrityError when an entry contradicts what MySQL has
   */
  settleLate(from: Authority, entries: readonly JournalEntry[], end: number, by: MovedBy): Promise<Authority | null>;
  /**
   * An operator accepts that what is missing is lost. CLOSING → DIRECT by what was drained, whoever has not; DIRECT with
   * frozen accounts → DIRECT without. What is dropped is written down with the operator's name and reason.
   */
  acceptLoss(from: Authority, by: MovedBy): Promise<{ authority: Authority; dropped: number } | null>;
}
