import type { HoldAfter, HoldState } from '../../domain/hold-types.ts';
import type { Leg } from '../../domain/leg-types.ts';
import { LIMITS, type LimitRefusal, type Limits } from '../../domain/limits.ts';
import type { Side } from '../../domain/types.ts';
import type {
  SealedChange,
  SealedEntry,
  SealedGroup,
  SealedHold,
  SealedOrder,
  SealedState,
  SealedTransfer,
} from './sealed-entry.ts';

/**
 * An entry of the log is one line: a JSON array that begins with its type. Fields that most entries have are at fixed
 * positions; rare ones are in an object at the end. Lines are ASCII, so characters are bytes.
 *
 * Lines are hashed, so their format must never change. A field that is added goes into the object at the end; anything
 * else needs a new type.
 */
export const TYPES = {
  posted: 't',
  refused: 'r',
  group: 'g',
  refusedGroup: 'f',
  hold: 'h',
  opening: 'o',
  state: 's',
  change: 'c',
  move: 'm',
  loss: 'l',
  action: 'a',
} as const;

/**
 * The fields of an entry that its line contains. Outcomes have them, too, so they can be encoded without being copied.
 */
export type TransferFields<T extends SealedTransfer = SealedTransfer> = T extends unknown
  ? Omit<T, 'kind' | 'digest'>
  : never;
export type PostedFields = Extract<TransferFields, { status: 'POSTED' }>;

/** Encodes a transfer without creating an entry first. */
export const encodeTransfer = (one: TransferFields, digest: string): string =>
  line(transferFields(one, digest), moreOfTransfer(one));

/** Whether a transfer was posted and has no rare fields. */
export const isPlain = (one: TransferFields): one is PostedFields => one.status === 'POSTED' && !hasMore(one);

function transferFields(one: TransferFields, digest: string): unknown[] {
  const { order, acceptedAt, epoch, seq } = one;
  const { transactionId, source, destination, amount, currency } = order;
  const common = [epoch, seq, acceptedAt, transactionId, source, destination, amount, currency];
  if (one.status === 'REJECTED') return [TYPES.refused, ...common, one.refusal, digest];
  return [TYPES.posted, ...common, ...sideFields(one.source), ...sideFields(one.destination), digest];
}

