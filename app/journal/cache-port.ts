import type { Account, TransferOrder } from '../domain/types.ts';
import type { CachedAccount, Head, ResultRecord } from './codec.ts';
import type { JournalEntry } from './journal-entry.ts';

/** In whose name a script runs: the prologue refuses it when any of these is not (any more) so. */
export interface Caller {
  epoch: number;
  /** The master_replid of the server on which the epoch was activated. */
  replid: string;
  podId: string;
}

/**
 * Most transfers of one call. The script unpacks ids and accounts onto Lua's stack of 8000 places, two for each id: past it
 * the call fails after its first write, and leaves balances that no journal entry tells of.
 */
export const CALL_TRANSFERS_MAX = 1000;

/** One transfer of a call: the order, its payload as encoded once, and the cursor of its look-up in MySQL (-1: none). */
export interface ApplyItem {
  order: TransferOrder;
  payload: string;
  lookupCursor: number;
}

export interface ApplyReply {
  head: Head;
  /** One per item, in order. */
  records: ResultRecord[];
  /** The journal entries that this call wrote: for the pod's tail. */
  entries: JournalEntry[];
}

export interface FindReply {
  head: Head;
  /** Per id its seq, or null when it is not known here. */
  seqs: (number | null)[];
  /** The entries that carry them, as far as they were not trimmed. */
  entries: JournalEntry[];
}

export interface ChangeCommand {
  accountId: string;
  changeId: string;
  expectedSettingsVersion: number | null;
  status: number | null;
  overdraftLimit: number | null;
  payload: string;
}

/** What a pod asks of Redis. One implementation speaks Lua; a model of it drives property tests and the simulator. */
export interface CacheServer {
  /** `marker`: the keys of the epoch must carry it; they may have been made anew by a late command since they were lost. */
  register(caller: Caller, marker: string): Promise<Head>;
  apply(caller: Caller, items: readonly ApplyItem[]): Promise<ApplyReply>;
  read(caller: Caller, accountIds: readonly string[]): Promise<{ head: Head; accounts: (CachedAccount | null)[] }>;
  /**
   * Null where all accounts in Redis are dirty and no room could be made.
   * @param acceptedUpTo the latest acceptance of any of the accounts, ms: the ledger's time goes on from there
   * @throws CacheError `stale`
   */
  install(
    caller: Caller,
    accounts: readonly Account[],
    snapshotCursor: number,
    accountsMax: number,
    acceptedUpTo?: number,
  ): Promise<{ head: Head; evicted: number; accounts: (CachedAccount | null)[] }>;
  find(caller: Caller, ids: readonly string[]): Promise<FindReply>;
  change(
    caller: Caller,
    command: ChangeCommand,
  ): Promise<{ head: Head; record: ResultRecord; entries: JournalEntry[] }>;
}

/** What a keeper asks of Redis. `fenceEpoch` is what the fence must be; `epoch` names the keys. */
export interface KeeperCaller {
  fenceEpoch: number;
  epoch: number;
  replid: string;
}
export interface JournalReader {
  journal(
    caller: KeeperCaller,
    afterSeq: number,
    entriesMax: number,
  ): Promise<{ head: Head; marker: string | null; entries: JournalEntry[] }>;
}
/**
 * Which ledger a Redis belongs to. `free`: none; it has never held one. `unclaimed`: it holds keys of a ledger but no owner,
 * because an older release wrote them.
 */
export interface Ownership {
  state: 'own' | 'free' | 'foreign' | 'unclaimed';
  /** Identity of the ledger that owns it. */
  owner: string | null;
  fence: number | null;
}

/** Every method except `ownership` and `claim` is refused (`foreign`, `unclaimed`) on a Redis that is not this ledger's. */
export interface CacheKeeper extends JournalReader {
  publish(caller: KeeperCaller, cursor: number, trimUpTo: number): Promise<Head>;
  forget(caller: KeeperCaller, buckets: readonly number[], turnOthers: boolean): Promise<Head>;
  /**
   * Lowers M while nothing is written in the epoch. `ids`: all that MySQL has whose UUIDv7 time is later than `m` and not later
   * than M is now; those of changes after a '#'.
   */
  lowerHorizon(caller: KeeperCaller, m: number, ids: readonly string[]): Promise<Head>;
  retire(caller: KeeperCaller, podId: string): Promise<Head>;
  /** The ledger that owns this server. */
  ownership(replid: string): Promise<Ownership>;
  /**
   * Claims a server that nobody has claimed and whose keys of this epoch carry the marker, which proves them this ledger's.
   * @returns whether the server is this ledger's now
   */
  claim(epoch: number, replid: string, marker: string): Promise<boolean>;
  /** Raises the fence, and returns its current value. Claims a `free` server. */
  fence(epoch: number, replid: string): Promise<number>;
  /** Begins an epoch; returns the stored marker. Claims a `free` server. */
  activate(epoch: number, replid: string, marker: string, m: number): Promise<string>;
}

/**
 * - `refused`: the prologue said no, or the server is no master; nothing was written
 * - `stale`: what was to be installed is older than what Redis has let go; nothing was written
 * - `unable`: Redis refused before the script began (out of memory, busy); nothing was written
 * - `not_sent`: the command never left this process
 * - `in_doubt`: anything else; it may have run, or may still run
 */
export type CacheErrorKind = 'refused' | 'stale' | 'unable' | 'not_sent' | 'in_doubt';

export class CacheError extends Error {
  override readonly name = 'CacheError';
  readonly kind: CacheErrorKind;
  /** For `refused`: demoted, other_server, fenced, lost, unregistered, retired, foreign, unclaimed, or Redis's error word. For `unable`: Redis's error word. */
  readonly reason: string;
  constructor(kind: CacheErrorKind, reason: string, options?: ErrorOptions) {
    super(`${kind}: ${reason}`, options);
    this.kind = kind;
    this.reason = reason;
  }
}
