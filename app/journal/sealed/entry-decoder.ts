import type { Format, Mode } from '../../domain/authority.ts';
import type { HoldAfter, HoldState, HoldStatus } from '../../domain/hold-types.ts';
import type { Leg, LegName } from '../../domain/leg-types.ts';
import { type Counted, LIMITS, type LimitName, type LimitRefusal, type Limits } from '../../domain/limits.ts';
import type { Refusal } from '../../domain/problem.ts';
import type { AccountStatus, Side } from '../../domain/types.ts';
import { type MoreOfTransfer, TYPES } from './entry-codec.ts';
import type { SealedChange, SealedEntry, SealedHold, SealedOrder, SealedTransfer } from './sealed-entry.ts';

type Fields = readonly unknown[];
type Texts = readonly string[];

/**
 * Decodes a line that this release or a later one has written. If this release wrote it, `encodeEntry` turns the entry
 * back into the same line.
 * @throws SyntaxError if the line is not JSON
 */
export function decodeEntry(line: string): SealedEntry {
  const [type, ...fields] = JSON.parse(line) as [string, ...unknown[]];
  const decode = DECODERS.get(type);
  return decode ? decode(fields) : { kind: 'unknown', type };
}

function transferFields([epoch, seq, acceptedAt, transactionId, source, destination, amount, currency]: Fields) {
  const order = { transactionId, source, destination, amount, currency };
  return { order, common: { kind: 'transfer', acceptedAt, epoch, seq } as const };
}

function posted(fields: Fields): SealedEntry {
  const { order, common } = transferFields(fields);
  const [digest, more = {}] = fields.slice(14) as [string, MoreOfTransfer?];
  const { counted, hold: after } = more;
  return {
    ...common,
    order: orderOf(order, more),
    status: 'POSTED',
    source: sideOf(fields.slice(8, 11)),
    destination: sideOf(fields.slice(11, 14)),
    digest,
    ...(counted !== undefined && { counted: counted as Counted }),
    ...(after !== undefined && { hold: holdAfterOf(after as Fields) }),
  } as SealedTransfer;
}

function refused(fields: Fields): SealedEntry {
  const { order, common } = transferFields(fields);
  const [refusal, digest, more = {}] = fields.slice(8) as [Refusal, string, MoreOfTransfer?];
  return {
    ...common,
    order: orderOf(order, more),
    status: 'REJECTED',
    refusal,
    digest,
    ...(more.limit !== undefined && { limit: limitOf(more.limit as Fields) }),
  } as SealedTransfer;
}

function orderOf(order: object, more: MoreOfTransfer): SealedOrder {
  return {
    kind: more.kind ?? 'transfer',
    ...order,
    timestamp: more.timestamp ?? null,
    reverses: more.reverses ?? null,
    ...(more.groupId !== undefined && { groupId: more.groupId }),
    ...(more.capture !== undefined && { capture: captureOf(more.capture as Fields) }),
    ...(more.leg !== undefined && { leg: legOf(more.leg as Fields) }),
  } as SealedOrder;
}

const captureOf = ([holdId, amount, destination, final]: Fields) => ({ holdId, amount, destination, final });

const limitOf = ([limit, value, remaining]: Fields): LimitRefusal => ({
  limit: limit as LimitName,
  value: value as number,
  remaining: remaining as number,
});

const limitsOf = (values: Fields): Limits =>
  Object.fromEntries(LIMITS.map((name, index) => [name, values[index] ?? null])) as Record<LimitName, number | null>;
const limitsOrNull = (values: unknown): Limits | null => (values === null ? null : limitsOf(values as Fields));

function stateOf([status, amount, captured, expiresAt, revision, counted]: Fields): HoldState {
  const [at, day, month] = (counted ?? []) as number[];
  return {
    status: status as HoldStatus,
    amount: amount as number,
    captured: captured as number,
    expiresAt: expiresAt as number,
    revision: revision as number,
    ...(at !== undefined && { counted: { at, day: day ?? 0, month: month ?? 0 } }),
  };
}

function holdAfterOf([held, heldChange, after, usage]: Fields): HoldAfter {
  const [day, month] = (usage ?? []) as number[];
  return {
    hold: stateOf(after as Fields),
    held: held as number,
    heldChange: heldChange as number,
    ...(day !== undefined && { usageChange: { day, month: month ?? 0 } }),
  };
}

function legOf([name, source, destination, otherShard, countedAt]: Fields): Leg {
  return {
    name: name as LegName,
    source: source as string,
    destination: destination as string,
    otherShard: otherShard as number,
    ...(countedAt !== null && { counted: { at: countedAt as number } }),
  };
}

