import type { CacheKeeper, KeeperCaller } from '../journal/cache-port.ts';
import { lastSeqOf, RECORD_BYTES } from '../journal/codec.ts';
import { type Cursor, CursorConflictError } from '../journal/cursor.ts';
import { batchOf, type FlushBatch } from '../journal/flush-batch.ts';
import type { JournalEntry } from '../journal/journal-entry.ts';
import type { Clock } from '../kernel/clock.ts';

/** The part of MySQL that the flush needs. */
export interface JournalStore {
  cursor(): Promise<Cursor>;
  commit(batch: FlushBatch, authorityEpoch: number): Promise<void>;
}

export interface FlushLimits {
  /** Maximum number of outcomes per transaction. */
  batchMax: number;
  /**
   * Maximum characters of payload per transaction, because metadata can make an outcome a hundred times as large as
   * another.
   */
  charsMax: number;
  /** While less than a batch waits, a round begins this long after the one before, ms: small commits cost as much as large ones. */
  gatherMs: number;
  retryBaseMs: number;
  retryMaxMs: number;
  /** Consecutive failures after which the alert fires; retries continue. */
  alertAfterFailures: number;
}

export interface FlushEvents {
  flushed(batch: FlushBatch, ms: number): void;
  failed(error: unknown, failuresInARow: number): void;
  /** The alert fires; it ends with the next success, or when this flusher no longer has anything to flush. */
  alert(on: boolean): void;
  /** The remaining backlog, after every read of the journal and every commit. `entries` is null where it is unknown. */
  waiting(entries: number | null, oldestAcceptedAt: number | null): void;
}

/**
 * How far the journal was read. A failure starts a new one, so that reads still running for the old one have no effect.
 */
interface Reading {
  epoch: number;
  /** The end of the batches built from it. */
  seq: number;
  /** The cursor in Redis, as last seen. */
  published: number;
  /** The journal's last seq, as last seen. */
  headSeq: number;
  /** Entries after `seq`. */
  ahead: JournalEntry[];
  /** The batch that is prepared while the previous one commits. */
  next: Promise<FlushBatch | null> | null;
}
const nowhere = (): Reading => ({ epoch: -1, seq: 0, published: 0, headSeq: 0, ahead: [], next: null });

interface FlusherDependencies {
  cache: CacheKeeper;
  store: JournalStore;
  clock: Clock;
  limits: FlushLimits;
  events: FlushEvents;
}

type GoesOn = (seq: number, headSeq: number) => boolean;

const ENTRIES_PER_READ_MAX = 400;
/** How long flushed entries stay in the journal, ms: a retry within this time is answered without MySQL. */
const KEEP_FLUSHED_MS = 10_000;
const MARK_EVERY_MS = 1_000;
/** Roughly how long the cursor must be unchanged before a keeper that was overtaken tries again, ms. */
const STAND_BY_MS = 500;

/**
 * Writes the journal to MySQL. A round reads the entries after the cursor, verifies them, commits them and the cursor
 * in one transaction, and publishes the cursor. While one batch commits, the next one is read. After any failure it
 * discards its state and reads the cursor from MySQL, so that a commit without a reply is neither lost nor repeated.
 */
export class Flusher {
  readonly #deps: FlusherDependencies;
  #reading = nowhere();
  #failures = 0;
  #marks: { seq: number; atMs: number }[] = [];
  #marksEpoch = -1;
  #lastProgressAt: number;

  constructor(deps: FlusherDependencies) {
    this.#deps = deps;
    this.#lastProgressAt = deps.clock.monotonic();
  }

  /** When a round last completed, here or in another keeper, on the monotonic clock; used by the supervisor. */
  get lastProgressAt(): number {
    return this.#lastProgressAt;
  }
  get failuresInARow(): number {
    return this.#failures;
  }

  /**
   * Runs rounds until the signal aborts: `target` returns the caller for the journal to flush, or null if there is
   * none.
   */
  async run(target: () => KeeperCaller | null, stopped: AbortSignal): Promise<void> {
    const { clock, limits } = this.#deps;
    while (!stopped.aborted) {
      const caller = target();
      if (!caller) {
        this.#rest();
        await clock.sleep(limits.gatherMs, stopped);
        continue;
      }
      try {
        const flushed = await this.round(caller, caller.fenceEpoch);
        this.#succeeded();
        const { next, ahead } = this.#reading;
        if (flushed < limits.batchMax / 2 && next === null && ahead.length === 0)
          await clock.sleep(limits.gatherMs, stopped);
      } catch (error) {
        this.#failed(error);
        if (error instanceof CursorConflictError) {
          await this.#standBy(stopped).catch(() => {});
          continue;
        }
        await this.#look(caller).catch(() => {}); // Redis is unavailable: keep the last known values
        const backoffMs = Math.min(
          limits.retryMaxMs,
          limits.retryBaseMs * 2 ** Math.max(0, Math.min(this.#failures - 1, 16)),
        );
        await clock.sleep(backoffMs * (0.5 + clock.random()), stopped);
      }
    }
  }

  /**
   * Another keeper is flushing: both would do the same work, one of them in vain. Waits until the cursor no longer
   * moves, which may only mean that there is nothing to flush. @throws if MySQL is unavailable
   */
  async #standBy(stopped: AbortSignal): Promise<void> {
    const { clock, store } = this.#deps;
    let before: Cursor | null = null;
    while (!stopped.aborted) {
      const now = await store.cursor();
      if (before && now.epoch === before.epoch && now.seq === before.seq) return;
      before = now;
      this.#lastProgressAt = clock.monotonic();
      await clock.sleep(STAND_BY_MS * (0.5 + clock.random()), stopped);
    }
  }

  /** While MySQL is unavailable, nothing is read for flushing, but the backlog keeps growing. */
  async #look(caller: KeeperCaller): Promise<void> {
    const { cache, events } = this.#deps;
    const { head } = await cache.journal(caller, Number.MAX_SAFE_INTEGER - 1, 1);
    const { entries } = await cache.journal(caller, head.cursor, 1);
    events.waiting(Math.max(0, head.seq - head.cursor), acceptedAtOf(entries[0]));
  }

