import type { FeedEnd, FeedPosition, FeedSink, SentEvent } from '../../ledger/ports/feed.ts';

interface ParsedEvent {
  id: string;
  type: string;
  subject: string;
  data: Record<string, unknown>;
}

/** Collects what a listener gets. It can stop taking events, like a client that does not read. */
export class CollectingSink implements FeedSink {
  readonly sent: SentEvent[] = [];
  ended: FeedEnd | null = null;
  /** How many calls it accepts before it is full. */
  room = Number.POSITIVE_INFINITY;
  #onDrained: (() => void) | null = null;

  send(events: readonly SentEvent[]): boolean {
    this.sent.push(...events);
    this.room -= 1;
    return this.room > 0;
  }
  whenDrained(action: () => void): void {
    this.#onDrained = action;
  }
  end(reason: FeedEnd): void {
    this.ended = reason;
  }

  /** Accepts events again, and calls back. */
  drain(room = Number.POSITIVE_INFINITY): void {
    this.room = room;
    const action = this.#onDrained;
    this.#onDrained = null;
    action?.();
  }
  get isFull(): boolean {
    return this.#onDrained !== null;
  }

  get events(): ParsedEvent[] {
    return this.sent.map(({ event }) => JSON.parse(event.json()) as ParsedEvent);
  }
  get subjects(): string[] {
    return this.events.map(({ subject }) => subject);
  }
  get position(): FeedPosition | undefined {
    return this.sent.at(-1)?.position;
  }
}
