import type { JournalEntry } from '../../journal/journal-entry.ts';
import { lastSeqOf } from '../../journal/outcomes.ts';

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
