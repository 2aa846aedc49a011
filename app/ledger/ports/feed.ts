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
  /** The accounts that the event concerns: accounts of clients, in the shard of the event. */
  accounts: readonly string[];
  /** The CloudEvent, as JSON without line breaks. */
  json(): string;
}

/** Which events are wanted; null: all. */
export interface FeedFilter {
  accounts: ReadonlySet<string> | null;
  types: ReadonlySet<EventType> | null;
  /**
   * Whether events include the personal data that the log contains only as hashes: references, metadata, names, users.
   */
  details: boolean;
  /**
   * The listener may use only accounts with these prefixes: it gets events of no other account, without the state of other
   * accounts, and events of groups only if it may use all of their accounts. Absent if it may use all accounts.
   */
  prefixes?: readonly string[] | null;
}

/**
 * A place in the log of one shard. Everything up to and including the entry `index` of the row `position` is before it;
 * without an index, the whole row is.
 */
export interface Place {
  position: number;
  index: number | null;
  /**
   * The beginning of the row's hash: after a backup is restored, positions are reused for different rows. Absent if the
   * hash is not known.
   */
  check?: string;
}

/** A place in each shard's log, in order of the shards; null for a shard that is not read. */
export type FeedPosition = readonly (Place | null)[];

/**
 * Where to begin: before the oldest event, after the newest one, or at a position that an earlier response contained.
 */
export type FeedStart = 'oldest' | 'latest' | FeedPosition;

export interface FeedPage {
  events: readonly FeedEvent[];
  next: FeedPosition;
  /** False if more events may be available already. */
  caughtUp: boolean;
}

/** Why the server ends a subscription. */
export type FeedEnd = 'shutting_down' | 'too_slow' | 'credentials' | 'reconnect' | 'failed';

/** Receives the events of a subscription. */
export interface FeedSink {
  /**
   * Takes events in order.
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
  /** The position after all events that were sent, and all that were skipped because they are not wanted. */
  readonly position: FeedPosition;
  end(reason: FeedEnd): void;
  /** The client has disconnected. */
  cancel(): void;
}

/** The change feed: everything that was committed, read from the sealed logs of all shards. */
export interface Feed {
  /** The number of shards, and of places in a position. */
  readonly shards: number;
  /** @throws Problem events_gone, validation_failed for a position of another log, feature_not_active, and the 503s */
  page(start: FeedStart, filter: FeedFilter, limit: number): Promise<FeedPage>;
  /** The position at which a subscription begins. @throws Problem like `page` */
  begin(start: FeedStart, filter: FeedFilter): Promise<FeedPosition>;
  /** @param from as `begin` returned it for this filter */
  subscribe(from: FeedPosition, filter: FeedFilter, sink: FeedSink): Subscription;
}