  /**
   * Flushes to the end of the journal, or until `goesOn`, which is called after every transaction, returns false.
   * @returns the journal's last seq; null if it was not reached. @throws whatever stopped it
   */
  async catchUp(caller: KeeperCaller, authorityEpoch: number): Promise<number>;
  async catchUp(caller: KeeperCaller, authorityEpoch: number, goesOn: GoesOn): Promise<number | null>;
  async catchUp(caller: KeeperCaller, authorityEpoch: number, goesOn: GoesOn = () => true): Promise<number | null> {
    this.forget();
    try {
      while ((await this.round(caller, authorityEpoch)) > 0) {
        this.#succeeded();
        if (!goesOn(this.#reading.published, this.#reading.headSeq)) return null;
      }
      return this.#reading.seq;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Runs one transaction. @returns how many outcomes it wrote to MySQL; 0 at the end of the journal */
  async round(caller: KeeperCaller, authorityEpoch: number): Promise<number> {
    const { store, clock, events } = this.#deps;
    const reading = await this.#readingIn(caller.epoch);
    const batch = (await reading.next) ?? (await this.#gather(reading, caller));
    reading.next = null;
    if (!batch) {
      // A committed cursor that could not be published: while nothing is written, nothing else would publish it.
      if (reading.published < reading.seq) await this.#publish(reading, caller);
      return 0;
    }
    const [following] = reading.ahead;
    const started = clock.monotonic();
    const committed = store.commit(batch, authorityEpoch);
    // If more than a batch is waiting, the next one is read and prepared while MySQL processes this one.
    if (reading.ahead.length > 0) {
      reading.next = this.#gather(reading, caller);
      reading.next.catch(() => {});
    }
    await committed;
    events.flushed(batch, clock.monotonic() - started);
    const waiting = Math.max(0, reading.headSeq - batch.lastSeq);
    // The following entry may not have been read yet; it was accepted after the last one of this batch.
    const oldest = acceptedAtOf(following) ?? batch.outcomes.at(-1)?.acceptedAt ?? null;
    events.waiting(waiting, waiting === 0 ? null : oldest);
    await this.#publish(reading, caller, batch.lastSeq);
    return batch.lastSeq - batch.afterSeq;
  }

  async #publish(reading: Reading, caller: KeeperCaller, cursor = reading.seq): Promise<void> {
    const head = await this.#deps.cache.publish(caller, cursor, this.#trimmable(caller.epoch, cursor));
    reading.published = head.cursor;
  }

  /**
   * This keeper has nothing to flush for now. An earlier alert would otherwise fire forever, and the backlog that it last saw is
   * in MySQL, or counted by another keeper.
   */
  #rest(): void {
    this.forget();
    this.#recovered();
    this.#deps.events.waiting(null, null);
  }

  /** Discards the entries read ahead and the position, which is then read from MySQL. */
  forget(): void {
    this.#reading = nowhere();
  }

  /** Reads and verifies the next entries; null at the end of the journal. @throws IntegrityError, CacheError */
  async #gather(reading: Reading, caller: KeeperCaller): Promise<FlushBatch | null> {
    const { now, later } = this.#split(await this.#fill(reading, caller));
    reading.ahead = later;
    if (now.length === 0) return null;
    const batch = batchOf(now, caller.epoch, reading.seq);
    reading.seq = batch.lastSeq;
    return batch;
  }

  async #readingIn(epoch: number): Promise<Reading> {
    if (this.#reading.epoch === epoch) return this.#reading;
    const cursor = await this.#deps.store.cursor();
    if (cursor.epoch !== epoch) throw new Error(`the cursor is in epoch ${cursor.epoch}, the journal in ${epoch}`);
    this.#reading = { ...nowhere(), epoch, seq: cursor.seq };
    return this.#reading;
  }

  /** The entries read ahead, topped up to a batch if there are enough. */
  async #fill(reading: Reading, caller: KeeperCaller): Promise<JournalEntry[]> {
    let entries = reading.ahead;
    let count = outcomesIn(entries);
    let chars = charsIn(entries);
    while (count <= this.#batchMax && chars <= this.#charsMax) {
      const last = entries.at(-1);
      const more = await this.#read(reading, caller, last ? lastSeqOf(last) : reading.seq);
      entries = entries.length === 0 ? more : entries.concat(more);
      count += outcomesIn(more);
      chars += charsIn(more);
      if (more.length < this.#entriesPerRead) break;
    }
    return entries;
  }

  async #read(reading: Reading, caller: KeeperCaller, afterSeq: number): Promise<JournalEntry[]> {
    const { head, entries } = await this.#deps.cache.journal(caller, afterSeq, this.#entriesPerRead);
    reading.published = head.cursor;
    reading.headSeq = head.seq;
    // The journal is not corrupt if another keeper has flushed and trimmed these entries, provided that MySQL has them.
    if (head.cursor > afterSeq && (await this.#deps.store.cursor()).seq > afterSeq)
      throw new CursorConflictError(`the journal is flushed up to ${head.cursor}`);
    if (head.seq > afterSeq && entries.length === 0)
      throw new Error(`the journal ends before ${head.seq}, at ${afterSeq}`);
    this.#deps.events.waiting(head.seq - afterSeq, acceptedAtOf(entries[0]));
    return entries;
  }

  /** As many whole entries as fit into a batch; at least one. */
  #split(entries: JournalEntry[]): { now: JournalEntry[]; later: JournalEntry[] } {
    let [count, chars, end] = [0, 0, 0];
    for (const entry of entries) {
      count += outcomesIn([entry]);
      chars += charsIn([entry]);
      if (end > 0 && (count > this.#batchMax || chars > this.#charsMax)) break;
      end += 1;
    }
    return { now: entries.slice(0, end), later: entries.slice(end) };
  }

  /**
   * Each consecutive failure halves the next batch: a batch that is too large to be read or written must not block
   * forever.
   */
  get #batchMax(): number {
    return Math.max(1, this.#deps.limits.batchMax >> Math.min(this.#failures, 30));
  }
  get #charsMax(): number {
    return this.#deps.limits.charsMax >> Math.min(this.#failures, 30);
  }
  get #entriesPerRead(): number {
    return Math.max(1, ENTRIES_PER_READ_MAX >> Math.min(this.#failures, 30));
  }

  /**
   * The highest seq that was flushed long enough ago. Committed entries remain committed, whoever flushed them and
   * whatever has failed since.
   */
  #trimmable(epoch: number, seq: number): number {
    const now = this.#deps.clock.monotonic();
    if (epoch !== this.#marksEpoch) this.#marks = [];
    this.#marksEpoch = epoch;
    const last = this.#marks.at(-1);
    if (!last || now - last.atMs >= MARK_EVERY_MS) this.#marks.push({ seq, atMs: now });
    let trimmable = 0;
    while (this.#marks[0] && now - this.#marks[0].atMs > KEEP_FLUSHED_MS) trimmable = this.#marks.shift()?.seq ?? 0;
    return trimmable;
  }

  #succeeded(): void {
    this.#lastProgressAt = this.#deps.clock.monotonic();
    this.#recovered();
  }

  #recovered(): void {
    if (this.#failures >= this.#deps.limits.alertAfterFailures) this.#deps.events.alert(false);
    this.#failures = 0;
  }

  #failed(error: unknown): void {
    this.forget();
    const { events, clock, limits } = this.#deps;
    if (error instanceof CursorConflictError) {
      // Another keeper is flushing the journal: no reason for an alert.
      this.#lastProgressAt = clock.monotonic();
      events.failed(error, this.#failures);
      this.#rest();
      return;
    }
    this.#failures += 1;
    events.failed(error, this.#failures);
    if (this.#failures === limits.alertAfterFailures) events.alert(true);
  }
}

const charsIn = (entries: readonly JournalEntry[]): number =>
  entries.reduce((sum, { payload }) => sum + payload.length, 0);

/** Upper bound of the outcomes in entries: items without an outcome are counted, too. */
const outcomesIn = (entries: readonly JournalEntry[]): number =>
  entries.reduce((count, entry) => count + entry.records.length / RECORD_BYTES, 0);

/**
 * When an entry was accepted. In entries of older releases this is the eighth field of the first item, found without
 * parsing the rest of a long payload.
 */
function acceptedAtOf(entry: JournalEntry | undefined): number | null {
  if (!entry) return null;
  if (entry.acceptedAt !== null) return entry.acceptedAt;
  const found =
    entry.kind === 'transfers'
      ? /^\[\[(?:"[^"]*"|[^,"]*)(?:,(?:"[^"]*"|[^,"]*)){6},(\d+)/.exec(entry.payload)
      : /"acceptedAt":(\d+)/.exec(entry.payload);
  return found?.[1] ? Number(found[1]) : null;
}
