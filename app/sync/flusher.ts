import type { CacheKeeper, KeeperCaller } from '../journal/cache-port.ts';
import { RECORD_BYTES } from '../journal/codec.ts';
import { type Cursor, Overtaken } from '../journal/cursor.ts';
import { batchOf, type FlushBatch } from '../journal/flush-batch.ts';
import type { JournalEntry } from '../journal/journal-entry.ts';
import { lastSeqOf } from '../journal/outcomes.ts';
import type { Clock } from '../kernel/clock.ts';

/** What a flush needs of MySQL. */
export interface JournalStore {
  cursor(): Promise<Cursor>;
  commit(batch: FlushBatch, authorityEpoch: number): Promise<void>;
}

export interface FlushLimits {
  /** Outcomes per transaction. */
  batchMax: number;
  /** Characters of their payloads per transaction, as metadata can make an outcome a hundred times as large as another. */
  charsMax: number;
  /** While less than a batch waits, a round begins this long after the one before, ms: small commits cost as much as large ones. */
  gatherMs: number;
  retryBaseMs: number;
  retryMaxMs: number;
  /** Failures in a row after which the alert fires; the retries go on. */
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

/** How far the journal was read. A failure begins a new one, so that what still reads for the old one changes nothing. */
interface Reading {
  epoch: number;
  /** The end of the batches that were made of it. */
  seq: number;
  /** The cursor in Redis, as it was last seen. */
  published: number;
  /** The journal's last seq, as it was last seen. */
  headSeq: number;
  /** Entries after that. */
  ahead: JournalEntry[];
  /** The batch that is being made ready while the one before it commits. */
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
/** Flushed entries stay in the journal this long, ms: a retry that soon is answered without MySQL. */
const KEEP_FLUSHED_MS = 10_000;
const MARK_EVERY_MS = 1_000;
/** How long the cursor stands still before a keeper that was overtaken tries again, about, ms. */
const STAND_BY_MS = 500;

/**
 * Brings the journal to MySQL. A round reads what follows the cursor, verifies it, commits it with the cursor in one
 * transaction, and publishes the cursor. While one batch commits, the next is read. After any failure it knows nothing: it
 * asks MySQL for the cursor, and goes on from there, so that a commit without an answer is neither lost nor repeated.
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

  /** When a round last ended well, here or by another keeper, on the monotonic clock: for the supervisor. */
  get lastProgressAt(): number {
    return this.#lastProgressAt;
  }
  get failuresInARow(): number {
    return this.#failures;
  }

  /** Rounds without end, until the signal: `target` tells whose journal, or null while none is to be flushed. */
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
        if (error instanceof Overtaken) {
          await this.#standBy(stopped).catch(() => {});
          continue;
        }
        await this.#look(caller).catch(() => {}); // Redis is away: what was known stays
        const backoffMs = Math.min(
          limits.retryMaxMs,
          limits.retryBaseMs * 2 ** Math.max(0, Math.min(this.#failures - 1, 16)),
        );
        await clock.sleep(backoffMs * (0.5 + clock.random()), stopped);
      }
    }
  }

  /**
   * Another keeper flushes: two would do the same work and one of them in vain. Looks on until the cursor stands still, which
   * may only mean that nothing is to be done. @throws when MySQL is away
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

  /** While MySQL is away nothing is read to be flushed, and what waits grows all the same. */
  async #look(caller: KeeperCaller): Promise<void> {
    const { cache, events } = this.#deps;
    const { head } = await cache.journal(caller, Number.MAX_SAFE_INTEGER - 1, 1);
    const { entries } = await cache.journal(caller, head.cursor, 1);
    events.waiting(Math.max(0, head.seq - head.cursor), acceptedAtOf(entries[0]));
  }

  /**
   * Flushes until the journal's end, or until `goesOn`, which is told of every transaction, says otherwise.
   * @returns the journal's last seq; null where it was not reached. @throws what stopped it
   */
  async drain(caller: KeeperCaller, authorityEpoch: number): Promise<number>;
  async drain(caller: KeeperCaller, authorityEpoch: number, goesOn: GoesOn): Promise<number | null>;
  async drain(caller: KeeperCaller, authorityEpoch: number, goesOn: GoesOn = () => true): Promise<number | null> {
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

  /** One transaction. @returns how many outcomes it brought to MySQL; 0: the journal is at its end. */
  async round(caller: KeeperCaller, authorityEpoch: number): Promise<number> {
    const { store, clock, events } = this.#deps;
    const reading = await this.#readingIn(caller.epoch);
    const batch = (await reading.next) ?? (await this.#gather(reading, caller));
    reading.next = null;
    if (!batch) {
      // A cursor that was committed and could not be published: nobody else makes it good while nothing is written.
      if (reading.published < reading.seq) await this.#publish(reading, caller);
      return 0;
    }
    const [following] = reading.ahead;
    const started = clock.monotonic();
    const committed = store.commit(batch, authorityEpoch);
    // Where more than a batch waits, the next one is read and made ready while MySQL works on this one.
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

  /** Forgets what was read ahead and where it was: MySQL will tell. */
  forget(): void {
    this.#reading = nowhere();
  }

  /** Reads what follows, and verifies it; null at the journal's end. @throws IntegrityError, CacheError */
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

  /** What was read ahead, and as much more as makes a batch, if so much is there. */
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
    // Nothing is wrong with a journal that another keeper has flushed, and trimmed, while this one slept: if MySQL has it.
    if (head.cursor > afterSeq && (await this.#deps.store.cursor()).seq > afterSeq)
      throw new Overtaken(`the journal is flushed up to ${head.cursor}`);
    if (head.seq > afterSeq && entries.length === 0)
      throw new Error(`the journal ends before ${head.seq}, at ${afterSeq}`);
    this.#deps.events.waiting(head.seq - afterSeq, acceptedAtOf(entries[0]));
    return entries;
  }

  /** As many whole entries as make a batch; at least one. */
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

  /** Each failure in a row halves what is tried next: a batch that is too heavy to be read or written must not block for ever. */
  get #batchMax(): number {
    return Math.max(1, this.#deps.limits.batchMax >> Math.min(this.#failures, 30));
  }
  get #charsMax(): number {
    return this.#deps.limits.charsMax >> Math.min(this.#failures, 30);
  }
  get #entriesPerRead(): number {
    return Math.max(1, ENTRIES_PER_READ_MAX >> Math.min(this.#failures, 30));
  }

  /** The highest seq that was flushed long enough ago. What is committed stays so, whoever did it and whatever failed since. */
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
    if (error instanceof Overtaken) {
      // The journal goes on all the same, by another keeper: nothing to alert anybody of.
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

/** Outcomes in entries, at most: items that got none are counted too. */
const outcomesIn = (entries: readonly JournalEntry[]): number =>
  entries.reduce((count, entry) => count + entry.records.length / RECORD_BYTES, 0);

/**
 * When an entry was accepted; in one of an older release that is the eighth field of its first item, found without parsing the
 * rest of a long payload.
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
