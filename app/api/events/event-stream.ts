import type { Clock } from '../../kernel/clock.ts';
import type { FeedEnd, FeedPosition, FeedSink, SentEvent, Subscription } from '../../ledger/ports/feed.ts';
import { formatPosition } from '../../ledger/ports/feed-position.ts';
import type { LiveConnection, LiveContent } from '../http/live-responses.ts';

export const EVENT_STREAM = 'text/event-stream';

/** How often a stream without events sends something, so that proxies and clients do not close it, ms. */
const HEARTBEAT_MS = 15_000;
/** Listeners that lost their pod reconnect after a random time in this range, ms. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 5_000;

interface EventStreamDependencies {
  clock: Clock;
  from: FeedPosition;
  subscribe(sink: FeedSink): Subscription;
}

/** Server-Sent Events (WHATWG HTML, 9.2). */
export function eventStream({ clock, from, subscribe }: EventStreamDependencies): LiveContent {
  return {
    type: EVENT_STREAM,
    open(connection) {
      const retryMs = Math.round(RETRY_MS_MIN + (RETRY_MS_MAX - RETRY_MS_MIN) * clock.random());
      connection.write(`retry: ${retryMs}\n${idOf(from)}\n`);
      const subscription = subscribe(sinkOf(connection));
      const cancel = beating(clock, connection, subscription);
      return {
        end: (reason) => subscription.end(reason),
        closed() {
          cancel();
          subscription.cancel();
        },
      };
    },
  };
}

const idOf = (position: FeedPosition): string => `id: ${formatPosition(position)}\n`;
const blockOf = ({ event, position }: SentEvent): string => `${idOf(position)}data: ${event.json()}\n\n`;
const endOf = (reason: FeedEnd): string => `event: end\ndata: {"reason":"${reason}"}\n\n`;

const sinkOf = (connection: LiveConnection): FeedSink => ({
  send: (events) => connection.write(events.map(blockOf).join('')),
  whenDrained: (action) => connection.whenDrained(action),
  end: (reason) => connection.end(endOf(reason)),
});

/**
 * A block without data is not an event, but clients store its id, so the position of a filtered stream advances even
 * without events.
 */
function beating(clock: Clock, connection: LiveConnection, subscription: Subscription): () => void {
  let cancel = () => {};
  let isBlocked = false;
  const beat = () => {
    cancel = clock.after(HEARTBEAT_MS, () => {
      if (!isBlocked && !connection.write(`:\n${idOf(subscription.position)}\n`)) {
        isBlocked = true;
        connection.whenDrained(() => {
          isBlocked = false;
        });
      }
      beat();
    });
  };
  beat();
  return () => cancel();
}
