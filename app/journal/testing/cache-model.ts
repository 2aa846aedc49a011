import { bucketEnd, ID_AHEAD_MS_MAX, placeOf } from '../../domain/ids.ts';
import { changeRefusalOf, refusalOf } from '../../domain/rules.ts';
import type { Account, TransferOrder } from '../../domain/types.ts';
import {
  type ApplyItem,
  CacheError,
  type CacheKeeper,
  type CacheServer,
  type Caller,
  type ChangeCommand,
  type KeeperCaller,
  type Ownership,
} from '../cache-port.ts';
import {
  type CachedAccount,
  chunkEndsOf,
  encodeRecord,
  type Head,
  RecordStatus,
  type ResultRecord,
  refusalNumber,
  statusName,
  statusNumber,
} from '../codec.ts';
import type { JournalEntry } from '../journal-entry.ts';

interface Epoch {
  marker: string;
  seq: number;
  cursor: number;
  lookupHorizon: number;
  evictedUpTo: number;
  time: number;
  pods: Map<string, 'live' | 'retired'>;
  accounts: Map<string, CachedAccount>;
  buckets: Map<number, Map<string, number>>;
  others: [Map<string, number>, Map<string, number>];
  gen: number;
  journal: (JournalEntry & { lastSeq: number })[];
}

