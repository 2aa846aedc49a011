import type { Head } from './codec.ts';
import type { Caller, JournalEntry } from './port.ts';
import { Tail } from './tail.ts';

/** What a pod knows of one epoch of the cache while it is registered in it. A new epoch is a new view. */
export class EpochView {
  readonly caller: Caller;
  readonly tail = new Tail();
  #seq = 0;
  #cursor = 0;
  #m = 0;
  #dropped = 0;
  #onCursor: () => void = () => {};

  constructor(caller: Caller) {
    this.caller = caller;
  }

  /** The highest seq that any answer passed on by this pod depends on. */
  get observed(): number {
    return this.#seq;
  }
  get cursor(): number {
    return this.#cursor;
  }
  /** UUIDv7 times up to this need a look-up in MySQL. */
  get m(): number {
    return this.#m;
  }
  get dropped(): number {
    return this.#dropped;
  }
  /** Outcomes that are in the journal and not known to be in MySQL. */
  get backlog(): number {
    return this.#seq - this.#cursor;
  }

  whenCursorMoves(listener: () => void): void {
    this.#onCursor = listener;
  }

  /** Takes in the head of a reply; replies may arrive in any order, so the highest wins. */
  observe(head: Head): void {
    if (head.seq > this.#seq) this.#seq = head.seq;
    if (head.m > this.#m) this.#m = head.m;
    if (head.dropped > this.#dropped) this.#dropped = head.dropped;
    if (head.cursor > this.#cursor) {
      this.#cursor = head.cursor;
      this.tail.advance(head.cursor);
      this.#onCursor();
    }
  }

  keep(entries: readonly JournalEntry[], nowMs: number): void {
    for (const entry of entries) this.tail.keep(entry, nowMs);
  }
}

/** Where a pod stands: gives the view of the epoch that it may work in, or null while it has to hold. */
export interface Seat {
  view(): EpochView | null;
  /** Called with every error of a script: the seat finds out what it means. */
  suspect(error: unknown): void;
  /** Runs when the pod may work again, in whatever epoch. */
  onOpen(listener: () => void): void;
  /** Why the pod holds, for the answer to a request that was held too long. */
  holdReason(): 'ledger_switching' | 'database_unavailable';
}
