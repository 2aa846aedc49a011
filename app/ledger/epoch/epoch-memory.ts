import { lastSeqOf } from '../../journal/codec.ts';
import type { InDoubtAttempt, JournalEntry } from '../../journal/journal-entry.ts';

/** What a process knows of one epoch of the cache, under all pod ids that it has used there. */
export class EpochMemory {
  readonly tail = new Tail();
  readonly inDoubt = new InDoubtAttempts();
  seq = 0;
  cursor = 0;
  m = 0;
  dropped = 0;
}

/**
 * The journal entries that this pod has received in any answer, until they are known to be in MySQL: its evidence when Redis
 * is gone. Entries arrive in order of seq, except for replays, which are rare.
 */
export class Tail {
  #entries: { entry: JournalEntry; lastSeq: number; bytes: number; keptAtMs: number }[] = [];
  #head = 0;
  /** The first seqs of the entries in this tail: a repeated answer contains the same entry again. */
  readonly #kept = new Set<number>();
  #bytes = 0;
  #cursor = 0;

  get bytes(): number {
    return this.#bytes;
  }
  get size(): number {
    return this.#entries.length - this.#head;
  }
  /** When the oldest entry was kept (the monotonic clock's ms), or null when all is in MySQL. */
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

  /** Drops what is in MySQL up to the cursor. */
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

  /** What is not known to be in MySQL, oldest first. */
  snapshot(): JournalEntry[] {
    return this.#entries.slice(this.#head).map(({ entry }) => entry);
  }
}

/** Approximate memory of an entry beside its bytes: objects and array slots. */
const ENTRY_OVERHEAD_BYTES = 200;

/** A transfer or a change that is sent to a store, and would change these accounts. */
export interface Attempt {
  inDoubtAttempt(): InDoubtAttempt;
}

interface Left {
  /** By their accounts: one id may have been tried with other content. */
  attempts: Map<string, InDoubtAttempt>;
  sinceMs: number;
  /** The pod ids under which an attempt of it may still run. */
  podIds: Set<string>;
  /** What attempts under ids that are retired have done has at most this seq. */
  untilSeq: number;
}

/**
 * The in-doubt attempts of one process in one epoch: from the moment that they are given to the client library until a reply
 * gives their outcome, or proves that they wrote nothing. An attempt whose request was answered "unknown" stays here, because
 * it may still run.
 */
export class InDoubtAttempts {
  readonly #underWay = new Set<readonly Attempt[]>();
  readonly #left = new Map<string, Left>();

  /** How many attempts will get no reply. */
  get size(): number {
    return this.#left.size;
  }
  get none(): boolean {
    return this.#left.size === 0 && this.#underWay.size === 0;
  }
  /** When the oldest attempt that may still run got no reply, on the monotonic clock, ms; null for none. */
  get oldestSinceMs(): number | null {
    for (const { podIds, sinceMs } of this.#left.values()) if (podIds.size > 0) return sinceMs;
    return null;
  }

  /** They are given to the client library in one call. */
  begin(attempts: readonly Attempt[]): void {
    this.#underWay.add(attempts);
  }
  /** A reply gave the outcome of each, or proved that nothing was written. */
  end(attempts: readonly Attempt[]): void {
    this.#underWay.delete(attempts);
  }
  /** No reply came, or none that counts. */
  leave(attempts: readonly Attempt[], podId: string, nowMs: number): void {
    this.#underWay.delete(attempts);
    for (const attempt of attempts) {
      const one = attempt.inDoubtAttempt();
      const key = keyOf(one.kind, one.id);
      const left = this.#left.get(key) ?? { attempts: new Map(), sinceMs: nowMs, podIds: new Set(), untilSeq: 0 };
      left.attempts.set(one.accounts.join(), one);
      left.podIds.add(podId);
      this.#left.set(key, left);
    }
  }

  /** The outcome of this id is known: an attempt that still runs can only repeat it. */
  resolved(kind: InDoubtAttempt['kind'], id: string): void {
    if (this.#left.size > 0) this.#left.delete(keyOf(kind, id));
  }
  /** This pod id is retired: attempts under it can no longer run, and what they did has at most this seq. */
  endAt(podId: string, seq: number): void {
    for (const left of this.#left.values()) {
      if (left.podIds.delete(podId)) left.untilSeq = Math.max(left.untilSeq, seq);
    }
  }
  /** MySQL has everything up to the cursor. */
  advance(cursor: number): void {
    if (this.#left.size === 0) return;
    for (const [key, { podIds, untilSeq }] of this.#left) {
      if (podIds.size === 0 && untilSeq <= cursor) this.#left.delete(key);
    }
  }

  /** All that is in doubt now. */
  snapshot(): InDoubtAttempt[] {
    const left = [...this.#left.values()].flatMap(({ attempts }) => [...attempts.values()]);
    const underWay = [...this.#underWay].flatMap((attempts) => attempts.map((attempt) => attempt.inDoubtAttempt()));
    return [...left, ...underWay];
  }
}

/** Ids of changes are apart from those of transfers: no client can send a '#'. */
const keyOf = (kind: InDoubtAttempt['kind'], id: string): string => (kind === 'transfers' ? id : `#${id}`);