function line(fields: readonly unknown[], more: object | null = null): string {
  const text = JSON.stringify(more ? [...fields, more] : fields);
  return isAscii(text) ? text : escaped(text);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
const NOT_ASCII = /[^\x00-\x7f]/;
const isAscii = (text: string): boolean => !NOT_ASCII.test(text);
const escaped = (text: string): string =>
  text.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

export function encodeEntry(entry: Exclude<SealedEntry, { kind: 'unknown' }>): string {
  switch (entry.kind) {
    case 'transfer':
      return encodeTransfer(entry, entry.digest);
    case 'group':
      return encodeGroup(entry);
    case 'hold':
      return encodeHold(entry);
    case 'account-opened': {
      const { accountId, currency, external, overdraftLimit, limits, openedAt, digest } = entry;
      return line([
        TYPES.opening,
        openedAt,
        accountId,
        currency,
        external,
        overdraftLimit,
        limitValues(limits),
        digest,
      ]);
    }
    case 'account-state':
      return encodeState(entry);
    case 'account-changed':
      return encodeChange(entry);
    case 'authority-moved': {
      const { epoch, mode, format, cacheEpoch, digest } = entry;
      return line([TYPES.move, epoch, mode, format, cacheEpoch, digest]);
    }
    case 'loss-accepted':
      return line([TYPES.loss, entry.epoch, entry.what, entry.id, entry.digest]);
    case 'action':
      return line([TYPES.action, entry.type, entry.subject, entry.at, entry.content, entry.digest]);
  }
}

/** The rare fields of a transfer; null if it has none. */
export interface MoreOfTransfer {
  kind?: 'reversal' | 'capture';
  timestamp?: number;
  reverses?: string;
  groupId?: string;
  counted?: number;
  limit?: unknown;
  /** [holdId, amount, destination, final] */
  capture?: unknown;
  hold?: unknown;
  leg?: unknown;
}

function hasMore(one: TransferFields): boolean {
  const { kind, timestamp, groupId, leg, capture, reverses } = one.order;
  if (kind !== 'transfer' || timestamp !== null || reverses !== null) return true;
  if (groupId !== undefined || leg || capture) return true;
  return one.status === 'POSTED' ? one.counted !== undefined || one.hold !== undefined : one.limit !== undefined;
}

function moreOfTransfer(one: TransferFields): MoreOfTransfer | null {
  if (!hasMore(one)) return null;
  const { order } = one;
  const { capture, leg } = order;
  const isPosted = one.status === 'POSTED';
  const counted = isPosted ? one.counted : undefined;
  const hold = isPosted ? one.hold : undefined;
  const limit = isPosted ? undefined : one.limit;
  return {
    ...(order.kind !== 'transfer' && { kind: order.kind }),
    ...(order.timestamp !== null && { timestamp: order.timestamp }),
    ...(order.reverses !== null && { reverses: order.reverses }),
    ...(order.groupId !== undefined && { groupId: order.groupId }),
    ...(counted !== undefined && { counted }),
    ...(limit && { limit: limitFields(limit) }),
    ...(capture && { capture: [capture.holdId, capture.amount, capture.destination, capture.final] }),
    ...(hold && { hold: holdFields(hold) }),
    ...(leg && { leg: legFields(leg) }),
  };
}

const limitFields = ({ limit, value, remaining }: LimitRefusal) => [limit, value, remaining];
const limitValues = (limits: Limits | null) => limits && LIMITS.map((name) => limits[name]);

const stateFields = ({ status, amount, captured, expiresAt, revision, counted }: HoldState) => [
  ...[status, amount, captured, expiresAt, revision],
  counted ? [counted.at, counted.day, counted.month] : null,
];
const holdFields = ({ hold, held, heldChange, usageChange }: HoldAfter) => [
  ...[held, heldChange, stateFields(hold)],
  usageChange ? [usageChange.day, usageChange.month] : null,
];

/** Omits the refusal that `out` carries from its destination, because the entry has it as its outcome. */
const legFields = ({ name, source, destination, otherShard, counted }: Omit<Leg, 'refusal'>) => [
  ...[name, source, destination, otherShard],
  counted ? counted.at : null,
];

function encodeGroup(group: SealedGroup): string {
  const { groupId, split, acceptedAt, epoch, seq } = group;
  const common = [epoch, seq, acceptedAt, groupId, split];
  if (group.status === 'POSTED') return line([TYPES.group, ...common, group.transactionIds, group.accounts]);
  const { orders, index, refusal, limit, digest } = group;
  const refused = [index, refusal, limit ? limitFields(limit) : null];
  return line([TYPES.refusedGroup, ...common, ...refused, orders.map(orderFields), digest]);
}

/** A member of a group is a transfer, and neither a capture nor a leg. */
const orderFields = (order: SealedOrder) => [
  ...[order.transactionId, order.source, order.destination, order.amount, order.currency],
  ...[order.timestamp, order.kind, order.reverses],
];

function encodeHold({ event, digest }: SealedHold): string {
  const { kind, epoch, seq, acceptedAt, holdId, account, currency } = event;
  const common = [TYPES.hold, kind, epoch, seq, acceptedAt, holdId, account, currency, digest];
  const order = 'order' in event ? [event.order.destination, event.order.amount, event.order.expiresAt] : null;
  if (event.kind === 'REFUSED') {
    const limit = event.limit ? limitFields(event.limit) : null;
    return line([...common, order, event.refusal, limit]);
  }
  const eventId = 'eventId' in event ? event.eventId : null;
  return line([...common, order, sideFields(event.side), holdFields(event), eventId]);
}

const sideFields = ({ version, balance, settingsVersion }: Side) => [version, balance, settingsVersion];

function encodeState(state: SealedState): string {
  const { accountId, currency, external, balance, held, version, settingsVersion, status, overdraftLimit } = state;
  const fields = [accountId, currency, external, balance, held, version, settingsVersion, status, overdraftLimit];
  return line([TYPES.state, state.openedAt, ...fields, limitValues(state.limits), state.digest]);
}

function encodeChange({ change, epoch, digest }: SealedChange): string {
  const { changeId, accountId, acceptedAt, seq, status, overdraftLimit, settingsVersion, limits } = change;
  const fields = [epoch, seq, acceptedAt, changeId, accountId, status, overdraftLimit, settingsVersion];
  return line([TYPES.change, ...fields, limits ? [limits.begins, ...(limitValues(limits) ?? [])] : null, digest]);
}
