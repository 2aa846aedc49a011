import { anyObject, type Caller, type CallOptions, callWith, read, withQuery } from '../calls.ts';
import { waitMs } from '../retry/back-off.ts';
import type { EventPage, FeedEvent } from '../types.ts';
import { connection, type End } from './connection.ts';
import type { Block } from './event-source.ts';

export interface EventFilters {
  /** Only events of these accounts. */
  readonly accounts?: readonly string[];
  /** Only events of these types, such as `holdfast.transfer.posted`. */
  readonly types?: readonly string[];
  /** A cursor, `oldest` or `latest`. */
  readonly after?: string;
  /** Also returns references, metadata, users and names, which takes one more query per page. */
  readonly details?: boolean;
}

export interface FollowOptions {
  /** Ends the stream. */
  readonly signal?: AbortSignal;
  /**
   * Called when the connection was lost and the client reconnects: with the error, or null if the service ended the
   * connection.
   */
  readonly onReconnect?: (error: Error | null) => void;
  /** Called with the new cursor when the stream has advanced without an event that passes the filters. */
  readonly onCursor?: (cursor: string) => void;
}

/** An event, and the place after it: store the cursor together with the result of processing the event. */
export interface Followed {
  readonly event: FeedEvent;
  readonly cursor: string;
}

/** What the client remembers while it reconnects. */
interface Place {
  cursor: string | null;
  /** How long the service has asked the client to wait before a new connection, ms. */
  retryMs: number | null;
  /** Failures since the last block. */
  failures: number;
}

/** Everything that was committed, in order and without gaps. */
export class Events {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** One page of the feed, for programs that poll. Without `after`, it begins with the oldest event. */
  async page(filters: EventFilters & { limit?: number } = {}, options: CallOptions = {}): Promise<EventPage> {
    const path = withQuery('/v1/events/page', { ...queryOf(filters), limit: filters.limit });
    return read<EventPage>(this.#caller, path, anyObject, options);
  }

  /**
   * Events as they are committed, from now on, or from what follows `after`. When the connection is lost, the client
   * reconnects at the place that it has reached: no event is left out, and none is returned twice. The stream ends only
   * when the signal aborts.
   * @throws ProblemError if the service refuses it, such as `events_gone` if `after` is older than what it keeps
   */
  async *follow(filters: EventFilters = {}, options: FollowOptions = {}): AsyncGenerator<Followed, void, undefined> {
    const { signal, onReconnect, onCursor } = options;
    const path = withQuery('/v1/events', queryOf(filters));
    const place: Place = { cursor: null, retryMs: null, failures: 0 };
    while (!signal?.aborted) {
      const call = callWith(this.#caller, signal ? { signal } : {});
      const blocks = connection(this.#caller, call, path, place.cursor);
      let next = await blocks.next();
      try {
        for (; !next.done; next = await blocks.next()) {
          const followed = step(place, next.value);
          if (followed) yield followed;
          else if (next.value.id !== undefined) onCursor?.(next.value.id);
        }
      } finally {
        await blocks.return(ABANDONED);
      }
      if (signal?.aborted) return;
      const { error, isFinal, retryAfterMs } = next.value;
      if (isFinal && error) throw error;
      onReconnect?.(error);
      const { clock } = this.#caller;
      await clock.sleep(waitMs(++place.failures, retryAfterMs ?? place.retryMs, clock), signal);
    }
  }
}

const ABANDONED: End = { error: null, retryAfterMs: null, isFinal: true };

/** Moves the place, and returns the event of the block, if it has one. @throws SyntaxError if it is not JSON */
function step(place: Place, { id, event, data, retryMs }: Block): Followed | null {
  place.failures = 0;
  if (retryMs !== undefined) place.retryMs = retryMs;
  if (id !== undefined) place.cursor = id;
  // A named block contains only the reason why the service ends the stream.
  if (data === undefined || event !== undefined || place.cursor === null) return null;
  return { event: JSON.parse(data) as FeedEvent, cursor: place.cursor };
}

const queryOf = ({ accounts, types, after, details }: EventFilters) => ({
  account: accounts?.join(','),
  type: types?.join(','),
  after,
  details,
});
