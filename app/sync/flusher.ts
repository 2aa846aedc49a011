import type { CacheKeeper, KeeperCaller } from '../journal/cache-port.ts';
import { type Cursor, CursorConflictError } from '../journal/cursor.ts';
import type { FlushBatch } from '../journal/flush-batch.ts';
import type { Clock } from '../kernel/clock.ts';
import { acceptedAtOf, ReadAhead } from './read-ahead.ts';

/** The part of MySQL that the flush needs. */
export interface JournalStore {
  cursor(): Promise<Cursor>;
  commit(batch: FlushBatch, authorityEpoch: number): Promise<void>;
}

export interface FlushLimits {
  /** Maximum number of outcomes per transaction. */
  batchMax: number;
  /**
   * Maximum number of characters of payload per transaction, because metadata can make one outcome a hundred times
   * as large as another.
   */
  charsMax: number;
  /**
   * While less than a batch is waiting, a round begins this long after the previous one, ms, because small commits cost
   * as much as large ones.
   */
  gatherMs: number;
  retryBaseMs: number;
  retryMaxMs: number;
  /** Consecutive failures after which the alert fires; retries continue. */
  alertAfterFailures: number;
}

export interface FlushEvents {
  flushed(batch: FlushBatch, ms: number): void;
  failed(error: unknown, failuresInARow: number): void;
  /**
   * Called when the alert fires. The alert ends with the next success, or when this flusher no longer has anything to
   * flush.
   */
  alert(on: boolean): void;
  /**
   * The remaining backlog, reported after every read of the journal and every commit. `entries` is null if the number
   * is unknown.
   */
  waiting(entries: number | null, oldestAcceptedAt: number | null): void;
}

interface FlusherDependencies {
  cache: CacheKeeper;
  store: JournalStore;
  clock: Clock;
  limits: FlushLimits;
  events: FlushEvents;
}

type GoesOn = (seq: number, headSeq: number) => boolean;

/** How long flushed entries stay in the journal, ms: a retry within this time is answered without MySQL. */
const KEEP_FLUSHED_MS = 10_000;
const MARK_EVERY_MS = 1_000;
/** Roughly how long the cursor must be unchanged before a keeper whose cursor conflicted tries again, ms. */
const STAND_BY_MS = 500;

/**
 * Writes the journal to MySQL. A round reads the entries after the cursor, verifies them, commits them and the cursor
 * in one transaction, and publishes the cursor. While one batch commits, the next one is read. After any failure, the
 * flusher discards its state and reads the cursor from MySQL, so that a commit without a reply is neither lost nor
 * repeated.
 */
export class Flusher {
  readonly #deps: FlusherDependencies;
  #reading: ReadAhead | null = null;
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
   * Runs rounds until the signal aborts. @param target returns access to the journal to flush; null if there is none
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
        if (flushed < limits.batchMax / 2 && !this.#reading?.hasMore) await clock.sleep(limits.gatherMs, stopped);
      } catch (error) {
        this.#failed(error);
        if (error instanceof CursorConflictError) {
          await this.#standBy(stopped).catch(() => {});
          continue;
        }
        await this.#look(caller).catch(() => {}); // Redis is unavailable, so the last known values are kept
        const backoffMs = Math.min(
          limits.retryMaxMs,
          limits.retryBaseMs * 2 ** Math.max(0, Math.min(this.#failures - 1, 16)),
        );
        await clock.sleep(backoffMs * (0.5 + clock.random()), stopped);
      }
    }
  }

  /**
   * Another keeper is flushing, and this one would only do the same work again. Waits until the cursor no longer moves,
   * which may also mean that there is nothing to flush. @throws if MySQL is unavailable
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

  /** While MySQL is unavailable, nothing is flushed, but the backlog keeps growing, so it is still read. */
  async #look(caller: KeeperCaller): Promise<void> {
    const { cache, events } = this.#deps;
    const { head } = await cache.journal(caller, Number.MAX_SAFE_INTEGER - 1, 1);
    const { entries } = await cache.journal(caller, head.cursor, 1);
    events.waiting(Math.max(0, head.seq - head.cursor), acceptedAtOf(entries[0]));
  }

  /**
   * Flushes to the end of the journal, or until `goesOn`, which is called after every transaction, returns false.
   * @returns the journal's last seq; null if it was not reached. @throws the error that stopped it
   */
  async catchUp(caller: KeeperCaller, authorityEpoch: number): Promise<number>;
  async catchUp(caller: KeeperCaller, authorityEpoch: number, goesOn: GoesOn): Promise<number | null>;
  async catchUp(caller: KeeperCaller, authorityEpoch: number, goesOn: GoesOn = () => true): Promise<number | null> {
    this.forget();
    try {
      while ((await this.round(caller, authorityEpoch)) > 0) {
        this.#succeeded();
        if (!goesOn(this.#reading?.published ?? 0, this.#reading?.headSeq ?? 0)) return null;
      }
      return this.#reading?.seq ?? 0;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Runs one transaction. @returns the number of outcomes written to MySQL; 0 at the end of the journal */
  async round(caller: KeeperCaller, authorityEpoch: number): Promise<number> {
    const { store, clock, events } = this.#deps;
    const reading = await this.#readingIn(caller);
    const batch = await reading.next(caller, this.#failures);
    if (!batch) {
      // Publishes a committed cursor whose publication failed: while nothing is written, nothing
      // else would publish it.
      if (reading.published < reading.seq) await this.#publish(reading, caller);
      return 0;
    }
    // If the next entry has not been read yet, the time of this batch's last entry serves as a lower bound.
    const following = reading.nextAcceptedAt ?? batch.outcomes.at(-1)?.acceptedAt ?? null;
    const started = clock.monotonic();
    const committed = store.commit(batch, authorityEpoch);
    reading.prepare(caller, this.#failures);
    await committed;
    events.flushed(batch, clock.monotonic() - started);
    const waiting = Math.max(0, reading.headSeq - batch.lastSeq);
    events.waiting(waiting, waiting === 0 ? null : following);
    await this.#publish(reading, caller, batch.lastSeq);
    return batch.lastSeq - batch.afterSeq;
  }

  async #publish(reading: ReadAhead, caller: KeeperCaller, cursor = reading.seq): Promise<void> {
    const head = await this.#deps.cache.publish(caller, cursor, this.#trimmable(caller.epoch, cursor));
    reading.published = head.cursor;
  }

  /**
   * This keeper has nothing to flush for now. Without this call, an earlier alert would never end. The backlog that
   * this keeper last saw is in MySQL, or is counted by another keeper.
   */
  #rest(): void {
    this.forget();
    this.#recovered();
    this.#deps.events.waiting(null, null);
  }

  /** Discards the entries read ahead and the position, which is then read from MySQL. */
  forget(): void {
    this.#reading = null;
  }

  async #readingIn({ epoch }: KeeperCaller): Promise<ReadAhead> {
    if (this.#reading?.epoch === epoch) return this.#reading;
    const { cache, store, limits, events } = this.#deps;
    const cursor = await store.cursor();
    if (cursor.epoch !== epoch) throw new Error(`the cursor is in epoch ${cursor.epoch}, the journal in ${epoch}`);
    const waiting = events.waiting.bind(events);
    this.#reading = new ReadAhead(cursor, { journal: cache, store, limits, waiting });
    return this.#reading;
  }

  /**
   * The highest seq that was flushed long enough ago. Committed entries remain committed, no matter which keeper
   * flushed them and what has failed since.
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
      // Another keeper is flushing the journal, which is no reason for an alert.
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
