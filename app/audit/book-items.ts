import type { Format, Mode } from '../domain/authority.ts';
import { accountsOfGroup, type GroupOutcome } from '../domain/group.ts';
import type { HoldEvent } from '../domain/hold-events.ts';
import type { Leg } from '../domain/leg-types.ts';
import type { Outcome } from '../domain/types.ts';
import { idOfEvent, type JournaledChange } from '../journal/flush-batch.ts';
import { encodeEntry } from '../journal/sealed/entry-codec.ts';
import {
  digestOf,
  personalOfAccount,
  personalOfChange,
  personalOfDeed,
  personalOfGroup,
  personalOfHold,
  personalOfTransfer,
} from '../journal/sealed/personal.ts';
import type { SealedEntry, SealedTransfer } from '../journal/sealed/sealed-entry.ts';

/** A row of the books that never changes, with everything that its entry in the log was made from. */
export type BookItem = {
  /** When it was written, by the clock of the database, ms. */
  at: number;
  /** Hexadecimal; null if the row is older than the log, or if its data was erased. */
  salt: string | null;
} & BookFacts;

type BookFacts =
  | { kind: 'transfer'; outcome: Outcome }
  | { kind: 'group'; outcome: GroupOutcome }
  | { kind: 'hold'; event: HoldEvent }
  | { kind: 'change'; change: JournaledChange; epoch: number }
  | { kind: 'account'; account: StoredOpening }
  | { kind: 'move'; epoch: number; mode: Mode; format: Format; user: string; reason: string }
  | { kind: 'loss'; epoch: number; what: string; id: string; content: string; user: string; reason: string }
  /** A row that repeats facts of a transfer; the salt is that of the transfer. */
  | { kind: 'capture'; transactionId: string; facts: CaptureFacts }
  | { kind: 'crossing'; transactionId: string; facts: CrossingFacts }
  /** A row with values that no release writes. */
  | { kind: 'unreadable'; what: string; why: string };

interface StoredOpening {
  accountId: string;
  currency: string;
  external: boolean;
  name: string | null;
  openedBy: string;
  openedAt: number;
}
type CaptureFacts = readonly [
  ...[holdId: string, revision: number, account: string, version: number, held: number],
  ...[countedAt: number, day: number, month: number],
];
type CrossingFacts = readonly [toShard: number, destination: string, currency: string, amount: number];

/** What is compared: two items with the same id must have the same text. */
export interface Compared {
  /** The kind of the row and its id, as shown to operators. */
  what: string;
  text: string;
}

/** The text of a row of the books that is in the log. @param salt the salt of the row */
export function comparedItem(item: BookItem, salt: string): Compared {
  switch (item.kind) {
    case 'transfer': {
      const { outcome } = item;
      const digest = digestOf(salt, personalOfTransfer(outcome));
      return transferText(outcome.order.transactionId, encodeEntry({ ...outcome, kind: 'transfer', digest }));
    }
    case 'group':
      return comparedGroup(item.outcome, salt);
    case 'hold': {
      const { event } = item;
      const text = encodeEntry({ kind: 'hold', event, digest: digestOf(salt, personalOfHold(event)) });
      return { what: whatOfHold(event), text };
    }
    case 'change': {
      const { change, epoch } = item;
      const digest = digestOf(salt, personalOfChange(change));
      return {
        what: `change ${change.changeId}`,
        text: encodeEntry({ kind: 'account-changed', change, epoch, digest }),
      };
    }
    case 'account':
      return accountText({ ...item.account, digest: digestOf(salt, personalOfAccount(item.account)) });
    case 'move':
      return moveText({ ...item, digest: digestOf(salt, personalOfDeed(item)) });
    case 'loss': {
      const { epoch, what, id, content } = item;
      const digest = digestOf(salt, personalOfDeed(item, content));
      return lossText({ kind: 'loss-accepted', epoch, what, id, digest });
    }
    case 'capture':
      return { what: `capture ${item.transactionId}`, text: JSON.stringify(item.facts) };
    case 'crossing':
      return { what: `crossing ${item.transactionId}`, text: JSON.stringify(item.facts) };
    case 'unreadable':
      return { what: item.what, text: item.why };
  }
}

