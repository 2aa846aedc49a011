/** The types of events, as in the CloudEvents that clients get. */
export const EVENT_TYPES = [
  'holdfast.transfer.posted',
  'holdfast.transfer.rejected',
  'holdfast.group.posted',
  'holdfast.group.rejected',
  'holdfast.hold.placed',
  'holdfast.hold.rejected',
  'holdfast.hold.changed',
  'holdfast.hold.voided',
  'holdfast.hold.expired',
  'holdfast.account.opened',
  'holdfast.account.changed',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** An event of the change feed. */
export interface FeedEvent {
  type: EventType;
  /** The accounts for which it is an event: those of clients in the shard of the event. */
  accounts: readonly string[];
  /** The CloudEvent, as JSON without line breaks. */
  json(): string;
}

/** Which events are wanted; null: all. */
export interface FeedFilter {
  accounts: ReadonlySet<string> | null;
  types: ReadonlySet<EventType> | null;
  /** With the personal data that the log has only as hashes: references, metadata, names, users. */
  details: boolean;
}

/**
 * A place in the log of one shard. Everything up to the entry `index` of the row `position` lies before it; without an index,
 * the whole row.
 */
export interface Place {
  position: number;
  index: number | null;
  /**
   * The beginning of the hash of the row: after a backup was restored, positions are used again, with other rows. Absent if
   * it is not known.
   */
  check?: string;
}

/** A place in each shard's log, in order of the shards; null for a shard that is not read. */
export type FeedPosition = readonly (Place | null)[];

/** Where to begin: behind the oldest or the newest event, or at a position that an earlier response contained. */
export type FeedStart = 'oldest' | 'latest' | FeedPosition;

export interface FeedPage {
  events: readonly FeedEvent[];
  next: FeedPosition;
  /** False if there may be more events already. */
  caughtUp: boolean;
}

/** Why this side ends a subscription. */
export type FeedEnd = 'shutting_down' | 'too_slow' | 'credentials' | 'reconnect' | 'failed';

/** Receives the events of a subscription. */
export interface FeedSink {
  /**
   * Takes events in order. @param position after the last of them
   * @returns false if no more can be taken until `whenDrained` has called back
   */
  send(events: readonly SentEvent[]): boolean;
  whenDrained(action: () => void): void;
  /** The subscription has ended: nothing more is sent. */
  end(reason: FeedEnd): void;
}

/** An event with the position after it. */
export interface SentEvent {
  event: FeedEvent;
  position: FeedPosition;
}

export interface Subscription {
  /** After everything that was sent, and everything that was skipped because it was not wanted. */
  readonly position: FeedPosition;
  end(reason: FeedEnd): void;
  /** The client has gone. */
  cancel(): void;
}

/** The change feed: everything that was committed, read from the sealed logs of all shards. */
export interface Feed {
  /** The number of shards, and of places in a position. */
  readonly shards: number;
  /** @throws Problem events_gone, validation_failed for a position of another log, feature_not_active, and the 503s */
  page(start: FeedStart, filter: FeedFilter, limit: number): Promise<FeedPage>;
  /** The position at which a subscription begins. @throws Problem as `page` */
  begin(start: FeedStart, filter: FeedFilter): Promise<FeedPosition>;
  /** @param from as `begin` returned it for this filter */
  subscribe(from: FeedPosition, filter: FeedFilter, sink: FeedSink): Subscription;
}