const CHANGE_REFUSALS = ['settings_version_mismatch', 'account_closed', 'account_not_empty'];
const NOTHING = {
  balance: 0,
  version: 0,
  otherBalance: 0,
  otherVersion: 0,
  settingsVersion: 0,
  otherSettingsVersion: 0,
};
const bare = (status: number, detail: number, seq: number): ResultRecord => ({ status, detail, seq, ...NOTHING });
const highest = (ids: Map<string, number>): number => Math.max(0, ...ids.values());

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
  readonly #epochs = new Map<number, Epoch>();
  /** Which accounts to evict: Redis takes a random sample, and the model lets a test choose. */
  evict: (clean: CachedAccount[], needed: number) => CachedAccount[] = (clean, needed) =>
    [...clean].sort((a, b) => a.seq - b.seq).slice(0, needed);

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

  async activate(epoch: number, replid: string, marker: string, lookupHorizon: number): Promise<string> {
    this.#server(replid);
    this.#claimFree();
    if (this.#fence > epoch) throw new CacheError('refused', 'fenced');
    const existing = this.#epochs.get(epoch);
    if (this.#fence === epoch && existing) return existing.marker;
    this.#fence = epoch;
    this.#epochs.set(epoch, {
      marker,
      seq: 0,
      cursor: 0,
      lookupHorizon,
      evictedUpTo: 0,
      time: 0,
      pods: new Map(),
      accounts: new Map(),
      buckets: new Map(),
      others: [new Map(), new Map()],
      gen: 0,
      journal: [],
    });
    return marker;
  }

  async ownership(replid: string): Promise<Ownership> {
    this.#server(replid);
    const fence = this.#fence < 0 ? null : this.#fence;
    const state = this.#owner === this.ledger ? 'own' : this.#owner === null ? 'free' : 'foreign';
    return { state, owner: this.#owner, fence };
  }

  /** Every server of the model has an owner from its first epoch on. */
  async claim(): Promise<boolean> {
    return this.#owner === this.ledger;
  }

  async register(caller: Caller, marker?: string): Promise<Head> {
    this.#server(caller.replid);
    if (this.#fence !== caller.epoch) throw new CacheError('refused', 'fenced');
    const epoch = this.#epochs.get(caller.epoch);
    if (!epoch || (marker && marker !== epoch.marker)) throw new CacheError('refused', 'lost');
    if (this.#owner !== this.ledger) throw new CacheError('refused', 'foreign');
    if (epoch.pods.get(caller.podId) === 'retired') throw new CacheError('refused', 'retired');
    epoch.pods.set(caller.podId, 'live');
    return this.#head(epoch);
  }

  async retire(caller: KeeperCaller, podId: string): Promise<Head> {
    const epoch = this.#ownKeeper(caller);
    epoch.pods.set(podId, 'retired');
    return this.#head(epoch);
  }

  async apply(caller: Caller, items: readonly ApplyItem[]) {
    const epoch = this.#pod(caller);
    const records: ResultRecord[] = [];
    const inCall = new Map<string, number>();
    // Every lookup of an id sees the ids as they were before the call: those added by the call itself are in `inCall`.
    const known = items.map(({ order }) => this.#known(epoch, order.transactionId));
    for (const [index, item] of items.entries()) records.push(this.#decide(epoch, item, index, known[index], inCall));
    if (records.some(isOutcome)) epoch.time = this.#time(epoch);
    const entries: JournalEntry[] = [];
    const payloads = items.map(({ payload }) => payload);
    const ends = chunkEndsOf(payloads);
    for (const [number, end] of ends.entries()) {
      const from = ends[number - 1] ?? 0;
      const some = records.slice(from, end);
      const written = some.filter(isOutcome);
      const [first] = written;
      const last = written.at(-1);
      if (!first || !last) continue;
      const payload = `[${payloads.slice(from, end).join(',')}]`;
      const entry: JournalEntry = {
        kind: 'transfers',
        firstSeq: first.seq,
        payload,
        records: Buffer.concat(some.map(encodeRecord)),
        acceptedAt: epoch.time,
      };
      entries.push(entry);
      epoch.journal.push({ ...entry, lastSeq: last.seq });
    }
    return { head: this.#head(epoch), records, entries };
  }

  #decide(
    epoch: Epoch,
    item: ApplyItem,
    index: number,
    known: number | undefined,
    inCall: Map<string, number>,
  ): ResultRecord {
    const { order } = item;
    if (known !== undefined) return bare(RecordStatus.REPLAYED, 0, known);
    const earlier = inCall.get(order.transactionId);
    if (earlier !== undefined) return bare(RecordStatus.SAME_CALL, 0, earlier);
    const { bucket, time } = placeOf(order.transactionId);
    const fast = bucket !== null && time > epoch.lookupHorizon;
    if (!fast && item.lookupCursor < epoch.evictedUpTo) return bare(RecordStatus.NEEDS_LOOKUP, 0, 0);
    if (time > this.#time(epoch) + ID_AHEAD_MS_MAX) return bare(RecordStatus.AHEAD, 0, 0);
    const source = epoch.accounts.get(order.source);
    const destination = epoch.accounts.get(order.destination);
    if (!source || !destination) return bare(RecordStatus.MISSING, (source ? 0 : 1) + (destination ? 0 : 2), 0);
    inCall.set(order.transactionId, index);
    epoch.seq += 1;
    this.#idsFor(epoch, order.transactionId).set(order.transactionId, epoch.seq);
    const refusal = refusalOf(source, destination, order.amount, order.currency);
    if (refusal) return bare(RecordStatus.REJECTED, refusalNumber(refusal), epoch.seq);
    return this.#post(epoch, order, source, destination);
  }

  #post(epoch: Epoch, order: TransferOrder, source: CachedAccount, destination: CachedAccount): ResultRecord {
    for (const [account, change] of [
      [source, -order.amount],
      [destination, order.amount],
    ] as const) {
      account.balance += change;
      account.version += 1;
      account.seq = epoch.seq;
      account.modified = true;
    }
    return {
      status: RecordStatus.POSTED,
      detail: 0,
      balance: source.balance,
      version: source.version,
      otherBalance: destination.balance,
      otherVersion: destination.version,
      settingsVersion: source.settingsVersion,
      otherSettingsVersion: destination.settingsVersion,
      seq: epoch.seq,
    };
  }

  async read(caller: Caller, accountIds: readonly string[]) {
    const epoch = this.#pod(caller);
    return { head: this.#head(epoch), accounts: accountIds.map((id) => copy(epoch.accounts.get(id))) };
  }

  async install(
    caller: Caller,
    accounts: readonly Account[],
    snapshotCursor: number,
    accountsMax: number,
    acceptedUpTo = 0,
  ) {
    const epoch = this.#pod(caller);
    if (snapshotCursor < epoch.evictedUpTo) throw new CacheError('stale', 'snapshot');
    epoch.time = Math.max(epoch.time, acceptedUpTo);
    const wanted = new Set(accounts.map(({ accountId }) => accountId));
    const missing = accounts.filter(({ accountId }) => !epoch.accounts.has(accountId)).length;
    const needed = missing - (accountsMax - epoch.accounts.size);
    const clean = [...epoch.accounts.values()].filter(
      (a) => !wanted.has(a.accountId) && (!a.modified || a.seq <= epoch.cursor),
    );
    const gone = needed > 0 ? this.evict(clean, needed) : [];
    for (const account of gone) {
      epoch.accounts.delete(account.accountId);
      if (account.modified) epoch.evictedUpTo = Math.max(epoch.evictedUpTo, account.seq);
    }
    const existing = accounts.map((account) => {
      if (!epoch.accounts.has(account.accountId) && epoch.accounts.size < accountsMax) {
        epoch.accounts.set(account.accountId, { ...account, modified: false, seq: epoch.seq });
      }
      return copy(epoch.accounts.get(account.accountId));
    });
    return { head: this.#head(epoch), evicted: gone.length, accounts: existing };
  }

  async find(caller: Caller, ids: readonly string[]) {
    const epoch = this.#pod(caller);
    const seqs = ids.map((id) => this.#known(epoch, id) ?? null);
    const entries = new Set(
      seqs.flatMap((seq) => (seq === null ? [] : (epoch.journal.findLast((entry) => entry.firstSeq <= seq) ?? []))),
    );
    return { head: this.#head(epoch), seqs, entries: [...entries].map(entryOnly) };
  }

  async change(caller: Caller, command: ChangeCommand) {
    const epoch = this.#pod(caller);
    const answer = (record: ResultRecord, entries: JournalEntry[] = []) => ({
      head: this.#head(epoch),
      record,
      entries,
    });
    const { bucket, time } = placeOf(command.changeId);
    const known = bucket === null ? undefined : epoch.buckets.get(bucket)?.get(`#${command.changeId}`);
    if (known !== undefined) return answer(bare(RecordStatus.REPLAYED, 0, known));
    if (time <= epoch.lookupHorizon) return answer(bare(RecordStatus.NEEDS_LOOKUP, 0, 0));
    const timeMax = Math.max(this.#time(epoch) + ID_AHEAD_MS_MAX, epoch.lookupHorizon + 1);
    if (time > timeMax) return answer(bare(RecordStatus.AHEAD, 0, 0));
    const account = epoch.accounts.get(command.accountId);
    if (!account) return answer(bare(RecordStatus.MISSING, 1, 0));
    const status = command.status ?? statusNumber(account.status);
    const refusal = changeRefusalOf(account, {
      status: statusName(status),
      expectedSettingsVersion: command.expectedSettingsVersion ?? undefined,
    });
    if (refusal) return answer(bare(RecordStatus.REJECTED, CHANGE_REFUSALS.indexOf(refusal) + 1, 0));
    epoch.seq += 1;
    epoch.time = this.#time(epoch);
    this.#idsFor(epoch, command.changeId).set(`#${command.changeId}`, epoch.seq);
    account.status = statusName(status);
    account.overdraftLimit = command.overdraftLimit ?? account.overdraftLimit;
    account.settingsVersion += 1;
    account.seq = epoch.seq;
    account.modified = true;
    const record: ResultRecord = {
      status: RecordStatus.POSTED,
      detail: 0,
      balance: account.balance,
      version: account.version,
      otherBalance: account.overdraftLimit,
      otherVersion: 0,
      settingsVersion: account.settingsVersion,
      otherSettingsVersion: status,
      seq: epoch.seq,
    };
    const entry: JournalEntry = {
      kind: 'account-change',
      firstSeq: epoch.seq,
      payload: command.payload,
      records: encodeRecord(record),
      acceptedAt: epoch.time,
    };
    epoch.journal.push({ ...entry, lastSeq: epoch.seq });
    return answer(record, [entry]);
  }

  async journal(caller: KeeperCaller, afterSeq: number, entriesMax: number) {
    const epoch = this.#ownKeeper(caller);
    const entries = epoch.journal.filter((entry) => entry.firstSeq > afterSeq).slice(0, entriesMax);
    return { head: this.#head(epoch), marker: epoch.marker, entries: entries.map(entryOnly) };
  }

  async publish(caller: KeeperCaller, cursor: number, trimUpTo: number): Promise<Head> {
    const epoch = this.#ownKeeper(caller);
    if (cursor > epoch.seq) throw new CacheError('refused', 'cursor_ahead');
    epoch.cursor = Math.max(epoch.cursor, cursor);
    const trim = Math.min(trimUpTo, epoch.cursor);
    epoch.journal = epoch.journal.filter((entry) => entry.firstSeq > trim);
    return this.#head(epoch);
  }

  async forget(caller: KeeperCaller, buckets: readonly number[], turnOthers: boolean): Promise<Head> {
    const epoch = this.#ownKeeper(caller);
    for (const bucket of buckets) {
      const last = highest(epoch.buckets.get(bucket) ?? new Map());
      if (bucketEnd(bucket) >= this.#time(epoch) || last > epoch.cursor) break;
      epoch.evictedUpTo = Math.max(epoch.evictedUpTo, last);
      epoch.buckets.delete(bucket);
      epoch.lookupHorizon = Math.max(epoch.lookupHorizon, bucketEnd(bucket));
    }
    const older = epoch.others[epoch.gen === 0 ? 1 : 0];
    if (turnOthers && highest(older) <= epoch.cursor) {
      epoch.evictedUpTo = Math.max(epoch.evictedUpTo, highest(older));
      older.clear();
      epoch.gen = 1 - epoch.gen;
    }
    return this.#head(epoch);
  }

  async lowerHorizon(caller: KeeperCaller, lookupHorizon: number, ids: readonly string[]): Promise<Head> {
    const epoch = this.#ownKeeper(caller);
    if (epoch.seq === 0 && lookupHorizon < epoch.lookupHorizon) {
      epoch.lookupHorizon = lookupHorizon;
      for (const id of ids) this.#idsFor(epoch, id.replace('#', '')).set(id, 0);
    }
    return this.#head(epoch);
  }

  /** The same as app/redis/epoch-sweep.ts, with all keys in one call of the script. */
  async sweepEpochsBefore(epoch: number, caller: Omit<KeeperCaller, 'epoch'>): Promise<void> {
    this.#server(caller.replid);
    if (this.#owner !== this.ledger) throw new CacheError('refused', 'foreign');
    if (this.#fence < caller.fenceEpoch) throw new CacheError('refused', 'fenced');
    for (const old of [...this.#epochs.keys()]) if (old < epoch) this.#epochs.delete(old);
  }

  #known(epoch: Epoch, id: string): number | undefined {
    const { bucket, time } = placeOf(id);
    if (bucket !== null && time > epoch.lookupHorizon) return epoch.buckets.get(bucket)?.get(id);
    return epoch.others[0].get(id) ?? epoch.others[1].get(id);
  }

  #idsFor(epoch: Epoch, id: string): Map<string, number> {
    const { bucket, time } = placeOf(id);
    if (bucket === null || time <= epoch.lookupHorizon) return epoch.others[epoch.gen === 0 ? 0 : 1];
    const ids = epoch.buckets.get(bucket) ?? new Map<string, number>();
    epoch.buckets.set(bucket, ids);
    return ids;
  }

  /** The time of a call: the server's clock, but never earlier than a time that the ledger has already used. */
  #time(epoch: Epoch): number {
    return Math.max(epoch.time, this.now());
  }

  #head(epoch: Epoch): Head {
    const { seq, cursor, lookupHorizon, evictedUpTo } = epoch;
    return { seq, cursor, lookupHorizon, evictedUpTo, time: this.#time(epoch) };
  }

  #server(replid: string): void {
    if (this.role !== 'master') throw new CacheError('refused', 'demoted');
    if (replid !== this.replid) throw new CacheError('refused', 'other_server');
  }

  #claimFree(): void {
    if (this.#fence < 0) this.#owner = this.ledger;
    if (this.#owner !== this.ledger) throw new CacheError('refused', 'foreign');
  }

  #ownKeeper(caller: KeeperCaller): Epoch {
    const epoch = this.#keeper(caller);
    if (this.#owner !== this.ledger) throw new CacheError('refused', 'foreign');
    return epoch;
  }

  #keeper(caller: KeeperCaller): Epoch {
    this.#server(caller.replid);
    if (this.#fence !== caller.fenceEpoch) throw new CacheError('refused', 'fenced');
    const epoch = this.#epochs.get(caller.epoch);
    if (!epoch) throw new CacheError('refused', 'lost');
    return epoch;
  }

  #pod(caller: Caller): Epoch {
    const epoch = this.#keeper({ fenceEpoch: caller.epoch, epoch: caller.epoch, replid: caller.replid });
    const state = epoch.pods.get(caller.podId);
    if (state !== 'live') throw new CacheError('refused', state ?? 'unregistered');
    return epoch;
  }
}

const copy = (account: CachedAccount | undefined): CachedAccount | null => (account ? { ...account } : null);
const isOutcome = ({ status }: ResultRecord): boolean =>
  status === RecordStatus.POSTED || status === RecordStatus.REJECTED;
const entryOnly = ({ kind, firstSeq, payload, records, acceptedAt }: JournalEntry): JournalEntry => ({
  kind,
  firstSeq,
  payload,
  records,
  acceptedAt,
});
