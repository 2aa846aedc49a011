import { Problem } from '../domain/problem.ts';
import type { Clock } from '../kernel/clock.ts';
import { FailureReport } from '../kernel/failure-report.ts';
import type { Logger } from '../kernel/log.ts';
import { backoffMs } from '../kernel/retry.ts';
import type { FeedEvent, FeedFilter, Place } from '../ledger/ports/feed.ts';
import type { FeedRow, RowEvent } from './feed-row.ts';
import type { RowReader } from './row-reader.ts';

/** How often the log is read while nothing is added to it, ms. */
const POLL_MS = 100;
const RETRY_BASE_MS = 100;
const RETRY_DOUBLINGS_MAX = 4;
const DETAILED: FeedFilter = { accounts: null, types: null, details: true };

/** A recipient of the events of new rows. */
export interface Follower {
  readonly filter: FeedFilter;
  /**
   * Called for each event of its accounts, in order; twice for an event of two of its accounts.
   * @param seen the event as this follower sees it
   */
  offer(row: FeedRow, event: RowEvent, seen: FeedEvent): void;
  /** Called when the log no longer contains the next rows. */
  fail(): void;
}

export interface LogFollowerDependencies {
  reader: RowReader;
  clock: Clock;
  logger: Logger;
}

/**
 * Follows the end of the log of one shard, for all listeners of the pod. New rows are read once, and their events go to the
 * listeners of their accounts: a listener costs nothing while nothing happens to its accounts. Without listeners, the log is
 * not read.
 */
export class LogFollower {
  readonly #deps: LogFollowerDependencies;
  readonly #report: FailureReport;
  readonly #ofAll = new Set<Follower>();
  readonly #byAccount = new Map<string, Set<Follower>>();
  /** All followers, each with the position from which it gets events. */
  readonly #followers = new Map<Follower, number>();
  /** How many followers want details. */
  #detailed = 0;
  #place: Place = { position: 0, index: null };
  #running = false;
  #failures = 0;
  #behindSinceMs: number | null = null;

  constructor(deps: LogFollowerDependencies) {
    const { clock, logger, reader } = deps;
    this.#deps = deps;
    this.#report = new FailureReport(
      clock,
      logger,
      `the sealed log of shard ${reader.shard} could not be read; retrying`,
    );
  }

  /** Everything before it has been given to the followers. */
  get place(): Place {
    return this.#place;
  }

  /** How long this follower has been behind the end of the log, ms. */
  get behindMs(): number {
    return this.#behindSinceMs === null ? 0 : this.#deps.clock.monotonic() - this.#behindSinceMs;
  }

  /**
   * Adds a follower that has seen everything up to the end of a row. @param isAtEnd whether this was the end of the log
   * @returns false if rows after it have already been given to the others
   */
  add(follower: Follower, place: Place, isAtEnd: boolean): boolean {
    const { position } = place;
    if (this.#followers.size === 0 && !this.#running) {
      if (!isAtEnd) return false;
      this.#place = place;
    }
    if (position < this.#place.position) return false;
    const { accounts, details } = follower.filter;
    this.#followers.set(follower, position);
    if (details) this.#detailed += 1;
    if (accounts === null) this.#ofAll.add(follower);
    else for (const account of accounts) this.#indexOf(account).add(follower);
    if (!this.#running) void this.#run();
    return true;
  }

  remove(follower: Follower): void {
    if (!this.#followers.delete(follower)) return;
    const { accounts, details } = follower.filter;
    if (details) this.#detailed -= 1;
    this.#ofAll.delete(follower);
    for (const account of accounts ?? []) {
      const followers = this.#byAccount.get(account);
      followers?.delete(follower);
      if (followers?.size === 0) this.#byAccount.delete(account);
    }
  }

  #indexOf(account: string): Set<Follower> {
    const known = this.#byAccount.get(account) ?? new Set();
    this.#byAccount.set(account, known);
    return known;
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    this.#running = true;
    this.#behindSinceMs = clock.monotonic();
    while (this.#followers.size > 0) {
      const waitMs = await this.#step();
      if (waitMs > 0) await clock.sleep(waitMs);
    }
    this.#running = false;
    this.#behindSinceMs = null;
  }

  /** @returns how long to wait before the next step, ms */
  async #step(): Promise<number> {
    const { clock, reader } = this.#deps;
    try {
      const rows = await reader.follow(this.#place.position);
      this.#failures = 0;
      this.#report.succeeded();
      for (const row of rows) {
        await this.#give(row);
        // A row can contain the transfers of a whole flush, so let requests run in between.
        await new Promise<void>((resolve) => clock.endOfTurn(resolve));
      }
      this.#behindSinceMs = rows.length > 0 ? (this.#behindSinceMs ?? clock.monotonic()) : null;
      return rows.length > 0 ? 0 : POLL_MS;
    } catch (error) {
      this.#report.failedWith(error);
      if (error instanceof Problem && error.code === 'events_gone')
        for (const follower of [...this.#followers.keys()]) follower.fail();
      this.#behindSinceMs ??= clock.monotonic();
      return backoffMs(Math.min(this.#failures++, RETRY_DOUBLINGS_MAX), RETRY_BASE_MS, clock);
    }
  }

  async #give(row: FeedRow): Promise<void> {
    const detailed = new Map<RowEvent, FeedEvent>();
    let events = this.#wantedIn(row);
    // A follower that is added while details are read may want those of other events.
    for (let missing = this.#lacking(events, detailed); missing.length > 0; missing = this.#lacking(events, detailed)) {
      const seen = await this.#deps.reader.seenBy(DETAILED, missing);
      for (const [index, event] of missing.entries()) detailed.set(event, seen[index] ?? event);
      events = this.#wantedIn(row);
    }
    for (const event of events)
      for (const follower of this.#followersOf(event))
        if (row.position > (this.#followers.get(follower) ?? row.position))
          follower.offer(row, event, (follower.filter.details && detailed.get(event)) || event);
    this.#place = row.placeAfter(null);
  }

  #wantedIn(row: FeedRow): RowEvent[] {
    return this.#ofAll.size > 0 ? row.events : row.eventsOf((account) => this.#byAccount.has(account));
  }

  *#followersOf({ accounts }: RowEvent): Iterable<Follower> {
    yield* this.#ofAll;
    for (const account of accounts) yield* this.#byAccount.get(account) ?? [];
  }

  /** The events whose details a follower wants and which have not been read yet. */
  #lacking(events: readonly RowEvent[], read: ReadonlyMap<RowEvent, FeedEvent>): RowEvent[] {
    if (this.#detailed === 0) return [];
    const wanted = (event: RowEvent) => {
      for (const { filter } of this.#followersOf(event))
        if (filter.details && (filter.types?.has(event.type) ?? true)) return true;
      return false;
    };
    return events.filter((event) => !read.has(event) && wanted(event));
  }
}
