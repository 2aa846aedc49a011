import type { Doubt, JournalEntry } from '../journal/journal-entry.ts';
import type { EpochView } from '../ledger/epoch/epoch-view.ts';
import type { DrainChunk, DrainStore } from './authority-ports.ts';

const CHUNK_ENTRIES_MAX = 200;
const CHUNK_CHARS_MAX = 1024 * 1024;
const CHUNK_DOUBTS_MAX = 2000;

/**
 * All that this process knows of an epoch, as it was at the one instant when it stopped working in it; on its way to MySQL.
 * Nothing of it is kept anywhere else when Redis is gone.
 */
export class Drain {
  readonly epoch: number;
  readonly #podIds: readonly string[];
  readonly #observed: number;
  /** What is not in MySQL yet. */
  readonly #parts: DrainChunk[];
  /** For the log. */
  readonly summary: { epoch: number; entries: number; inDoubt: number; observed: number };

  /** @param podIds every id that the process tried to register in the epoch: MySQL may know any of them */
  constructor(epoch: number, podIds: readonly string[], view: EpochView | null) {
    this.epoch = epoch;
    this.#podIds = podIds;
    this.#observed = view?.observed ?? 0;
    const entries = view?.tail.snapshot() ?? [];
    const inDoubt = view?.doubts.snapshot() ?? [];
    this.#parts = partsOf(entries, inDoubt);
    this.summary = { epoch, entries: entries.length, inDoubt: inDoubt.length, observed: this.#observed };
  }

  /**
   * Brings it to MySQL, part by part; only with the last step does it count. Repeated after a failure it goes on where it was;
   * it ends early when it is not wanted any more. @throws when MySQL is away
   */
  async deliver(store: DrainStore, isWanted: () => boolean): Promise<void> {
    const [podId] = this.#podIds;
    if (podId === undefined) return;
    for (let part = this.#parts[0]; part; part = this.#parts[0]) {
      if (!isWanted()) return;
      await store.keep(this.epoch, podId, part);
      this.#parts.shift();
    }
    if (isWanted()) await store.complete(this.epoch, this.#podIds, this.#observed);
  }
}

function partsOf(entries: readonly JournalEntry[], inDoubt: readonly Doubt[]): DrainChunk[] {
  const parts: DrainChunk[] = [...chunksOf(entries)].map((some) => ({ entries: some, inDoubt: [] }));
  for (let from = 0; from < inDoubt.length; from += CHUNK_DOUBTS_MAX)
    parts.push({ entries: [], inDoubt: inDoubt.slice(from, from + CHUNK_DOUBTS_MAX) });
  return parts;
}

function* chunksOf(entries: readonly JournalEntry[]): Iterable<JournalEntry[]> {
  let chunk: JournalEntry[] = [];
  let chars = 0;
  for (const entry of entries) {
    if (chunk.length === CHUNK_ENTRIES_MAX || (chunk.length > 0 && chars + entry.payload.length > CHUNK_CHARS_MAX)) {
      yield chunk;
      chunk = [];
      chars = 0;
    }
    chunk.push(entry);
    chars += entry.payload.length;
  }
  if (chunk.length > 0) yield chunk;
}
