import type { HoldOrder } from '../../app/domain/holds.ts';
import { orderOf } from '../../app/domain/testing/orders.ts';
import { accountsOfItem, type HoldItem, keyOfItem } from '../../app/journal/hold-codec.ts';
import type { InDoubtAttempt } from '../../app/journal/journal-entry.ts';
import type { Random } from '../core/random.ts';
import { uuidV7 } from '../world/uuid.ts';

const WHO = { user: 'u', correlationId: 'c' };
const IDS_FROM_MS = 1_700_000_000_000;
/**
 * Expiry times are years in the past or in the future, so that a hold is due by both of the compared clocks, or by
 * neither.
 */
const PAST = 1;
const FUTURE = 4_000_000_000_000;
const NOBODY: HoldOrder = {
  ...{ holdId: 'none', account: 'a', destination: null, amount: 1, currency: 'EUR', expiresAt: FUTURE },
  ...{ reference: null, metadata: null, ...WHO },
};

/** Random hold items of the accounts a, b and c; many refer to the holds of earlier items. */
export class HoldItems {
  readonly #random: Random;
  readonly #placed: HoldOrder[] = [];
  readonly #items: HoldItem[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  get holdIds(): string[] {
    return [NOBODY, ...this.#placed].map(({ holdId }) => holdId);
  }
  /** The ids of captures. */
  get captureIds(): string[] {
    return this.#items.flatMap((item) => (item.op === 'capture' ? [item.order.transactionId] : []));
  }
  /** The keys of all items except captures. */
  get keys(): string[] {
    return this.#items.flatMap((item) => (item.op === 'capture' ? [] : [keyOfItem(item)]));
  }

  /** In-doubt attempts of some of the latest items. */
  inDoubt(): InDoubtAttempt[] {
    const latest = this.#items.slice(-6).filter(() => this.#random.chance(0.4));
    return latest.map((item): InDoubtAttempt => {
      const accounts = accountsOfItem(item);
      if (item.op === 'capture') return { kind: 'transfers', id: item.order.transactionId, accounts };
      if (item.op === 'place') return { kind: 'hold', id: item.order.holdId, accounts: [item.order.account] };
      return { kind: 'hold-event', id: item.eventId, accounts };
    });
  }

  again(): HoldItem {
    return this.#items.length > 0 ? this.#random.pick(this.#items) : this.next();
  }

  next(): HoldItem {
    const item = this.#new();
    this.#items.push(item);
    return item;
  }

  #new(): HoldItem {
    const random = this.#random;
    const op = random.weighted({ place: 40, capture: 30, change: 10, void: 10, expire: 5 });
    const hold = this.#placed.length > 0 && random.chance(0.95) ? random.pick(this.#placed) : NOBODY;
    if (op === 'place') return { op, order: this.#newHold() };
    if (op === 'capture') return this.#captureOf(hold);
    const { holdId, account, currency } = hold;
    const event = { eventId: this.#id(), holdId, account, currency, ...WHO };
    if (op !== 'change') return { op, ...event };
    const amount = random.chance(0.8) ? random.whole(1, 40) : null;
    const expiresAt = amount === null || random.chance(0.2) ? FUTURE + random.whole(1, 9) : null;
    return { op, wanted: { amount, expiresAt, expectedRevision: random.whole(1, 3) }, ...event };
  }

  #newHold(): HoldOrder {
    const random = this.#random;
    const account = random.pick(['a', 'a', 'b', 'c']);
    const destination = random.chance(0.5) ? null : random.pick(['a', 'b', 'c'].filter((one) => one !== account));
    const expiresAt = random.chance(0.9) ? FUTURE : PAST;
    const order = { ...NOBODY, holdId: this.#id(), account, destination, amount: random.whole(1, 30), expiresAt };
    this.#placed.push(order);
    return order;
  }

  #captureOf({ holdId, account: source, destination: named, currency }: HoldOrder): HoldItem {
    const random = this.#random;
    const destination = named ?? random.pick(['a', 'b', 'c'].filter((one) => one !== source));
    const amount = random.chance(0.4) ? null : random.whole(1, 20);
    const capture = { holdId, amount, destination: named === null ? destination : null, final: random.chance(0.4) };
    const sides = { transactionId: this.#id(), source, destination, amount: amount ?? 0, currency };
    return { op: 'capture', order: { ...orderOf({ ...sides, ...WHO }), kind: 'capture', capture } };
  }

  #id(): string {
    const random = this.#random;
    return uuidV7(IDS_FROM_MS + random.whole(0, 9_999), random);
  }
}
