import { isInnerAccount, isPayoutId } from '../domain/crossing.ts';
import { decodeEntry } from '../journal/sealed/entry-decoder.ts';
import { transferAccountsIn } from '../journal/sealed/peek.ts';
import type { SealedEntry, SealedTransfer } from '../journal/sealed/sealed-entry.ts';
import type { EventType, FeedEvent, FeedFilter, Place } from '../ledger/ports/feed.ts';
import type { PersonalData, SealedLines } from '../ledger/ports/sealed-log.ts';
import { cloudEventOf, type EventOrigin, SEES_ALL, type Sees, type VisibleEntry } from './cloud-event.ts';

/** With this many hexadecimal digits, one in four billion other rows is mistaken for the same one. */
const CHECK_LENGTH = 8;

/** What is needed to make the events of a row, but is not in the row. */
export interface RowContext extends Pick<EventOrigin, 'ledgerId' | 'shard'> {
  /** The currencies of the accounts that were changed, by the id of the change. */
  currencies: ReadonlyMap<string, string>;
}

/** An event of a row. Its JSON is made when the first listener gets it. */
export class RowEvent implements FeedEvent {
  readonly type: EventType;
  readonly accounts: readonly string[];
  readonly index: number;
  readonly entry: VisibleEntry;
  readonly #origin: EventOrigin;
  readonly #currency: string | undefined;
  #json: string | null = null;

  /** @param currency of an account that was changed */
  constructor(entry: VisibleEntry, seen: Seen, origin: EventOrigin, currency?: string) {
    this.type = seen.type;
    this.accounts = seen.accounts;
    this.index = origin.index;
    this.entry = entry;
    this.#origin = origin;
    this.#currency = currency;
  }

  json(): string {
    this.#json ??= this.#written(null, SEES_ALL);
    return this.#json;
  }

  /**
   * The event for listeners that want details, or may use only some accounts. It is not cached, because data that was
   * erased must no longer be sent.
   * @param details null if there are none, they are not wanted, or they were erased
   */
  seenWith(details: PersonalData | null, sees: Sees = SEES_ALL): FeedEvent {
    if (!details && sees === SEES_ALL) return this;
    const { type, accounts } = this;
    let json: string | null = null;
    return {
      type,
      accounts,
      json: () => {
        json ??= this.#written(details, sees);
        return json;
      },
    };
  }

  /** Whether a listener that may use only some accounts gets the event. */
  isVisibleTo(sees: Sees): boolean {
    return this.entry.kind === 'group' ? this.accounts.every(sees) : this.accounts.some(sees);
  }

  #written(details: PersonalData | null, sees: Sees): string {
    return cloudEventOf(this.entry, this, this.#origin, { currency: this.#currency, details, sees });
  }
}

/** Null for a listener that may use all accounts. */
export const seesOf = ({ prefixes }: FeedFilter): Sees | null =>
  prefixes ? (account) => prefixes.some((prefix) => account.startsWith(prefix)) : null;

/**
 * A row of the log as events. Rows never change, so all readers of a row share one object. An entry is decoded only
 * when it is first needed, because most are never needed.
 */
export class FeedRow {
  readonly position: number;
  /** See `Place`. */
  readonly check: string;
  /** The number of entries, as a measure of memory and work. */
  readonly size: number;
  readonly #lines: readonly string[];
  readonly #context: RowContext;
  /** By index; null for entries that clients do not see, and absent if not decoded yet. */
  readonly #decoded: (RowEvent | null | undefined)[] = [];
  #byAccount: ReadonlyMap<string, readonly number[]> | null = null;

  constructor({ position, hash, lines }: SealedLines, context: RowContext) {
    this.position = position;
    this.check = hash.slice(0, CHECK_LENGTH);
    this.size = Math.max(1, lines.length);
    this.#lines = lines;
    this.#context = context;
  }

  /** @param index of an event; null: the end of the row */
  placeAfter(index: number | null): Place {
    return { position: this.position, index, check: this.check };
  }

  /** All events, in order. */
  get events(): RowEvent[] {
    return this.#lines.flatMap((_, index) => this.#at(index) ?? []);
  }

