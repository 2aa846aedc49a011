import type { BookedHold, BookedHoldEvent, BookedTransfer } from '../books.ts';
import type { HoldHistory, HoldRequest, HoldShown, TransferContent } from '../history.ts';
import { at, booked, posted, Sound } from './sound.ts';

export const END = 1_000;
const [account, destination, currency] = ['a', 'b', 'EUR'];
export const captureContent = (): TransferContent => ({
  ...{ source: account, destination, amount: 10, currency },
  capture: { holdId: 'h', amount: 10, destination: null, final: false },
});
const state = (revision: number, different: Partial<HoldShown> = {}): HoldShown => ({
  ...{ status: 'OPEN', amount: 25, captured: 10, expiresAt: END, revision },
  ...different,
});
export const STATES = [
  state(1, { amount: 20, captured: 0 }),
  state(2, { captured: 0 }),
  state(3),
  state(4, { status: 'VOIDED' }),
] as const;

/**
 * The sound history, followed by a hold of 20 on account `a` for `b`. It is placed, raised to 25, captured in part
 * (10), and voided.
 */
export class SoundHold extends Sound {
  readonly holds: BookedHold[] = [];
  readonly events: BookedHoldEvent[] = [];
  readonly #times = { sentAt: 20, endedAt: 21 };

  constructor() {
    super();
    Object.assign(this.books, { holds: this.holds, holdEvents: this.events });
    const content = { account, destination, amount: 20, currency, expiresAt: END };
    this.holds.push({ holdId: 'h', correlationId: 'h1', content, acceptedAt: 4, refusal: null, hold: STATES[3] });
    this.#event('PLACED', 'h1', 3, { held: 20, heldChange: 20, hold: STATES[0] });
    this.#event('CHANGED', 'h2', 4, { held: 25, heldChange: 5, hold: STATES[1] });
    this.#capture();
    this.#event('VOIDED', 'h4', 6, { held: 0, heldChange: -15, hold: STATES[3] });
    this.move('a', { ...at(60, 6), held: 0 });
    this.move('b', { ...at(40, 2), held: 0 });
    this.request({ op: 'place', content, correlationId: 'h1' }, { kind: 'held', hold: STATES[0], replayed: false });
    const wanted = { amount: 25, expiresAt: null, expectedRevision: 1 };
    this.request({ op: 'change', correlationId: 'h2', ...wanted }, { kind: 'held', hold: STATES[1] });
    const span = this.#next();
    const answer = posted(at(60, 5), at(40, 2));
    this.attempt('c1', { content: captureContent(), correlationId: 'h3', ...span, answer });
    this.request({ op: 'void', correlationId: 'h4' }, { kind: 'held', hold: STATES[3] });
    this.request({ op: 'read' }, { kind: 'held', hold: STATES[3] });
  }

  get hold(): HoldHistory {
    return this.history.ofHold('h');
  }
  answerTo(op: HoldRequest['op']): HoldRequest {
    const found = this.hold.requests.find((request) => request.op === op);
    if (!found) throw new RangeError(op);
    return found;
  }
  get placed(): BookedHold {
    const [hold] = this.holds;
    if (!hold) throw new RangeError('there is a hold');
    return hold;
  }
  event(kind: BookedHoldEvent['kind']): BookedHoldEvent {
    const found = this.events.find((event) => event.kind === kind);
    if (!found) throw new RangeError(kind);
    return found;
  }
  /** Removes the last event, the void, and its answers. */
  withoutVoid(): void {
    this.events.splice(this.events.indexOf(this.event('VOIDED')), 1);
    this.hold.requests.splice(2);
    this.placed.hold = STATES[2];
    this.move('a', { ...at(60, 5), held: 15 });
  }

  request(
    what: Record<string, unknown> & { op: HoldRequest['op'] },
    answer: HoldRequest['answer'],
    times = this.#next(),
  ): void {
    this.hold.requests.push({ ...what, ...times, answer } as HoldRequest);
  }

  #next(): { sentAt: number; endedAt: number } {
    this.#times.sentAt += 2;
    this.#times.endedAt += 2;
    return { ...this.#times };
  }

  #event(
    kind: BookedHoldEvent['kind'],
    correlationId: string,
    version: number,
    after: Pick<BookedHoldEvent, 'held' | 'heldChange' | 'hold'>,
  ): void {
    const balance = kind === 'VOIDED' ? 60 : 70;
    const common = { holdId: 'h', accountId: account, currency, correlationId, acceptedAt: 4 };
    this.events.push({ kind, ...common, ...booked(balance, version), ...after });
  }

  #capture(): void {
    const row: BookedTransfer = {
      ...{ transactionId: 'c1', correlationId: 'h3', content: captureContent(), acceptedAt: 4, refusal: null },
      ...{ source: booked(60, 5), destination: booked(40, 2), hold: { held: 15, heldChange: -10, hold: STATES[2] } },
    };
    this.books.transfers.push(row);
  }
}
