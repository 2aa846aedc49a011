import type { Format } from '../../domain/authority.ts';
import type { Caller } from '../../journal/cache-port.ts';
import { type Head, lastSeqOf } from '../../journal/codec.ts';
import type { InDoubtAttempt, JournalEntry } from '../../journal/journal-entry.ts';

/** The knowledge of a process about one epoch of the cache, under all pod ids that it has used there. */
export class EpochMemory {
  readonly tail = new Tail();
  readonly inDoubt = new InDoubtAttempts();
  seq = 0;
  cursor = 0;
  lookupHorizon = 0;
  evictedUpTo = 0;
}

/**
 * The journal entries that this pod has received in any answer, until they are known to be in MySQL. They are the
 * evidence that remains if Redis is lost. Entries arrive in order of seq, except for replays, which are rare.
 */
export class Tail {
  #entries: { entry: JournalEntry; lastSeq: number; bytes: number; keptAtMs: number }[] = [];
  #head = 0;
  /** The first seqs of the entries in this tail, to recognize an entry that a repeated answer contains again. */
  readonly #kept = new Set<number>();
  #bytes = 0;
  #cursor = 0;

  get bytes(): number {
    return this.#bytes;
  }
  get size(): number {
    return this.#entries.length - this.#head;
  }
  /** When the oldest entry was received, on the monotonic clock, ms; null if everything is in MySQL. */
  get oldestKeptAtMs(): number | null {
    return this.#entries[this.#head]?.keptAtMs ?? null;
  }

  keep(entry: JournalEntry, nowMs: number): void {
    const lastSeq = lastSeqOf(entry);
    if (lastSeq <= this.#cursor || this.#kept.has(entry.firstSeq)) return;
    this.#kept.add(entry.firstSeq);
    const bytes = entry.payload.length + entry.records.length + ENTRY_OVERHEAD_BYTES;
    this.#entries.push({ entry, lastSeq, bytes, keptAtMs: nowMs });
    this.#bytes += bytes;
  }

  /** Drops the entries up to the cursor, which are in MySQL. */
  advance(cursor: number): void {
    if (cursor <= this.#cursor) return;
    this.#cursor = cursor;
    for (;;) {
      const oldest = this.#entries[this.#head];
      if (!oldest || oldest.lastSeq > cursor) break;
      this.#bytes -= oldest.bytes;
      this.#kept.delete(oldest.entry.firstSeq);
      this.#head += 1;
    }
    // Free memory in large steps, so that each entry is moved about once.
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    } else if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    }
  }

  /** The entries that are not known to be in MySQL, oldest first. */
  snapshot(): JournalEntry[] {
    return this.#entries.slice(this.#head).map(({ entry }) => entry);
  }
}

/** Approximate memory of an entry in addition to its bytes: objects and array slots. */
const ENTRY_OVERHEAD_BYTES = 200;

/** A transfer, a group or an account change that is sent to a store. */
export interface Attempt {
  /** The in-doubt attempt of its own id comes first; a group also has one for each member. */
  inDoubtAttempts(): readonly InDoubtAttempt[];
}

interface Left {
  /** The attempts, keyed by the accounts that they concern, because the same id may have been tried with different content. */
  attempts: Map<string, readonly InDoubtAttempt[]>;
  sinceMs: number;
  /** The pod ids under which an attempt with this id may still run. */
  podIds: Set<string>;
  /** Attempts under retired pod ids have written nothing beyond this seq. */
  untilSeq: number;
}

/**
 * The in-doubt attempts of one process in one epoch. An attempt is in doubt from the moment it is passed to the client
 * library until a reply contains its outcome, or proves that it wrote nothing. An attempt whose request was answered
 * "unknown" stays here, because it may still run.
 */
export class InDoubtAttempts {
  readonly #underWay = new Set<readonly Attempt[]>();
  readonly #left = new Map<string, Left>();

