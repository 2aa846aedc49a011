import { Problem } from '../domain/problem.ts';
import { beginAt, pageOf } from '../feed/feed-pages.ts';
import { Pace } from '../feed/pace.ts';
import { RowReader } from '../feed/row-reader.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { FeedEvent, FeedFilter, FeedPosition, Place } from '../ledger/ports/feed.ts';
import type { SealedLog } from '../ledger/ports/sealed-log.ts';
import { LogWatch } from './log-watch.ts';

/** Maximum number of entries per second that are read again for webhooks that are behind. */
const REPLAYED_PER_SECOND_MAX = 50_000;
const EXAMINED_MAX = 10_000;

export interface WebhookLogDependencies {
  /** The log of each shard. */
  shards: readonly { log: SealedLog; logger: Logger }[];
  ledgerId(): Promise<string>;
  clock: Clock;
}

export interface WebhookPage {
  events: readonly FeedEvent[];
  next: FeedPosition;
  /** False if more events may already be available. */
  caughtUp: boolean;
  /** Whether the database of some shard was unavailable. */
  isPartial: boolean;
}

/** The sealed logs of all shards, for webhooks. A shard whose database is unavailable does not delay the others. */
export class WebhookLog {
  readonly #readers: readonly RowReader[];
  readonly #watches: readonly LogWatch[];
  #first = 0;

  constructor({ shards, ledgerId, clock }: WebhookLogDependencies) {
    const pace = new Pace(clock, REPLAYED_PER_SECOND_MAX);
    this.#readers = shards.map(({ log }, shard) => new RowReader({ log, shard, ledgerId, pace }));
    this.#watches = this.#readers.map(
      (reader, shard) => new LogWatch({ reader, clock, logger: shards[shard]?.logger ?? NO_LOGGER }),
    );
  }

  get shards(): number {
    return this.#readers.length;
  }

  /** Follows the ends of the logs until the signal aborts. */
  async watch(stopped: AbortSignal): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.run(stopped)));
  }

  /**
   * Checks that a position belongs to these logs. Null stands for a position with another number of shards, and leads
   * to the beginning of the logs: the ledger has been split since then, and new logs began.
   * @throws Problem events_gone, validation_failed for a position of another log, database_unavailable
   */
  begin(position: FeedPosition | null): Promise<FeedPosition> {
    const shards = this.#readers.map((reader, number) => ({ number, reader, requireActive() {} }));
    return beginAt(position ?? 'oldest', this.shards, shards);
  }

  /** @throws Problem events_gone; database_unavailable if no shard could be read */
  async page(
    start: FeedPosition,
    filter: FeedFilter,
    max: { events: number; characters: number },
  ): Promise<WebhookPage> {
    const next: (Place | null)[] = [...start];
    const events: FeedEvent[] = [];
    let caughtUp = true;
    let room = max.characters;
    let failure: Problem | null = null;
    let failed = 0;
    for (const shard of this.#order()) {
      const [reader, place] = [this.#readers[shard], start[shard]];
      if (!reader || !place) continue;
      const limits = { limit: max.events - events.length, examinedMax: EXAMINED_MAX, charactersMax: room };
      if (limits.limit === 0 || room <= 0) return { events, next, caughtUp: false, isPartial: failed > 0 };
      try {
        const page = await pageOf(reader, place, filter, limits);
        events.push(...page.events);
        room -= page.events.reduce((sum, event) => sum + event.json().length, 0);
        next[shard] = page.next;
        caughtUp &&= page.caughtUp;
      } catch (error) {
        if (!(error instanceof Problem) || error.code !== 'database_unavailable') throw error;
        failure = error;
        failed += 1;
        caughtUp = false;
      }
    }
    if (failure && failed === this.shards) throw failure;
    return { events, next, caughtUp, isPartial: failed > 0 };
  }

  /** Resolves when a log has rows after the position, or the signal aborts. */
  async changed(position: FeedPosition, stopped: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const end = () => ended.abort();
    stopped.addEventListener('abort', end);
    if (stopped.aborted) end();
    const waits = this.#watches.map((watch, shard) => watch.after(position[shard]?.position ?? 0, ended.signal));
    await Promise.race(waits);
    end();
    stopped.removeEventListener('abort', end);
  }

  /** Begins with a different shard each time, so that a busy shard does not keep the others waiting. */
  #order(): number[] {
    this.#first = (this.#first + 1) % this.shards;
    return this.#readers.map((_, index) => (index + this.#first) % this.shards);
  }
}

const NO_LOGGER: Logger = { info() {}, warn() {}, error() {} };
