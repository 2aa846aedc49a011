import type { JournalReader, KeeperCaller } from '../journal/cache-port.ts';
import { lastSeqOf, RECORD_BYTES } from '../journal/codec.ts';
import { type Cursor, CursorConflictError } from '../journal/cursor.ts';
import { batchOf, type FlushBatch } from '../journal/flush-batch.ts';
import type { JournalEntry } from '../journal/journal-entry.ts';

interface ReadAheadDependencies {
  journal: JournalReader;
  store: { cursor(): Promise<Cursor> };
  limits: {
    /** Maximum number of outcomes per batch. */
    batchMax: number;
    /** Maximum number of characters of payload per batch. */
    charsMax: number;
  };
  /** Called with the backlog after every read of the journal. */
  waiting(entries: number, oldestAcceptedAt: number | null): void;
}

const ENTRIES_PER_READ_MAX = 400;

/**
 * Reads the journal of one epoch ahead of the flush, and cuts it into batches: while MySQL commits one, the next is
 * read and verified. After a failure, the flusher starts over with a new object, so that reads still running for this
 * one have no effect.
 *
 * Each consecutive failure halves the next batch, so that a batch that is too large to be read or
 * written does not block the flush forever.
 */
export class ReadAhead {
  readonly epoch: number;
  /** The end of the batches built so far. */
  seq: number;
  /** The cursor in Redis, as of the last read. */
  published = 0;
  /** The journal's last seq, as of the last read. */
  headSeq = 0;
  readonly #deps: ReadAheadDependencies;
  /** Entries after `seq`. */
  #ahead: JournalEntry[] = [];
  #prepared: Promise<FlushBatch | null> | null = null;

  constructor(from: Cursor, deps: ReadAheadDependencies) {
    this.epoch = from.epoch;
    this.seq = from.seq;
    this.#deps = deps;
  }

  /** Whether entries after the last batch have been read, or are being read. */
  get hasMore(): boolean {
    return this.#prepared !== null || this.#ahead.length > 0;
  }
  /** When the entry after the last batch was accepted, ms; null if it has not been read yet. */
  get nextAcceptedAt(): number | null {
    return acceptedAtOf(this.#ahead[0]);
  }

  /**
   * The next batch, verified; null at the end of the journal. @throws IntegrityError, CacheError, CursorConflictError
   */
  async next(caller: KeeperCaller, failures: number): Promise<FlushBatch | null> {
    const batch = (await this.#prepared) ?? (await this.#gather(caller, failures));
    this.#prepared = null;
    return batch;
  }

  /** Begins to read the next batch, if more entries were waiting than the last batch contained. */
  prepare(caller: KeeperCaller, failures: number): void {
    if (this.#ahead.length === 0) return;
    this.#prepared = this.#gather(caller, failures);
    this.#prepared.catch(() => {});
  }

  async #gather(caller: KeeperCaller, failures: number): Promise<FlushBatch | null> {
    const { batchMax, charsMax } = this.#deps.limits;
    const halvings = Math.min(failures, 30);
    const size = { outcomes: Math.max(1, batchMax >> halvings), chars: charsMax >> halvings };
    const entries = await this.#fill(caller, size, Math.max(1, ENTRIES_PER_READ_MAX >> halvings));
    const count = countThatFits(entries, size);
    this.#ahead = entries.slice(count);
    if (count === 0) return null;
    const batch = batchOf(entries.slice(0, count), caller.epoch, this.seq);
    this.seq = batch.lastSeq;
    return batch;
  }

  /** The entries read ahead, filled up to a batch if there are enough. */
  async #fill(caller: KeeperCaller, size: BatchSize, entriesPerRead: number): Promise<JournalEntry[]> {
    let entries = this.#ahead;
    let outcomes = outcomesIn(entries);
    let chars = charsIn(entries);
    while (outcomes <= size.outcomes && chars <= size.chars) {
      const last = entries.at(-1);
      const more = await this.#read(caller, last ? lastSeqOf(last) : this.seq, entriesPerRead);
      entries = entries.length === 0 ? more : entries.concat(more);
      outcomes += outcomesIn(more);
      chars += charsIn(more);
      if (more.length < entriesPerRead) break;
    }
    return entries;
  }

  async #read(caller: KeeperCaller, afterSeq: number, entriesMax: number): Promise<JournalEntry[]> {
    const { journal, store, waiting } = this.#deps;
    const { head, entries } = await journal.journal(caller, afterSeq, entriesMax);
    this.published = head.cursor;
    this.headSeq = head.seq;
    // If another keeper has flushed and trimmed these entries, and MySQL has them, the journal is
    // not corrupt.
    if (head.cursor > afterSeq && (await store.cursor()).seq > afterSeq)
      throw new CursorConflictError(`the journal is flushed up to ${head.cursor}`);
    if (head.seq > afterSeq && entries.length === 0)
      throw new Error(`the journal ends before ${head.seq}, at ${afterSeq}`);
    waiting(head.seq - afterSeq, acceptedAtOf(entries[0]));
    return entries;
  }
}

interface BatchSize {
  outcomes: number;
  chars: number;
}

/** The number of entries that fit into a batch; at least one, unless there are none. */
function countThatFits(entries: readonly JournalEntry[], size: BatchSize): number {
  let [outcomes, chars, count] = [0, 0, 0];
  for (const entry of entries) {
    outcomes += outcomesIn([entry]);
    chars += charsIn([entry]);
    if (count > 0 && (outcomes > size.outcomes || chars > size.chars)) break;
    count += 1;
  }
  return count;
}

const charsIn = (entries: readonly JournalEntry[]): number =>
  entries.reduce((sum, { payload }) => sum + payload.length, 0);

/** Upper bound of the number of outcomes in entries, which also counts items without an outcome. */
const outcomesIn = (entries: readonly JournalEntry[]): number =>
  entries.reduce((count, entry) => count + entry.records.length / RECORD_BYTES, 0);

/**
 * When an entry was accepted. In entries of older releases, this is the eighth field of the first item, which is
 * found without parsing the rest of a long payload.
 */
export function acceptedAtOf(entry: JournalEntry | undefined): number | null {
  if (!entry) return null;
  if (entry.acceptedAt !== null) return entry.acceptedAt;
  const found =
    entry.kind === 'transfers'
      ? /^\[\[(?:"[^"]*"|[^,"]*)(?:,(?:"[^"]*"|[^,"]*)){6},(\d+)/.exec(entry.payload)
      : /"acceptedAt":(\d+)/.exec(entry.payload);
  return found?.[1] ? Number(found[1]) : null;
}