  /** The number of attempts that will get no reply. */
  get size(): number {
    return this.#left.size;
  }
  get none(): boolean {
    return this.#left.size === 0 && this.#underWay.size === 0;
  }
  /**
   * The time on the monotonic clock, in ms, when the oldest attempt that may still be running was left without a reply;
   * null if there is none.
   */
  get oldestSinceMs(): number | null {
    for (const { podIds, sinceMs } of this.#left.values()) if (podIds.size > 0) return sinceMs;
    return null;
  }

  /** Call this when the attempts are passed to the client library, in one call. */
  begin(attempts: readonly Attempt[]): void {
    this.#underWay.add(attempts);
  }
  /** Call this when a reply contained the outcome of each attempt, or proved that nothing was written. */
  end(attempts: readonly Attempt[]): void {
    this.#underWay.delete(attempts);
  }
  /** No reply came, or no valid one. */
  leave(attempts: readonly Attempt[], podId: string, nowMs: number): void {
    this.#underWay.delete(attempts);
    for (const attempt of attempts) {
      const all = attempt.inDoubtAttempts();
      const [one] = all;
      if (!one) continue;
      const key = keyOf(one.kind, one.id);
      const left = this.#left.get(key) ?? { attempts: new Map(), sinceMs: nowMs, podIds: new Set(), untilSeq: 0 };
      left.attempts.set(all.length === 1 ? one.accounts.join() : JSON.stringify(all), all);
      left.podIds.add(podId);
      this.#left.set(key, left);
    }
  }

  /** Call this when the outcome of this id is known: an attempt that still runs can only repeat it. */
  resolved(kind: InDoubtAttempt['kind'], id: string): void {
    if (this.#left.size > 0) this.#left.delete(keyOf(kind, id));
  }
  /**
   * Call this when this pod id is retired: attempts under it can no longer run, and have written nothing beyond this
   * seq.
   */
  endAt(podId: string, seq: number): void {
    for (const left of this.#left.values()) {
      if (left.podIds.delete(podId)) left.untilSeq = Math.max(left.untilSeq, seq);
    }
  }
  /** Call this when MySQL has everything up to the cursor. */
  advance(cursor: number): void {
    if (this.#left.size === 0) return;
    for (const [key, { podIds, untilSeq }] of this.#left) {
      if (podIds.size === 0 && untilSeq <= cursor) this.#left.delete(key);
    }
  }

  /** All attempts that are in doubt now. */
  snapshot(): InDoubtAttempt[] {
    const left = [...this.#left.values()].flatMap(({ attempts }) => [...attempts.values()].flat());
    const underWay = [...this.#underWay].flatMap((attempts) =>
      attempts.flatMap((attempt) => attempt.inDoubtAttempts()),
    );
    return [...left, ...underWay];
  }
}

/** The marks keep ids of other kinds apart from transaction ids: no client can send an id that contains one of them. */
const keyOf = (kind: InDoubtAttempt['kind'], id: string): string => `${MARKS[kind]}${id}`;
const MARKS = { transfers: '', 'account-change': '#', group: '+', hold: '=', 'hold-event': '!' } as const;

/**
 * One epoch of the cache as a pod sees it while it is registered there. Each epoch and each pod id has its own view.
 */
export class EpochView {
  readonly caller: Caller;
  readonly #memory: EpochMemory;

  constructor(caller: Caller, before?: EpochView) {
    this.caller = caller;
    this.#memory = before ? before.#memory : new EpochMemory();
  }

  /** The same epoch under another pod id, with the same knowledge. */
  renewed(podId: string): EpochView {
    return new EpochView({ ...this.caller, podId }, this);
  }

  get tail(): Tail {
    return this.#memory.tail;
  }
  get inDoubt(): InDoubtAttempts {
    return this.#memory.inDoubt;
  }
  /** The highest seq on which any answer of this pod depends. */
  get observed(): number {
    return this.#memory.seq;
  }
  get cursor(): number {
    return this.#memory.cursor;
  }
  /** UUIDv7s with a time up to this one need a lookup in MySQL. */
  get lookupHorizon(): number {
    return this.#memory.lookupHorizon;
  }
  get evictedUpTo(): number {
    return this.#memory.evictedUpTo;
  }
  /** Number of outcomes that are in the journal and not known to be in MySQL. */
  get backlog(): number {
    return this.#memory.seq - this.#memory.cursor;
  }
  /** True if MySQL has everything that this pod has received up to this seq, and no attempt is in doubt. */
  hasNothingToHandOver(upTo: number): boolean {
    const { tail, inDoubt, cursor } = this.#memory;
    return tail.size === 0 && inDoubt.none && cursor >= upTo;
  }

  /** Processes the head of a reply. Replies may arrive in any order, so the highest value of each counter is kept. */
  observe(head: Head): void {
    const memory = this.#memory;
    if (head.seq > memory.seq) memory.seq = head.seq;
    if (head.lookupHorizon > memory.lookupHorizon) memory.lookupHorizon = head.lookupHorizon;
    if (head.evictedUpTo > memory.evictedUpTo) memory.evictedUpTo = head.evictedUpTo;
    if (head.cursor > memory.cursor) {
      memory.cursor = head.cursor;
      memory.tail.advance(head.cursor);
      memory.inDoubt.advance(head.cursor);
    }
  }

  keep(entries: readonly JournalEntry[], nowMs: number): void {
    for (const entry of entries) this.#memory.tail.keep(entry, nowMs);
  }
}

/** Why a pod makes write requests wait. */
export type HoldReason = 'ledger_switching' | 'ledger_closed' | 'database_unavailable';

/** A pod's session: which store decides, and whether this pod may use it. */
export interface Session {
  /** The epoch of the cache that the pod may work in, or null. */
  view(): EpochView | null;
  /** The authority's epoch while MySQL decides, otherwise null. At most one of `view` and `direct` is not null. */
  direct(): number | null;
  /** The rule format that was last read; null before the first read. It may be higher by now, but never lower. */
  format(): Format | null;
  /** Receives every error of a script, with the view in which it ran, and decides what the error means. */
  suspect(error: unknown, view: EpochView): void;
  /** Called when a direct transaction finds that the authority has moved. */
  moved(directEpoch: number): void;
  /** Registers a listener that runs when the pod may work again, with either store. */
  onOpen(listener: () => void): void;
  /** Why requests are held; this is the answer to a request that was held too long. */
  holdReason(): HoldReason;
}

/**
 * An attempt that also records whether it may have been carried out, because the answer to its client depends on that.
 */
export interface TrackedAttempt extends Attempt {
  inDoubt: boolean;
  /**
   * Call this when no reply came, or no valid one. @param cacheEpoch the epoch of the cache that the attempt was sent
   * to; null if it was sent to MySQL
   */
  leaveInDoubt(cacheEpoch: number | null): void;
}

/**
 * One call that sends attempts to a store. The attempts are in doubt from the moment the call leaves the pod until a
 * reply contains their outcomes, or proves that nothing was written. For a call to Redis, the epoch view also keeps the
 * attempts, because they are handed over with the epoch.
 */
export class AttemptCall {
  readonly #attempts: readonly TrackedAttempt[];
  /** Null if the call goes to MySQL. */
  readonly #view: EpochView | null;
  /**
   * Earlier attempts of the same transfer may be in doubt already, and remain in doubt whatever the result of this
   * call.
   */
  readonly #inDoubtBefore: boolean[];
  #proven = false;

  /** Begins the call. The caller must pass it to the client library in the same synchronous step. */
  constructor(attempts: readonly TrackedAttempt[], view: EpochView | null) {
    this.#attempts = attempts;
    this.#view = view;
    this.#inDoubtBefore = attempts.map((attempt) => attempt.inDoubt);
    for (const attempt of attempts) attempt.inDoubt = true;
    view?.inDoubt.begin(attempts);
  }

  /**
   * Call this when a reply contained the outcome of each attempt, or proved that this call wrote nothing. Calling it
   * again changes nothing.
   */
  proven(): void {
    if (this.#proven) return;
    this.#proven = true;
    this.#view?.inDoubt.end(this.#attempts);
    for (const [index, attempt] of this.#attempts.entries()) attempt.inDoubt = this.#inDoubtBefore[index] ?? true;
  }

  /** Call this when no reply came, or no valid one; a reply that cannot be parsed is not valid. */
  lost(nowMs: number): void {
    const caller = this.#view?.caller;
    if (caller) this.#view?.inDoubt.leave(this.#attempts, caller.podId, nowMs);
    for (const attempt of this.#attempts) attempt.leaveInDoubt(caller?.epoch ?? null);
  }
}