  /** The events of the given accounts, in order. */
  eventsOf(isWanted: (account: string) => boolean): RowEvent[] {
    return this.#lines.flatMap((line, index) => {
      const ends = transferAccountsIn(line);
      if (ends && !isWanted(ends[0]) && !isWanted(ends[1])) return [];
      const event = this.#at(index);
      return event?.accounts.some(isWanted) ? event : [];
    });
  }

  /** The events that a filter lets through, in order. @param after only those after this index; null: all */
  matching(filter: FeedFilter, after: number | null): RowEvent[] {
    const { accounts, types } = filter;
    const sees = seesOf(filter);
    const found = accounts ? this.#ofAccounts(accounts) : sees ? this.eventsOf(sees) : this.events;
    return found.filter(
      (event) =>
        (after === null || event.index > after) &&
        (!types || types.has(event.type)) &&
        (!sees || event.isVisibleTo(sees)),
    );
  }

  #ofAccounts(accounts: ReadonlySet<string>): RowEvent[] {
    this.#byAccount ??= this.#indexed();
    const found = new Set<number>();
    for (const account of accounts) for (const index of this.#byAccount.get(account) ?? []) found.add(index);
    return [...found].sort((a, b) => a - b).flatMap((index) => this.#at(index) ?? []);
  }

  /** For each account, the entries that may be events of it. */
  #indexed(): Map<string, number[]> {
    const byAccount = new Map<string, number[]>();
    for (const [index, line] of this.#lines.entries()) {
      for (const account of transferAccountsIn(line) ?? this.#at(index)?.accounts ?? []) {
        const known = byAccount.get(account);
        if (known) known.push(index);
        else byAccount.set(account, [index]);
      }
    }
    return byAccount;
  }

  #at(index: number): RowEvent | null {
    const known = this.#decoded[index];
    if (known !== undefined) return known;
    const event = this.#decode(index);
    this.#decoded[index] = event;
    return event;
  }

  #decode(index: number): RowEvent | null {
    const entry = decodeEntry(this.#lines[index] ?? '');
    const seen = seenIn(entry);
    if (!seen) return null;
    const { currencies, ledgerId, shard } = this.#context;
    const currency = entry.kind === 'account-changed' ? currencies.get(entry.change.changeId) : undefined;
    const origin = { ledgerId, shard, position: this.position, index, check: this.check };
    return new RowEvent(entry as VisibleEntry, seen, origin, currency);
  }
}

interface Seen {
  type: EventType;
  accounts: readonly string[];
}

/** What clients see of an entry; null if they see nothing. */
function seenIn(entry: SealedEntry): Seen | null {
  switch (entry.kind) {
    case 'transfer':
      return seenInTransfer(entry);
    case 'group':
      return {
        type: GROUP_TYPES[entry.status],
        accounts: entry.status === 'POSTED' ? entry.accounts : accountsOf(entry.orders),
      };
    case 'hold':
      return { type: HOLD_TYPES[entry.event.kind], accounts: [entry.event.account] };
    case 'account-opened':
      return ofClient('holdfast.account.opened', entry.accountId);
    case 'account-changed':
      return ofClient('holdfast.account.changed', entry.change.accountId);
    default:
      return null;
  }
}

const ofClient = (type: EventType, accountId: string): Seen | null =>
  isInnerAccount(accountId) ? null : { type, accounts: [accountId] };

/**
 * A leg is an event of the client's account whose balance it changes, and a payout is an event of its recipient.
 * Transfers between the ledger's own accounts are hidden, and so are refusals that a client does not see as its
 * transfer's outcome.
 */
function seenInTransfer({ status, order }: SealedTransfer): Seen | null {
  const { leg, source, destination, transactionId } = order;
  const isPosted = status === 'POSTED';
  const accounts = [source, destination].filter((account) => !isInnerAccount(account));
  if (accounts.length === 0 || (!isPosted && (leg?.name === 'back' || isPayoutId(transactionId)))) return null;
  return { type: isPosted ? 'holdfast.transfer.posted' : 'holdfast.transfer.rejected', accounts };
}

const GROUP_TYPES = { POSTED: 'holdfast.group.posted', REJECTED: 'holdfast.group.rejected' } as const;
const HOLD_TYPES = {
  PLACED: 'holdfast.hold.placed',
  REFUSED: 'holdfast.hold.rejected',
  CHANGED: 'holdfast.hold.changed',
  VOIDED: 'holdfast.hold.voided',
  EXPIRED: 'holdfast.hold.expired',
} as const;

const accountsOf = (orders: readonly { source: string; destination: string }[]): string[] => [
  ...new Set(orders.flatMap(({ source, destination }) => [source, destination])),
];
