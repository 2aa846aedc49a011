import { Problem } from '../../domain/problem.ts';
import type { InDoubtAttempt, JournalEntry } from '../../journal/journal-entry.ts';
import type { Logger } from '../../kernel/log.ts';
import type { EpochView } from '../../ledger/epoch/epoch-view.ts';
import type { HandOverChunk, HandOverStore } from '../authority-ports.ts';

const CHUNK_ENTRIES_MAX = 200;
const CHUNK_CHARS_MAX = 1024 * 1024;
const CHUNK_ATTEMPTS_MAX = 2000;

/**
 * Everything that this process knew about an epoch when it stopped working in it, to be written to MySQL. If Redis is
 * lost, no other copy exists.
 */
class HandOver {
  readonly epoch: number;
  readonly #podIds: readonly string[];
  readonly #observed: number;
  /** Parts that MySQL has not confirmed. */
  readonly #parts: HandOverChunk[];
  /** The fields of the log line about it. */
  readonly summary: { epoch: number; entries: number; inDoubt: number; observed: number };

  /** @param podIds every id that the process tried to register in the epoch: MySQL may have registered any of them */
  constructor(epoch: number, podIds: readonly string[], view: EpochView | null) {
    this.epoch = epoch;
    this.#podIds = podIds;
    this.#observed = view?.observed ?? 0;
    const entries = view?.tail.snapshot() ?? [];
    const inDoubt = view?.inDoubt.snapshot() ?? [];
    this.#parts = partsOf(entries, inDoubt);
    this.summary = { epoch, entries: entries.length, inDoubt: inDoubt.length, observed: this.#observed };
  }

  /**
   * Writes the record to MySQL, part by part; the record counts only once the completion mark at its end has been
   * written. Repeated after a failure, it continues where it stopped. It ends early once it is no longer needed.
   * @throws if MySQL is unavailable
   */
  async deliver(store: HandOverStore, isNeeded: () => boolean): Promise<void> {
    const [podId] = this.#podIds;
    if (podId === undefined) return;
    for (let part = this.#parts[0]; part; part = this.#parts[0]) {
      if (!isNeeded()) return;
      await store.keep(this.epoch, podId, part);
      this.#parts.shift();
    }
    if (isNeeded()) await store.complete(this.epoch, this.#podIds, this.#observed);
  }
}

/** The epochs that a process has left and whose records MySQL does not have yet, oldest first. */
export class HandOvers {
  readonly #store: HandOverStore;
  readonly #logger: Logger;
  #open: HandOver[] = [];
  #delivering: Promise<void> | null = null;

  constructor(store: HandOverStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  get pending(): boolean {
    return this.#open.length > 0;
  }

  /** Records, synchronously, what is known about an epoch that this process is leaving. */
  add(epoch: number, podIds: readonly string[], view: EpochView | null): HandOver['summary'] {
    const handOver = new HandOver(epoch, podIds, view);
    this.#open.push(handOver);
    return handOver.summary;
  }

  /** Delivers in the background: a long tail must not keep the session from reading the authority. */
  deliverInBackground(isNeeded: (epoch: number) => boolean): void {
    this.#delivering ??= this.deliver(isNeeded).finally(() => {
      this.#delivering = null;
    });
  }
  async backgroundDone(): Promise<void> {
    await this.#delivering;
  }

  /** Delivers as much as MySQL accepts. The caller repeats this while `pending`. */
  async deliver(isNeeded: (epoch: number) => boolean): Promise<void> {
    for (const handOver of [...this.#open]) {
      try {
        await handOver.deliver(this.#store, () => isNeeded(handOver.epoch));
      } catch (error) {
        if (!(error instanceof Problem)) this.#logger.error({ err: error }, 'hand-over failed; retrying');
        return;
      }
      this.#open = this.#open.filter((one) => one !== handOver);
    }
  }
}

function partsOf(entries: readonly JournalEntry[], inDoubt: readonly InDoubtAttempt[]): HandOverChunk[] {
  const parts: HandOverChunk[] = [...chunksOf(entries)].map((some) => ({ entries: some, inDoubt: [] }));
  for (let from = 0; from < inDoubt.length; from += CHUNK_ATTEMPTS_MAX)
    parts.push({ entries: [], inDoubt: inDoubt.slice(from, from + CHUNK_ATTEMPTS_MAX) });
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
