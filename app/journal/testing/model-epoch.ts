import { type BusinessCalendar, type Unwindowed, windowsOfCall } from '../../domain/business-calendar.ts';
import { isLeg } from '../../domain/crossing.ts';
import type { StoredHold } from '../../domain/hold-types.ts';
import { ID_AHEAD_MS_MAX, placeOf, withoutMark } from '../../domain/ids.ts';
import { limitsAfterBack, transitRefusalOf, verdictOnAny } from '../../domain/leg-rules.ts';
import { changedLimits, countedSides, counting, isLimited, type Windows } from '../../domain/limits.ts';
import { changeRefusalOf, type Verdict, verdictOn } from '../../domain/rules.ts';
import type { Account, TransferOrder } from '../../domain/types.ts';
import type { CachedAccount } from '../account-codec.ts';
import {
  type ApplyItem,
  CacheError,
  type CallItem,
  type ChangeCommand,
  type GroupItem,
  type HoldCallItem,
  isGroup,
  isHold,
} from '../cache-port.ts';
import {
  chunkEndsOf,
  encodeRecord,
  type Head,
  limitFields,
  RecordStatus,
  type ResultRecord,
  refusalNumber,
  statusName,
  statusNumber,
  TRANSIT_REASONS,
} from '../codec.ts';
import { encodeHoldRecord, type HoldRecord, keyOfItem as keyOfHoldItem } from '../hold-codec.ts';
import type { JournalEntry } from '../journal-entry.ts';
import { bareHold, type HoldRules, ModelHolds, refusedHold, unchangedHold } from './model-holds.ts';
import { ModelIds } from './model-ids.ts';

/** Which accounts to evict: Redis takes a random sample, and the model lets a test choose. */
export type Evict = (clean: CachedAccount[], needed: number) => CachedAccount[];

interface Installation {
  snapshotCursor: number;
  accountsMax: number;
  acceptedUpTo: number;
  evict: Evict;
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

type CallWindows = Windows | Unwindowed;
const unwindowed = (why: Unwindowed): ResultRecord =>
  bare(why === 'clock_unsure' ? RecordStatus.CLOCK_UNSURE : RecordStatus.NO_CALENDAR, 0, 0);
const UNDECIDED = {
  nothing: RecordStatus.UNCHANGED,
  clock_unsure: RecordStatus.CLOCK_UNSURE,
  calendar_unavailable: RecordStatus.NO_CALENDAR,
} as const;
const rejected = ({ refusal, limit }: Verdict, seq: number): ResultRecord => ({
  ...bare(RecordStatus.REJECTED, refusalNumber(refusal), seq),
  ...(limit && limitFields(limit)),
});

/** The seqs that the ids of a call had before the call. */
type KnownSeqs = ReadonlyMap<string, number | undefined>;

const idsOfGroup = ({ group }: GroupItem): string[] => [
  `+${group.groupId}`,
  ...group.orders.map(({ transactionId }) => transactionId),
];

/** What the model of the cache stores about an epoch: its accounts, ids and journal, and how calls change them. */
export class ModelEpoch {
  readonly marker: string;
  readonly pods = new Map<string, 'live' | 'retired'>();
  readonly #now: () => number;
  readonly #ids: ModelIds;
  readonly #accounts = new Map<string, CachedAccount>();
  readonly #holds: ModelHolds;
  readonly #decideHold: HoldRules['decide'];
  #journal: JournalEntry[] = [];
  #seq = 0;
  #cursor = 0;
  #evictedUpTo = 0;
  #acceptedUpTo = 0;
  #calendar: BusinessCalendar | null = null;

  constructor(marker: string, lookupHorizon: number, now: () => number, holdRules: HoldRules) {
    this.marker = marker;
    this.#holds = new ModelHolds(holdRules);
    this.#decideHold = holdRules.decide;
    this.#ids = new ModelIds(lookupHorizon);
    this.#now = now;
  }

  get head(): Head {
    const { lookupHorizon } = this.#ids;
    return {
      seq: this.#seq,
      cursor: this.#cursor,
      lookupHorizon,
      evictedUpTo: this.#evictedUpTo,
      time: this.#time,
    };
  }

  /** The time of a call: the server's clock, but never earlier than a time that the ledger has already used. */
  get #time(): number {
    return Math.max(this.#acceptedUpTo, this.#now());
  }

