import { shardOfAccount } from '../domain/account-shard.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type {
  Feed,
  FeedEnd,
  FeedEvent,
  FeedFilter,
  FeedPage,
  FeedPosition,
  FeedSink,
  FeedStart,
  Place,
  Subscription,
} from '../ledger/ports/feed.ts';
import type { SealedLog } from '../ledger/ports/sealed-log.ts';
import { beginAt, pageOf } from './feed-pages.ts';
import { LogFollower } from './log-follower.ts';
import { type Budget, Outbox } from './outbox.ts';
import { Pace } from './pace.ts';
import { RowReader } from './row-reader.ts';
import { ShardReading } from './shard-reading.ts';

/** Entries per second that a pod reads again, for all listeners and pages together: about a fifth of a core. */
const REPLAYED_PER_SECOND_MAX = 20_000;
/** A page ends after it has examined this many entries, however few of them match the filter. */
const EXAMINED_MAX = 10_000;
const WAITING_MAX = 64 * 1024 * 1024;

interface FeedShardParts {
  log: SealedLog;
  logger: Logger;
  /** @throws Problem feature_not_active, ledger_switching while the shard has no log yet */
  requireActive(): void;
}

export interface ChangeFeedDependencies {
  /** One for each shard, in order. */
  shards: readonly FeedShardParts[];
  ledgerId(): Promise<string>;
  clock: Clock;
  /** Called when a subscription has ended. */
  onEnd(reason: FeedEnd | 'client_gone'): void;
  /** Called when a listener falls back to reading the log, because its client did not take new events in time. */
  onBehind(): void;
  /** How many characters of events may wait for all listeners of a pod together. */
  waitingMax?: number;
}

interface FeedShard extends Pick<FeedShardParts, 'logger' | 'requireActive'> {
  number: number;
  reader: RowReader;
  follower: LogFollower;
}

/** The change feed of a pod. */
export class ChangeFeed implements Feed {
  readonly #deps: ChangeFeedDependencies;
  readonly #shards: readonly FeedShard[];
  readonly #budget: Budget;

  constructor(deps: ChangeFeedDependencies) {
    const { clock, ledgerId } = deps;
    const pace = new Pace(clock, REPLAYED_PER_SECOND_MAX);
    this.#deps = deps;
    this.#budget = { used: 0, max: deps.waitingMax ?? WAITING_MAX };
    this.#shards = deps.shards.map(({ log, logger, requireActive }, number) => {
      const reader = new RowReader({ log, shard: number, ledgerId, pace });
      return { number, logger, requireActive, reader, follower: new LogFollower({ reader, clock, logger }) };
    });
  }

  get shards(): number {
    return this.#shards.length;
  }

  /** How long this pod has been behind the end of the log of a shard that it follows, ms. */
  behindMs(shard: number): number {
    return this.#shards[shard]?.follower.behindMs ?? 0;
  }

  async page(start: FeedStart, filter: FeedFilter, limit: number): Promise<FeedPage> {
    const read = this.#shardsOf(filter);
    const next: (Place | null)[] = [...(await beginAt(start, this.shards, read))];
    const events: FeedEvent[] = [];
    let caughtUp = true;
    for (const [done, { number, reader }] of read.entries()) {
      const share = Math.ceil((limit - events.length) / (read.length - done));
      const examinedMax = Math.ceil(EXAMINED_MAX / read.length);
      const page = await pageOf(reader, placeIn(next, number), filter, { limit: share, examinedMax });
      events.push(...page.events);
      next[number] = page.next;
      caughtUp &&= page.caughtUp;
    }
    return { events, next, caughtUp };
  }

  begin(start: FeedStart, filter: FeedFilter): Promise<FeedPosition> {
    return beginAt(start, this.shards, this.#shardsOf(filter));
  }

  subscribe(from: FeedPosition, filter: FeedFilter, sink: FeedSink): Subscription {
    const { clock, onBehind, onEnd } = this.#deps;
    const outbox = new Outbox({
      clock,
      budget: this.#budget,
      sink,
      start: from,
      onEnd(reason) {
        for (const reading of readings) reading?.stop();
        onEnd(reason);
      },
    });
    const positionAfter = (busy: ShardReading | null): FeedPosition =>
      readings.map((reading, shard) => {
        if (!reading) return from[shard] ?? null;
        return reading === busy ? reading.place : reading.reached;
      });
    const wanted = new Set(this.#shardsOf(filter));
    const readings = this.#shards.map((shard) =>
      wanted.has(shard)
        ? new ShardReading({
            ...shard,
            clock,
            filter,
            outbox,
            start: placeIn(from, shard.number),
            positionAfter,
            onBehind,
          })
        : null,
    );
    for (const reading of readings) void reading?.read();
    return {
      get position() {
        return outbox.sentWhileWaiting ?? positionAfter(null);
      },
      end: (reason) => outbox.end(reason),
      cancel: () => outbox.cancel(),
    };
  }

  /** The shards that can contain events that match a filter. */
  #shardsOf({ accounts }: FeedFilter): readonly FeedShard[] {
    if (accounts === null) return this.#shards;
    const numbers = new Set([...accounts].map((account) => shardOfAccount(account, this.shards)));
    return this.#shards.filter(({ number }) => numbers.has(number));
  }
}

function placeIn(position: FeedPosition, shard: number): Place {
  const place = position[shard];
  if (!place) throw new RangeError(`shard ${shard} is not read`);
  return place;
}
