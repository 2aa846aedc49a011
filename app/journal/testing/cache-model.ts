import type { NamedEpoch } from '../../domain/authority.ts';
import type { BusinessCalendar } from '../../domain/business-calendar.ts';
import type { StoredHold } from '../../domain/hold-types.ts';
import type { Account } from '../../domain/types.ts';
import {
  CacheError,
  type CacheKeeper,
  type CacheServer,
  type Caller,
  type CallItem,
  type ChangeCommand,
  type FenceCaller,
  type KeeperCaller,
  type Ownership,
} from '../cache-port.ts';
import type { Head } from '../codec.ts';
import { type Evict, ModelEpoch } from './model-epoch.ts';
import { HOLD_RULES, type HoldRules } from './model-holds.ts';

/**
 * The semantics of the Lua scripts in TypeScript: the same port over plain maps. A property test compares the two over
 * random histories, so that the model may replace Redis where a whole cluster is simulated.
 */
export class CacheModel implements CacheServer, CacheKeeper {
  replid: string;
  role: 'master' | 'slave' = 'master';
  /** The server's clock, ms since 1970. */
  now: () => number = () => Date.now();
  /** The identity under which the next call is made, as passed to the Lua scripts. */
  ledger = 'ledger';
  #owner: string | null = null;
  #fence = -1;
  /** Epochs by name; like the keys in Redis, the name contains the format. */
  readonly #epochs = new Map<string, ModelEpoch>();
  /** The simulator breaks some of these rules on purpose. */
  holdRules: HoldRules = HOLD_RULES;
  evict: Evict = (clean, needed) => [...clean].sort((a, b) => a.seq - b.seq).slice(0, needed);

  constructor(replid: string) {
    this.replid = replid;
  }

  /** Makes a call under the identity of another ledger. */
  as<T>(ledger: string, call: () => T): T {
    const before = this.ledger;
    this.ledger = ledger;
    try {
      return call();
    } finally {
      this.ledger = before;
    }
  }

  async fence(epoch: number, replid: string): Promise<number> {
    this.#server(replid);
    this.#claimFree();
    this.#fence = Math.max(this.#fence, epoch);
    return this.#fence;
  }

