import type { NamedEpoch } from '../domain/authority.ts';
import type { BusinessCalendar } from '../domain/business-calendar.ts';
import type { GroupOrder } from '../domain/group.ts';
import type { StoredHold } from '../domain/hold-types.ts';
import type { Limits } from '../domain/limits.ts';
import type { Account, TransferOrder } from '../domain/types.ts';
import type { CachedAccount } from './account-codec.ts';
import type { Head, ResultRecord } from './codec.ts';
import type { HoldItem, HoldRecord } from './hold-codec.ts';
import type { JournalEntry } from './journal-entry.ts';

/**
 * The identity under which a script runs: the prologue refuses the script if any of these values is wrong or outdated.
 */
export interface Caller extends NamedEpoch {
  /** The master_replid of the server on which the epoch was activated. */
  replid: string;
  podId: string;
}

/**
 * Maximum number of transfers in one call. The script unpacks ids and accounts onto Lua's stack of 8000 slots, two per
 * id: beyond that the call fails after its first write, and leaves balances without journal entries.
 */
export const CALL_TRANSFERS_MAX = 1000;

/** One transfer of a call: the order, its encoded payload, and the cursor of its lookup in MySQL (-1: none). */
export interface ApplyItem {
  order: TransferOrder;
  payload: string;
  lookupCursor: number;
  /** W3C `traceparent` of its request; absent or null if it is not traced. */
  trace?: string | null;
}

/** A group of a call: applied as a whole, or not at all. */
export interface GroupItem {
  group: GroupOrder;
  payload: string;
  /** The cursor at which the ids of the group and of its members were looked up in MySQL (-1: not looked up). */
  lookupCursor: number;
  trace?: string | null;
}
/** One event of a hold, or a capture. */
export interface HoldCallItem {
  hold: HoldItem;
  payload: string;
  lookupCursor: number;
  /** The pod's own clock at the time of the call, ms. */
  podNow: number;
  trace?: string | null;
}
export type CallItem = ApplyItem | GroupItem | HoldCallItem;

export const isGroup = (item: CallItem): item is GroupItem => 'group' in item;
export const isHold = (item: CallItem): item is HoldCallItem => 'hold' in item;
export const isLegItem = (item: CallItem): boolean => 'order' in item && item.order.leg !== undefined;

/** The number of transfers that an item counts as. */
export const weightOf = (item: CallItem): number => (isGroup(item) ? item.group.orders.length : 1);

/** A hold as it is stored in Redis. */
export interface CachedHold extends StoredHold {
  /** True if the hold was changed in this epoch; it is clean again once the cursor has passed `seq`. */
  modified: boolean;
  seq: number;
}

export interface ApplyReply {
  head: Head;
  /**
   * One record per item, in order: a `HoldRecord` for a hold; for a posted group, the record of its first member;
   * `entries` contains the others.
   */
  records: (ResultRecord | HoldRecord)[];
  /** The journal entries that this call wrote, for the pod's tail. */
  entries: JournalEntry[];
}

export interface FindReply {
  head: Head;
  /** The seq of each id; null if Redis does not know the id. */
  seqs: (number | null)[];
  /** The entries that contain these seqs, unless they were trimmed. */
  entries: JournalEntry[];
}

export interface ChangeCommand {
  accountId: string;
  changeId: string;
  expectedSettingsVersion: number | null;
  status: number | null;
  overdraftLimit: number | null;
  /** Absent if the change does not affect the limits. */
  limits?: Limits | null;
  payload: string;
}

/** The calls of a pod to Redis. One implementation runs Lua; a model of it drives property tests and the simulator. */
export interface CacheServer {
  /**
   * `marker`: the marker that the keys of the epoch must have; the keys may have been lost and recreated by a late
   * command. `stops`: the `stops` of the authority. While this number is odd, no call writes an outcome. The highest
   * number ever passed applies, so a registered pod stops and releases the ledger by repeating this call.
   */
  register(caller: Caller, marker: string, stops?: number): Promise<Head>;
  /**
   * @param podNow the pod's clock, ms: while the ledger's time is far ahead of it, transfers that count in windows are
   * not decided. By default the two are not compared.
   */
  apply(caller: Caller, items: readonly CallItem[], podNow?: number): Promise<ApplyReply>;
  readHolds(caller: Caller, holdIds: readonly string[]): Promise<{ head: Head; holds: (CachedHold | null)[] }>;
  /**
   * Installs holds from MySQL, in any state; a hold that is already in Redis is left unchanged. @returns the holds as
   * they are in Redis
   * @throws CacheError `stale`
   */
  installHolds(
    caller: Caller,
    holds: readonly StoredHold[],
    snapshotCursor: number,
  ): Promise<{ head: Head; holds: CachedHold[] }>;
  read(caller: Caller, accountIds: readonly string[]): Promise<{ head: Head; accounts: (CachedAccount | null)[] }>;
  /**
   * An account is null if all accounts in Redis are dirty, so that no room could be made for it.
   * @param acceptedUpTo the latest acceptance on any of the accounts, ms: the ledger's time continues from there
   * @throws CacheError `stale`
   */
  install(
    caller: Caller,
    accounts: readonly Account[],
    snapshotCursor: number,
    accountsMax: number,
    acceptedUpTo?: number,
  ): Promise<{ head: Head; evicted: number; accounts: (CachedAccount | null)[] }>;
  /** Ids of transfers, and of groups with the prefix '+'. */
  find(caller: Caller, ids: readonly string[]): Promise<FindReply>;
  change(
    caller: Caller,
    command: ChangeCommand,
  ): Promise<{ head: Head; record: ResultRecord; entries: JournalEntry[] }>;
}

