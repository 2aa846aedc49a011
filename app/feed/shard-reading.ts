import { Problem } from '../domain/problem.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { backoffMs } from '../kernel/retry.ts';
import type { FeedEvent, FeedFilter, FeedPosition, Place } from '../ledger/ports/feed.ts';
import type { FeedRow, RowEvent } from './feed-row.ts';
import type { Follower, LogFollower } from './log-follower.ts';
import type { Outbox } from './outbox.ts';
import type { RowReader } from './row-reader.ts';

const RETRY_BASE_MS = 100;
const RETRY_DOUBLINGS_MAX = 5;

interface ShardReadingDependencies {
  clock: Clock;
  logger: Logger;
  reader: RowReader;
  follower: LogFollower;
  filter: FeedFilter;
  outbox: Outbox;
  start: Place;
  /** The listener's position in all shards, after an event of this shard. */
  positionAfter(reading: ShardReading): FeedPosition;
  /** Called when the listener falls back to reading the log, because its client did not take new events in time. */
  onBehind(): void;
}

/**
 * One listener in one shard. Either it is *live*, and gets the events of new rows from the pod's follower, or it reads older
 * rows itself, as fast as its client takes them: at the beginning, and after its outbox was full.
 */
export class ShardReading implements Follower {
  readonly #deps: ShardReadingDependencies;
  /** The place after everything that was put into the outbox or skipped. */
  #place: Place;
  #isLive = false;
  #latest: RowEvent | null = null;

  constructor(deps: ShardReadingDependencies) {
    this.#deps = deps;
    this.#place = deps.start;
  }

  get filter(): FeedFilter {
    return this.#deps.filter;
  }

  /** The place after the last event that was put into the outbox. */
  get place(): Place {
    return this.#place;
  }

  /** The place after everything that was put into the outbox or skipped. Call only between rows. */
  get reached(): Place {
    const { place } = this.#deps.follower;
    return this.#isLive && place.position >= this.#place.position ? place : this.#place;
  }

  offer(row: FeedRow, event: RowEvent, seen: FeedEvent): void {
    const { outbox, filter } = this.#deps;
    if (!this.#isLive || outbox.ended || event === this.#latest) return;
    if (filter.types && !filter.types.has(event.type)) return;
    this.#latest = event;
    try {
      if (outbox.hasRoomFor(seen)) this.#put(row, event, seen);
      else this.#fallBehind(row, event);
    } catch (error) {
      // An event that cannot be written must not prevent other listeners from getting theirs.
      this.#failWith(error);
    }
  }

  #fallBehind(row: FeedRow, event: RowEvent): void {
    const { follower, onBehind } = this.#deps;
    this.#isLive = false;
    this.#place = before(row, event);
    follower.remove(this);
    onBehind();
    void this.read();
  }

  #failWith(error: unknown): void {
    const { logger, outbox } = this.#deps;
    logger.error({ err: error }, 'a listener cannot get its events');
    outbox.end('failed');
  }

  fail(): void {
    this.#deps.outbox.end('failed');
  }

  stop(): void {
    this.#deps.follower.remove(this);
  }

  /** Reads rows until the listener can be live. Errors of MySQL are retried: the client notices only a delay. */
  async read(): Promise<void> {
    const { clock, outbox } = this.#deps;
    for (let failures = 0; !outbox.ended; ) {
      try {
        if (await this.#step()) return;
        failures = 0;
      } catch (error) {
        if (!(error instanceof Problem)) return this.#failWith(error);
        if (error.code === 'events_gone') return outbox.end('failed');
        await clock.sleep(backoffMs(Math.min(failures++, RETRY_DOUBLINGS_MAX), RETRY_BASE_MS, clock));
      }
    }
  }

  /** @returns true if the listener is live now, or has ended */
  async #step(): Promise<boolean> {
    const { outbox, reader } = this.#deps;
    await outbox.whenRoomy();
    if (outbox.ended || this.#joined(false)) return true;
    const rows = await reader.replay(this.#place.index === null ? this.#place.position : this.#place.position - 1);
    if (rows.length === 0) return !outbox.ended && this.#joined(true);
    for (const row of rows) {
      if (outbox.ended) return true;
      await this.#replay(row);
    }
    return false;
  }

  #joined(isAtEnd: boolean): boolean {
    const { follower } = this.#deps;
    this.#isLive = this.#place.index === null && follower.add(this, this.#place, isAtEnd);
    return this.#isLive;
  }

  async #replay(row: FeedRow): Promise<void> {
    const { filter, outbox, reader } = this.#deps;
    const { position, index } = this.#place;
    const events = row.matching(filter, position === row.position ? index : null);
    const seen = await reader.seenBy(filter, events);
    for (const [at, event] of events.entries()) {
      await outbox.whenRoomy();
      if (outbox.ended) return;
      this.#put(row, event, seen[at] ?? event);
    }
    this.#place = row.placeAfter(null);
  }

  #put(row: FeedRow, event: RowEvent, seen: FeedEvent): void {
    const { outbox, positionAfter } = this.#deps;
    this.#place = row.placeAfter(event.index);
    outbox.push(seen, positionAfter(this));
  }
}

/** The place right before an event. */
const before = (row: FeedRow, { index }: RowEvent): Place =>
  index === 0 ? { position: row.position - 1, index: null } : row.placeAfter(index - 1);