/** The kind and the id of a row, without its salt. */
export const whatOfItem = (item: BookItem): string => comparedItem(item, '').what;

function comparedGroup(outcome: GroupOutcome, salt: string): Compared {
  const { group, acceptedAt, epoch, seq } = outcome;
  const { groupId, orders, split } = group;
  const common = { kind: 'group', groupId, split, acceptedAt, epoch, seq } as const;
  const what = `group ${groupId}`;
  if (outcome.status === 'POSTED') {
    const transactionIds = orders.map(({ transactionId }) => transactionId);
    return {
      what,
      text: encodeEntry({ ...common, status: 'POSTED', transactionIds, accounts: accountsOfGroup(group) }),
    };
  }
  const { status, index, refusal, limit } = outcome;
  const digest = digestOf(salt, personalOfGroup(outcome));
  return { what, text: encodeEntry({ ...common, status, orders, index, refusal, ...(limit && { limit }), digest }) };
}

const transferText = (id: string, text: string): Compared => ({ what: `transfer ${id}`, text });
const whatOfHold = (event: Parameters<typeof idOfEvent>[0]): string =>
  `${'eventId' in event ? 'hold event' : 'hold'} ${idOfEvent(event)}`;

/** What an opening and a state of an account have in common with the row of the account; the rest is replayed. */
const accountText = ({
  accountId,
  currency,
  external,
  openedAt,
  digest,
}: Omit<StoredOpening, 'name' | 'openedBy'> & { digest: string }): Compared => ({
  what: `account ${accountId}`,
  text: JSON.stringify([currency, external, openedAt, digest]),
});
const moveText = (move: { epoch: number; mode: Mode; format: Format; digest: string }): Compared => ({
  what: `move of the authority to epoch ${move.epoch}`,
  text: JSON.stringify([move.mode, move.format, move.digest]),
});
const lossText = (loss: Extract<SealedEntry, { kind: 'loss-accepted' }>): Compared => ({
  what: `accepted loss of ${loss.what} ${loss.id} of epoch ${loss.epoch}`,
  text: encodeEntry(loss),
});

/** What the books must contain because of an entry. @param line of the entry */
export function comparedEntry(entry: SealedEntry, line: string): Compared[] {
  switch (entry.kind) {
    case 'transfer':
      return [transferText(entry.order.transactionId, line), ...repeatedFacts(entry)];
    case 'group':
      return [{ what: `group ${entry.groupId}`, text: line }];
    case 'hold':
      return [{ what: whatOfHold(entry.event as HoldEvent), text: line }];
    case 'account-changed':
      return [{ what: `change ${entry.change.changeId}`, text: line }];
    case 'account-opened':
    case 'account-state':
      return [accountText(entry)];
    case 'authority-moved':
      return [moveText(entry)];
    case 'loss-accepted':
      return [lossText(entry)];
    default:
      return [];
  }
}

/** The rows that repeat facts of a posted transfer, so that they can be found without reading it. */
function repeatedFacts(entry: SealedTransfer): Compared[] {
  if (entry.status !== 'POSTED') return [];
  const { order, hold: after, source } = entry;
  const { transactionId, capture, currency, amount } = order;
  const leg = order.leg as Leg | undefined;
  const all: Compared[] = [];
  if (capture && after) {
    const { hold, held, usageChange } = after;
    const counted = [hold.counted?.at ?? 0, usageChange?.day ?? 0, usageChange?.month ?? 0];
    const facts = [capture.holdId, hold.revision, order.source, source.version, held, ...counted];
    all.push({ what: `capture ${transactionId}`, text: JSON.stringify(facts) });
  }
  if (leg?.name === 'out') {
    const facts: CrossingFacts = [leg.otherShard, leg.destination, currency, amount];
    all.push({ what: `crossing ${transactionId}`, text: JSON.stringify(facts) });
  }
  return all;
}