/**
 * A keeper whose call is not bound to an epoch: the call itself names the keys. `fenceEpoch` is the required value of
 * the fence.
 */
export interface FenceCaller {
  fenceEpoch: number;
  replid: string;
}
/** The calls of a keeper to Redis. `epoch` and its format select the keys. */
export interface KeeperCaller extends FenceCaller, NamedEpoch {}
export interface JournalReader {
  journal(
    caller: KeeperCaller,
    afterSeq: number,
    entriesMax: number,
  ): Promise<{ head: Head; marker: string | null; entries: JournalEntry[] }>;
}
/**
 * Which ledger a Redis belongs to. `free`: to none, and it has never contained the keys of one. `unclaimed`: it holds
 * keys of a ledger but no owner, because an older release wrote them.
 */
export interface Ownership {
  state: 'own' | 'free' | 'foreign' | 'unclaimed';
  /** Identity of the ledger that owns the Redis. */
  owner: string | null;
  fence: number | null;
}

/** Every method except `ownership` and `claim` is refused (`foreign`, `unclaimed`) on a Redis that is not this ledger's. */
export interface CacheKeeper extends JournalReader {
  publish(caller: KeeperCaller, cursor: number, trimUpTo: number): Promise<Head>;
  forget(caller: KeeperCaller, buckets: readonly number[], turnOthers: boolean): Promise<Head>;
  /**
   * Lowers the lookup horizon if nothing has been written in the epoch yet. `ids`: all ids in MySQL whose UUIDv7 time
   * is later than `lookupHorizon` and not later than the current lookup horizon; ids of changes have the prefix '#',
   * ids of groups the prefix '+'.
   */
  lowerHorizon(caller: KeeperCaller, lookupHorizon: number, ids: readonly string[]): Promise<Head>;
  /** Sets the business calendar, unless the epoch has one that was read later. */
  setCalendar(caller: KeeperCaller, calendar: BusinessCalendar): Promise<Head>;
  /** Evicts holds that are clean, those in a final state first, until no more than `holdsMax` are left. */
  evictHolds(caller: KeeperCaller, holdsMax: number): Promise<{ head: Head; evicted: number; size: number }>;
  retire(caller: KeeperCaller, podId: string): Promise<Head>;
  /** The ledger that owns this server. */
  ownership(replid: string): Promise<Ownership>;
  /**
   * Claims a server that no ledger has claimed and whose keys of this epoch have the marker, which proves that they
   * belong to this ledger.
   * @returns whether the server belongs to this ledger now
   */
  claim(epoch: NamedEpoch, replid: string, marker: string): Promise<boolean>;
  /** Raises the fence, and returns its current value. Claims a `free` server. */
  fence(epoch: number, replid: string): Promise<number>;
  /** Begins an epoch; returns the stored marker. Claims a `free` server. */
  activate(epoch: NamedEpoch, replid: string, marker: string, lookupHorizon: number): Promise<string>;
}

/**
 * - `refused`: the prologue refused, or the server is not a master; nothing was written
 * - `stale`: the accounts to be installed are older than what Redis has evicted; nothing was written
 * - `unable`: Redis refused before the script began (out of memory, busy); nothing was written
 * - `not_sent`: the command never left this process
 * - `in_doubt`: anything else; it may have run, or may still run
 */
export type CacheErrorKind = 'refused' | 'stale' | 'unable' | 'not_sent' | 'in_doubt';

export class CacheError extends Error {
  override readonly name = 'CacheError';
  readonly kind: CacheErrorKind;
  /**
   * For `refused`: demoted, other_server, fenced, lost, unregistered, retired, foreign, unclaimed, or the first word of
   * Redis's error. For `unable`: the first word of Redis's error.
   */
  readonly reason: string;
  constructor(kind: CacheErrorKind, reason: string, options?: ErrorOptions) {
    super(`${kind}: ${reason}`, options);
    this.kind = kind;
    this.reason = reason;
  }
}
