import type { Clock } from '../kernel/clock.ts';
import type { FeedEnd, FeedEvent, FeedPosition, FeedSink, SentEvent } from '../ledger/ports/feed.ts';

/** How many characters of events may wait for one listener. */
const WAITING_MAX = 128 * 1024;
/** How many characters of events are handed over at once. */
const SENT_AT_ONCE = 32 * 1024;
/** How many characters are counted for a waiting event in addition to its text. */
const OVERHEAD = 256;
/** A listener that takes nothing for this long is disconnected, ms. */
const STALLED_MS_MAX = 20_000;

/** The characters that may wait for all listeners of a pod together. */
export interface Budget {
  used: number;
  readonly max: number;
}

export interface OutboxDependencies {
  clock: Clock;
  budget: Budget;
  sink: FeedSink;
  start: FeedPosition;
  /** Called once, when the subscription has ended, whatever the reason. */
  onEnd(reason: FeedEnd | 'client_gone'): void;
}

/** The events that wait for one listener, in order: a limited number, which are sent as fast as its client takes them. */
export class Outbox {
  readonly #deps: OutboxDependencies;
  #waiting: SentEvent[] = [];
  #size = 0;
  #sent: FeedPosition;
  /** The client does not take more at the moment. */
  #isBlocked = false;
  #isScheduled = false;
  #ended = false;
  #cancelStall = () => {};
  #onRoom: (() => void)[] = [];

  constructor(deps: OutboxDependencies) {
    this.#deps = deps;
    this.#sent = deps.start;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** If more events are waiting, the position after the last one that was sent; otherwise null. */
  get sentWhileWaiting(): FeedPosition | null {
    return this.#waiting.length > 0 ? this.#sent : null;
  }

  /** Whether a new event may wait: if not, its listener has to read it from the log later. */
  hasRoomFor(event: FeedEvent): boolean {
    const { budget } = this.#deps;
    const size = sizeOf(event);
    return this.#size + size <= WAITING_MAX && budget.used + size <= budget.max;
  }

  push(event: FeedEvent, position: FeedPosition): void {
    if (this.#ended) return;
    this.#waiting.push({ event, position });
    this.#grow(sizeOf(event));
    this.#schedule();
  }

  /** Resolves when the client accepts more, or when the subscription has ended. */
  async whenRoomy(): Promise<void> {
    while (!this.#ended && (this.#isBlocked || this.#size >= SENT_AT_ONCE))
      await new Promise<void>((resolve) => this.#onRoom.push(resolve));
  }

  /** Ends the subscription. What is waiting is not sent: the client gets it after its last position, from any pod. */
  end(reason: FeedEnd): void {
    if (this.#finish(reason)) this.#deps.sink.end(reason);
  }

  /** The client is gone. */
  cancel(): void {
    this.#finish('client_gone');
  }

  #finish(reason: FeedEnd | 'client_gone'): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#cancelStall();
    this.#grow(-this.#size);
    this.#waiting = [];
    this.#tellRoom();
    this.#deps.onEnd(reason);
    return true;
  }

  #grow(by: number): void {
    this.#size += by;
    this.#deps.budget.used += by;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isBlocked) return;
    this.#isScheduled = true;
    this.#deps.clock.endOfTurn(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    while (this.#waiting.length > 0 && !this.#isBlocked && !this.#ended) {
      const part = this.#takePart();
      this.#sent = part.at(-1)?.position ?? this.#sent;
      if (this.#deps.sink.send(part)) continue;
      this.#isBlocked = true;
      this.#cancelStall = this.#deps.clock.after(STALLED_MS_MAX, () => this.end('too_slow'));
      this.#deps.sink.whenDrained(() => this.#drained());
    }
    if (!this.#isBlocked) this.#tellRoom();
  }

  #takePart(): SentEvent[] {
    let size = 0;
    let count = 0;
    for (const { event } of this.#waiting) {
      if (count > 0 && size >= SENT_AT_ONCE) break;
      size += sizeOf(event);
      count += 1;
    }
    this.#grow(-size);
    return this.#waiting.splice(0, count);
  }

  #drained(): void {
    if (this.#ended) return;
    this.#cancelStall();
    this.#isBlocked = false;
    this.#send();
  }

  #tellRoom(): void {
    for (const resolve of this.#onRoom.splice(0)) resolve();
  }
}

const sizeOf = (event: FeedEvent): number => event.json().length + OVERHEAD;