  setCalendar(calendar: BusinessCalendar): Head {
    if (!this.#calendar || calendar.validUntil > this.#calendar.validUntil) this.#calendar = calendar;
    return this.head;
  }

  apply(items: readonly CallItem[], podNow = Number.POSITIVE_INFINITY) {
    // Every lookup of an id sees the ids as they were before the call: those added by the call itself are in `inCall`.
    const ids = items.flatMap((item) => (isGroup(item) ? idsOfGroup(item) : [keyOfItem(item)]));
    const known = new Map(ids.map((id) => [id, this.#ids.seqOf(withoutMark(id), id)]));
    const inCall = new Map<string, number>();
    const windows = windowsOfCall(this.#calendar, this.#time, podNow);
    const results = items.map((item, index): (ResultRecord | HoldRecord)[] => {
      if (isGroup(item)) return this.#decideGroup(item, index, known, inCall, windows);
      if (isHold(item)) return [this.#takeHold(item, index, known, inCall, windows)];
      return [this.#decide(item, index, known, inCall, windows)];
    });
    if (results.flat().some(isOutcome)) this.#acceptedUpTo = this.#time;
    const entries: JournalEntry[] = [];
    const ends = chunkEndsOf(items);
    for (const [number, end] of ends.entries()) {
      const from = ends[number - 1] ?? 0;
      const some = results.slice(from, end).flat();
      const first = some.find(isOutcome);
      const item = items[from];
      if (!first || !item) continue;
      const payloads = items.slice(from, end).map(({ payload }) => payload);
      const entry: JournalEntry = {
        kind: kindOf(item),
        firstSeq: first.seq,
        payload: isGroup(item) ? item.payload : `[${payloads.join(',')}]`,
        records: Buffer.concat(some.map((one) => ('hold' in one ? encodeHoldRecord(one) : encodeRecord(one)))),
        acceptedAt: this.#acceptedUpTo,
      };
      entries.push(entry);
      this.#journal.push({ ...entry });
    }
    return { head: this.head, records: results.flatMap(([first]) => first ?? []), entries };
  }

  /** A record for each member of a group that was posted; otherwise one record. */
  #decideGroup(
    item: GroupItem,
    index: number,
    known: KnownSeqs,
    inCall: Map<string, number>,
    windows: CallWindows,
  ): ResultRecord[] {
    const why = this.#undecided(item, known, inCall, windows);
    if (why) return [why];
    const { groupId, orders } = item.group;
    const [seq, before] = [this.#seq, new Map([...this.#accounts].map(([id, account]) => [id, { ...account }]))];
    const records: ResultRecord[] = [];
    for (const order of orders) {
      const [source, destination] = [this.#accounts.get(order.source), this.#accounts.get(order.destination)];
      if (!source || !destination) throw new Error('an account of the group is missing');
      const verdict = verdictOn(order, source, destination, windows);
      if (verdict) {
        for (const [id, account] of before) this.#accounts.set(id, account);
        this.#seq = seq + 1;
        this.#take(`+${groupId}`, index, this.#seq, inCall);
        return [{ ...rejected(verdict, this.#seq), balance: records.length }];
      }
      this.#seq += 1;
      records.push(this.#post(order, source, destination, windows));
    }
    this.#take(`+${groupId}`, index, seq + 1, inCall);
    for (const [n, { transactionId }] of orders.entries()) this.#take(transactionId, index, seq + 1 + n, inCall);
    return records;
  }

  /** Why a group has no outcome in this call. */
  #undecided(
    item: GroupItem,
    known: KnownSeqs,
    inCall: Map<string, number>,
    windows: CallWindows,
  ): ResultRecord | null {
    const { groupId, orders } = item.group;
    const seq = known.get(`+${groupId}`);
    if (seq !== undefined) return bare(RecordStatus.REPLAYED, 0, seq);
    const earlier = inCall.get(`+${groupId}`);
    if (earlier !== undefined) return bare(RecordStatus.SAME_CALL, 0, earlier);
    const needsLookup = (id: string) => !this.#ids.areRemembered(id) && item.lookupCursor < this.#evictedUpTo;
    if (needsLookup(groupId)) return bare(RecordStatus.NEEDS_LOOKUP, 0, 0);
    const ids = orders.map(({ transactionId }) => transactionId);
    const taken = ids.findIndex((id, n) => known.get(id) !== undefined || inCall.has(id) || ids.indexOf(id) < n);
    if (taken >= 0) return bare(RecordStatus.MEMBER_TAKEN, taken, 0);
    if (ids.some(needsLookup)) return bare(RecordStatus.NEEDS_LOOKUP, 0, 0);
    const timeMax = this.#time + ID_AHEAD_MS_MAX;
    if ([groupId, ...ids].some((id) => placeOf(id).time > timeMax)) return bare(RecordStatus.AHEAD, 0, 0);
    const accounts = orders.flatMap(({ source, destination }) => [source, destination]);
    if (!accounts.every((id) => this.#accounts.has(id))) return bare(RecordStatus.MISSING, 3, 0);
    const limited = orders.some((order) => {
      const [source, destination] = [this.#accounts.get(order.source), this.#accounts.get(order.destination)];
      return source && destination && isLimited(order, source, destination);
    });
    return limited && typeof windows === 'string' ? unwindowed(windows) : null;
  }

  #take(id: string, index: number, seq: number, inCall: Map<string, number>): void {
    inCall.set(id, index);
    this.#ids.add(withoutMark(id), seq, id);
  }

  /** Why a transfer or a hold item is not decided in this call, judging by its id alone. */
  #undecidedOne<R>(
    item: ApplyItem | HoldCallItem,
    known: KnownSeqs,
    inCall: ReadonlyMap<string, number>,
    bareOf: (status: number, detail: number, seq: number) => R,
  ): R | null {
    const key = keyOfItem(item);
    const seq = known.get(key);
    if (seq !== undefined) return bareOf(RecordStatus.REPLAYED, 0, seq);
    const earlier = inCall.get(key);
    if (earlier !== undefined) return bareOf(RecordStatus.SAME_CALL, 0, earlier);
    const id = withoutMark(key);
    const isFast = this.#ids.areRemembered(id);
    if (!isFast && item.lookupCursor < this.#evictedUpTo) return bareOf(RecordStatus.NEEDS_LOOKUP, 0, 0);
    if (placeOf(id).time > this.#time + ID_AHEAD_MS_MAX) return bareOf(RecordStatus.AHEAD, 0, 0);
    return null;
  }

  #decide(
    item: ApplyItem,
    index: number,
    known: KnownSeqs,
    inCall: Map<string, number>,
    windows: CallWindows,
  ): ResultRecord {
    const { order } = item;
    const why = this.#undecidedOne(item, known, inCall, bare);
    if (why) return why;
    const source = this.#accounts.get(order.source);
    const destination = this.#accounts.get(order.destination);
    if (!source || !destination) return bare(RecordStatus.MISSING, (source ? 0 : 1) + (destination ? 0 : 2), 0);
    if (typeof windows === 'string' && isLimited(order, source, destination)) return unwindowed(windows);
    const verdict = verdictOnAny(order, source, destination, windows);
    const unusable = isLeg(order) && !verdict ? transitRefusalOf(order, source, destination) : null;
    if (unusable) return bare(RecordStatus.TRANSIT, TRANSIT_REASONS.indexOf(unusable) + 1, 0);
    this.#seq += 1;
    this.#take(order.transactionId, index, this.#seq, inCall);
    if (verdict) return rejected(verdict, this.#seq);
    return this.#post(order, source, destination, windows);
  }

  #takeHold(
    item: HoldCallItem,
    index: number,
    known: KnownSeqs,
    inCall: Map<string, number>,
    windows: CallWindows,
  ): HoldRecord {
    const why = this.#undecidedOne(item, known, inCall, bareHold);
    if (why) return why;
    const parties = this.#holds.partiesOf(item, this.#accounts);
    if ('status' in parties) return parties;
    const times = { now: this.#time, podNow: item.podNow, windows };
    const decision = this.#decideHold(item.hold, parties, times);
    if (decision.kind !== 'changes' && decision.kind !== 'refused')
      return unchangedHold(UNDECIDED[decision.kind], parties.hold);
    // A refused placing or capture is an outcome; any other refusal is not stored.
    const { op } = item.hold;
    const hasOutcome = decision.kind === 'changes' || op === 'place' || op === 'capture';
    if (hasOutcome) this.#seq += 1;
    const seq = hasOutcome ? this.#seq : 0;
    if (hasOutcome) this.#take(keyOfItem(item), index, seq, inCall);
    if (decision.kind === 'refused') return refusedHold(decision, seq, parties.hold);
    return this.#holds.post(item.hold, parties, decision, { seq, windows });
  }

  readHolds(holdIds: readonly string[]) {
    return { head: this.head, holds: this.#holds.read(holdIds) };
  }

  installHolds(holds: readonly StoredHold[], snapshotCursor: number) {
    if (snapshotCursor < this.#evictedUpTo) throw new CacheError('stale', 'snapshot');
    return { head: this.head, holds: this.#holds.install(holds, this.#seq) };
  }

  evictHolds(holdsMax: number) {
    const { evicted, highestSeq } = this.#holds.evict(holdsMax, this.#cursor);
    this.#evictedUpTo = Math.max(this.#evictedUpTo, highestSeq);
    return { head: this.head, evicted, size: this.#holds.size };
  }

  #post(order: TransferOrder, source: CachedAccount, destination: CachedAccount, windows: CallWindows): ResultRecord {
    const counts = typeof windows !== 'string' && isLimited(order, source, destination);
    if (counts) count(order, source, destination, windows);
    if (order.leg) destination.limits = limitsAfterBack(order, destination.limits);
    for (const [account, change] of [
      [source, -order.amount],
      [destination, order.amount],
    ] as const) {
      account.balance += change;
      account.version += 1;
      account.seq = this.#seq;
      account.modified = true;
    }
    return {
      status: RecordStatus.POSTED,
      detail: counts ? countedSides(source, destination) : 0,
      balance: source.balance,
      version: source.version,
      otherBalance: destination.balance,
      otherVersion: destination.version,
      settingsVersion: source.settingsVersion,
      otherSettingsVersion: destination.settingsVersion,
      seq: this.#seq,
    };
  }

  read(accountIds: readonly string[]) {
    return { head: this.head, accounts: accountIds.map((id) => copy(this.#accounts.get(id))) };
  }

  install(accounts: readonly Account[], { snapshotCursor, accountsMax, acceptedUpTo, evict }: Installation) {
    if (snapshotCursor < this.#evictedUpTo) throw new CacheError('stale', 'snapshot');
    this.#acceptedUpTo = Math.max(this.#acceptedUpTo, acceptedUpTo);
    const wanted = new Set(accounts.map(({ accountId }) => accountId));
    const missing = accounts.filter(({ accountId }) => !this.#accounts.has(accountId)).length;
    const needed = missing - (accountsMax - this.#accounts.size);
    const clean = [...this.#accounts.values()].filter(
      (a) => !wanted.has(a.accountId) && (!a.modified || a.seq <= this.#cursor),
    );
    const gone = needed > 0 ? evict(clean, needed) : [];
    for (const account of gone) {
      this.#accounts.delete(account.accountId);
      if (account.modified) this.#evictedUpTo = Math.max(this.#evictedUpTo, account.seq);
    }
    const existing = accounts.map((account) => {
      if (!this.#accounts.has(account.accountId) && this.#accounts.size < accountsMax) {
        this.#accounts.set(account.accountId, { ...account, modified: false, seq: this.#seq });
      }
      return copy(this.#accounts.get(account.accountId));
    });
    return { head: this.head, evicted: gone.length, accounts: existing };
  }

  find(ids: readonly string[]) {
    const seqs = ids.map((id) => this.#ids.seqOf(withoutMark(id), id) ?? null);
    const entries = new Set(
      seqs.flatMap((seq) => (seq === null ? [] : (this.#journal.findLast((entry) => entry.firstSeq <= seq) ?? []))),
    );
    return { head: this.head, seqs, entries: [...entries].map((entry) => ({ ...entry })) };
  }

  change(command: ChangeCommand) {
    const answer = (record: ResultRecord, entries: JournalEntry[] = []) => ({ head: this.head, record, entries });
    const { time } = placeOf(command.changeId);
    const known = this.#ids.seqOfChange(command.changeId);
    if (known !== undefined) return answer(bare(RecordStatus.REPLAYED, 0, known));
    const { lookupHorizon } = this.#ids;
    if (time <= lookupHorizon) return answer(bare(RecordStatus.NEEDS_LOOKUP, 0, 0));
    const timeMax = Math.max(this.#time + ID_AHEAD_MS_MAX, lookupHorizon + 1);
    if (time > timeMax) return answer(bare(RecordStatus.AHEAD, 0, 0));
    const account = this.#accounts.get(command.accountId);
    if (!account) return answer(bare(RecordStatus.MISSING, 1, 0));
    const status = command.status ?? statusNumber(account.status);
    const refusal = changeRefusalOf(account, {
      status: statusName(status),
      expectedSettingsVersion: command.expectedSettingsVersion ?? undefined,
    });
    if (refusal) return answer(bare(RecordStatus.REJECTED, CHANGE_REFUSALS.indexOf(refusal) + 1, 0));
    this.#seq += 1;
    this.#acceptedUpTo = this.#time;
    this.#ids.add(command.changeId, this.#seq, `#${command.changeId}`);
    account.status = statusName(status);
    account.overdraftLimit = command.overdraftLimit ?? account.overdraftLimit;
    account.settingsVersion += 1;
    const begins = !account.limits;
    if (command.limits) account.limits = changedLimits(account.limits, command.limits, this.#time);
    account.seq = this.#seq;
    account.modified = true;
    const record: ResultRecord = {
      ...bare(RecordStatus.POSTED, command.limits && begins && account.limits ? 1 : 0, this.#seq),
      balance: account.balance,
      version: account.version,
      otherBalance: account.overdraftLimit,
      settingsVersion: account.settingsVersion,
      otherSettingsVersion: status,
    };
    const entry: JournalEntry = {
      kind: 'account-change',
      firstSeq: this.#seq,
      payload: command.payload,
      records: encodeRecord(record),
      acceptedAt: this.#acceptedUpTo,
    };
    this.#journal.push({ ...entry });
    return answer(record, [entry]);
  }

  journal(afterSeq: number, entriesMax: number) {
    const entries = this.#journal.filter((entry) => entry.firstSeq > afterSeq).slice(0, entriesMax);
    return { head: this.head, marker: this.marker, entries: entries.map((entry) => ({ ...entry })) };
  }

  publish(cursor: number, trimUpTo: number): Head {
    if (cursor > this.#seq) throw new CacheError('refused', 'cursor_ahead');
    this.#cursor = Math.max(this.#cursor, cursor);
    const trim = Math.min(trimUpTo, this.#cursor);
    this.#journal = this.#journal.filter((entry) => entry.firstSeq > trim);
    return this.head;
  }

  forget(buckets: readonly number[], turnOthers: boolean): Head {
    const forgotten = this.#ids.forget(buckets, turnOthers, this.#cursor, this.#time);
    this.#evictedUpTo = Math.max(this.#evictedUpTo, forgotten);
    return this.head;
  }

  lowerHorizon(lookupHorizon: number, ids: readonly string[]): Head {
    if (this.#seq === 0 && lookupHorizon < this.#ids.lookupHorizon) {
      this.#ids.lookupHorizon = lookupHorizon;
      for (const id of ids) this.#ids.add(withoutMark(id), 0, id);
    }
    return this.head;
  }
}

function count({ amount }: TransferOrder, source: CachedAccount, destination: CachedAccount, windows: Windows): void {
  if (source.limits) {
    source.limits = { ...source.limits, usage: counting(source.limits.usage, windows, { debit: amount }) };
  }
  if (destination.limits) {
    destination.limits = {
      ...destination.limits,
      usage: counting(destination.limits.usage, windows, { credit: amount }),
    };
  }
}

const copy = (account: CachedAccount | undefined): CachedAccount | null => (account ? { ...account } : null);
const isOutcome = ({ status, seq }: ResultRecord): boolean =>
  seq > 0 && (status === RecordStatus.POSTED || status === RecordStatus.REJECTED);
const keyOfItem = (item: ApplyItem | HoldCallItem): string =>
  isHold(item) ? keyOfHoldItem(item.hold) : item.order.transactionId;
function kindOf(item: CallItem): JournalEntry['kind'] {
  if (isGroup(item)) return 'group';
  return isHold(item) ? 'holds' : 'transfers';
}