  async activate(name: NamedEpoch, replid: string, marker: string, lookupHorizon: number): Promise<string> {
    const { epoch } = name;
    this.#server(replid);
    this.#claimFree();
    if (this.#fence > epoch) throw new CacheError('refused', 'fenced');
    const existing = this.#epochs.get(keyOf(name));
    if (this.#fence === epoch && existing) return existing.marker;
    this.#fence = epoch;
    this.#epochs.set(keyOf(name), new ModelEpoch(marker, lookupHorizon, () => this.now(), this.holdRules));
    return marker;
  }

  async ownership(replid: string): Promise<Ownership> {
    this.#server(replid);
    const fence = this.#fence < 0 ? null : this.#fence;
    const state = this.#owner === this.ledger ? 'own' : this.#owner === null ? 'free' : 'foreign';
    return { state, owner: this.#owner, fence };
  }

  /** Every server of the model has an owner as soon as its first epoch begins. */
  async claim(): Promise<boolean> {
    return this.#owner === this.ledger;
  }

  async register(caller: Caller, marker?: string): Promise<Head> {
    this.#server(caller.replid);
    if (this.#fence !== caller.epoch) throw new CacheError('refused', 'fenced');
    const epoch = this.#epochs.get(keyOf(caller));
    if (!epoch || (marker && marker !== epoch.marker)) throw new CacheError('refused', 'lost');
    if (this.#owner !== this.ledger) throw new CacheError('refused', 'foreign');
    if (epoch.pods.get(caller.podId) === 'retired') throw new CacheError('refused', 'retired');
    epoch.pods.set(caller.podId, 'live');
    return epoch.head;
  }

  async retire(caller: KeeperCaller, podId: string): Promise<Head> {
    const epoch = this.#ownKeeper(caller);
    epoch.pods.set(podId, 'retired');
    return epoch.head;
  }

  async setCalendar(caller: KeeperCaller, calendar: BusinessCalendar): Promise<Head> {
    return this.#ownKeeper(caller).setCalendar(calendar);
  }

  async apply(caller: Caller, items: readonly CallItem[], podNow?: number) {
    return this.#pod(caller).apply(items, podNow);
  }

  async read(caller: Caller, accountIds: readonly string[]) {
    return this.#pod(caller).read(accountIds);
  }

  async readHolds(caller: Caller, holdIds: readonly string[]) {
    return this.#pod(caller).readHolds(holdIds);
  }

  async installHolds(caller: Caller, holds: readonly StoredHold[], snapshotCursor: number) {
    return this.#pod(caller).installHolds(holds, snapshotCursor);
  }

  async evictHolds(caller: KeeperCaller, holdsMax: number) {
    return this.#ownKeeper(caller).evictHolds(holdsMax);
  }

  async install(
    caller: Caller,
    accounts: readonly Account[],
    snapshotCursor: number,
    accountsMax: number,
    acceptedUpTo = 0,
  ) {
    return this.#pod(caller).install(accounts, { snapshotCursor, accountsMax, acceptedUpTo, evict: this.evict });
  }

  async find(caller: Caller, ids: readonly string[]) {
    return this.#pod(caller).find(ids);
  }

  async change(caller: Caller, command: ChangeCommand) {
    return this.#pod(caller).change(command);
  }

  async journal(caller: KeeperCaller, afterSeq: number, entriesMax: number) {
    return this.#ownKeeper(caller).journal(afterSeq, entriesMax);
  }

  async publish(caller: KeeperCaller, cursor: number, trimUpTo: number): Promise<Head> {
    return this.#ownKeeper(caller).publish(cursor, trimUpTo);
  }

  async forget(caller: KeeperCaller, buckets: readonly number[], turnOthers: boolean): Promise<Head> {
    return this.#ownKeeper(caller).forget(buckets, turnOthers);
  }

  async lowerHorizon(caller: KeeperCaller, lookupHorizon: number, ids: readonly string[]): Promise<Head> {
    return this.#ownKeeper(caller).lowerHorizon(lookupHorizon, ids);
  }

  /** Does the same as app/redis/epoch-sweep.ts, but deletes all keys in one call of the script. */
  async sweepEpochsBefore(epoch: number, caller: FenceCaller): Promise<void> {
    this.#server(caller.replid);
    if (this.#owner !== this.ledger) throw new CacheError('refused', 'foreign');
    if (this.#fence < caller.fenceEpoch) throw new CacheError('refused', 'fenced');
    for (const old of [...this.#epochs.keys()]) if (epochOf(old) < epoch) this.#epochs.delete(old);
  }

  #server(replid: string): void {
    if (this.role !== 'master') throw new CacheError('refused', 'demoted');
    if (replid !== this.replid) throw new CacheError('refused', 'other_server');
  }

  #claimFree(): void {
    if (this.#fence < 0) this.#owner = this.ledger;
    if (this.#owner !== this.ledger) throw new CacheError('refused', 'foreign');
  }

  #ownKeeper(caller: KeeperCaller): ModelEpoch {
    const epoch = this.#keeper(caller);
    if (this.#owner !== this.ledger) throw new CacheError('refused', 'foreign');
    return epoch;
  }

  #keeper(caller: KeeperCaller): ModelEpoch {
    this.#server(caller.replid);
    if (this.#fence !== caller.fenceEpoch) throw new CacheError('refused', 'fenced');
    const epoch = this.#epochs.get(keyOf(caller));
    if (!epoch) throw new CacheError('refused', 'lost');
    return epoch;
  }

  #pod(caller: Caller): ModelEpoch {
    const epoch = this.#keeper({ ...caller, fenceEpoch: caller.epoch });
    const state = epoch.pods.get(caller.podId);
    if (state !== 'live') throw new CacheError('refused', state ?? 'unregistered');
    return epoch;
  }
}

const keyOf = ({ epoch, format }: NamedEpoch): string => `${format}:${epoch}`;
const epochOf = (key: string): number => Number(key.slice(key.indexOf(':') + 1));