const groupFields = ([epoch, seq, acceptedAt, groupId, split]: Fields) =>
  ({ kind: 'group', epoch, seq, acceptedAt, groupId, split }) as const;

function group(fields: Fields): SealedEntry {
  const [transactionIds, accounts] = fields.slice(5) as [Texts, Texts];
  return { ...groupFields(fields), status: 'POSTED', transactionIds, accounts } as SealedEntry;
}

function refusedGroup(fields: Fields): SealedEntry {
  const [index, refusal, limit, orders, digest] = fields.slice(5);
  return {
    ...groupFields(fields),
    ...{ status: 'REJECTED', index, refusal, digest },
    ...(limit !== null && { limit: limitOf(limit as Fields) }),
    orders: (orders as Fields[]).map(memberOf(fields[3] as string)),
  } as SealedEntry;
}

const memberOf =
  (groupId: string) =>
  ([transactionId, source, destination, amount, currency, timestamp, kind, reverses]: Fields): SealedOrder =>
    ({ kind, transactionId, source, destination, amount, currency, timestamp, reverses, groupId }) as SealedOrder;

function hold([kind, epoch, seq, acceptedAt, holdId, account, currency, digest, ...fields]: Fields): SealedEntry {
  const [order, second, third, eventId] = fields;
  const [destination, amount, expiresAt] = (order ?? []) as Fields;
  const asked = order !== null && { order: { destination, amount, expiresAt } };
  const common = { kind, epoch, seq, acceptedAt, holdId, account, currency, ...asked };
  const after =
    kind === 'REFUSED'
      ? { refusal: second, ...(third !== null && { limit: limitOf(third as Fields) }) }
      : { side: sideOf(second as Fields), ...holdAfterOf(third as Fields), ...(eventId !== null && { eventId }) };
  return { kind: 'hold', digest, event: { ...common, ...after } } as SealedHold;
}

const sideOf = ([version, balance, settingsVersion]: Fields): Side => ({
  version: version as number,
  balance: balance as number,
  settingsVersion: settingsVersion as number,
});

function opening([openedAt, accountId, currency, external, overdraftLimit, limits, digest]: Fields): SealedEntry {
  return {
    kind: 'account-opened',
    ...{ openedAt, accountId, currency, external, overdraftLimit, digest },
    limits: limitsOrNull(limits),
  } as SealedEntry;
}

function state([openedAt, accountId, currency, external, balance, held, ...fields]: Fields): SealedEntry {
  const [version, settingsVersion, status, overdraftLimit, limits, digest] = fields;
  return {
    kind: 'account-state',
    ...{ openedAt, accountId, currency, external, balance, held, version, settingsVersion, overdraftLimit, digest },
    status: status as AccountStatus,
    limits: limitsOrNull(limits),
  } as SealedEntry;
}

function change([epoch, seq, acceptedAt, changeId, accountId, status, ...fields]: Fields): SealedEntry {
  const [overdraftLimit, settingsVersion, limits, digest] = fields;
  const [begins, ...values] = (limits ?? []) as Fields;
  return {
    kind: 'account-changed',
    ...{ epoch, digest },
    change: {
      ...{ seq, acceptedAt, changeId, accountId, status, overdraftLimit, settingsVersion },
      ...(limits !== null && { limits: { ...limitsOf(values), begins } }),
    },
  } as SealedChange;
}

const move = ([epoch, mode, format, cacheEpoch, digest]: Fields): SealedEntry => ({
  kind: 'authority-moved',
  epoch: epoch as number,
  mode: mode as Mode,
  format: format as Format,
  cacheEpoch: cacheEpoch as number | null,
  digest: digest as string,
});

const loss = ([epoch, what, id, digest]: Fields): SealedEntry => ({
  kind: 'loss-accepted',
  epoch: epoch as number,
  what: what as string,
  id: id as string,
  digest: digest as string,
});

const action = ([type, subject, at, content, digest]: Fields): SealedEntry => ({
  kind: 'action',
  type: type as string,
  subject: subject as string,
  at: at as number,
  content,
  digest: digest as string | null,
});

const DECODERS: ReadonlyMap<string, (fields: Fields) => SealedEntry> = new Map([
  [TYPES.posted, posted],
  [TYPES.refused, refused],
  [TYPES.group, group],
  [TYPES.refusedGroup, refusedGroup],
  [TYPES.hold, hold],
  [TYPES.opening, opening],
  [TYPES.state, state],
  [TYPES.change, change],
  [TYPES.move, move],
  [TYPES.loss, loss],
  [TYPES.action, action],
]);
