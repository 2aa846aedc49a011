import { isPayoutId, transactionIdOf } from '../domain/crossing.ts';
import { LIMITS, type LimitRefusal, type Limits } from '../domain/limits.ts';
import { formatAmount } from '../domain/money.ts';
import type {
  SealedChange,
  SealedGroup,
  SealedHold,
  SealedOpening,
  SealedTransfer,
} from '../journal/sealed/sealed-entry.ts';
import type { EventType } from '../ledger/ports/feed.ts';
import type { PersonalData } from '../ledger/ports/sealed-log.ts';

/** An entry that clients see as an event. */
export type VisibleEntry = SealedTransfer | SealedGroup | SealedHold | SealedOpening | SealedChange;

/** Identifies an event: the ledger, and the place in the log. */
export interface EventOrigin {
  ledgerId: string;
  shard: number;
  position: number;
  index: number;
  /** The check of the row; see `Place`. Without it, ids would be reused after a backup was restored. */
  check: string;
}

/** What an event needs, but the log does not contain. */
interface Additions {
  /** The currency of an account that was changed. */
  currency: string | undefined;
  details: PersonalData | null;
  /** Whether the listener may see the state of an account. */
  sees: Sees;
}

export type Sees = (account: string) => boolean;
export const SEES_ALL: Sees = () => true;

/** The JSON of a CloudEvent 1.0, on one line. */
export function cloudEventOf(
  entry: VisibleEntry,
  { type, accounts }: { type: EventType; accounts: readonly string[] },
  { ledgerId, shard, position, index, check }: EventOrigin,
  { currency, details, sees }: Additions,
): string {
  const { subject, at, data } = contentOf(entry, { accounts, currency, sees });
  return JSON.stringify({
    specversion: '1.0',
    id: `${shard}.${position}.${index}.${check}`,
    source: `urn:holdfast:${ledgerId}`,
    type,
    subject,
    time: timeOf(at),
    datacontenttype: 'application/json',
    data: details ? { ...data, ...detailsOf(details) } : data,
  });
}

/** Fields that the entry does not have are absent. */
const detailsOf = ({ user, correlationId, reference, metadata, name }: PersonalData): object => ({
  user,
  correlationId,
  reference,
  metadata,
  name,
});

interface Content {
  subject: string;
  at: number;
  data: object;
}

function contentOf(
  entry: VisibleEntry,
  { accounts, currency, sees }: Omit<Additions, 'details'> & { accounts: readonly string[] },
): Content {
  switch (entry.kind) {
    case 'transfer':
      return transferContent(entry, sees);
    case 'group':
      return groupContent(entry, accounts);
    case 'hold':
      return holdContent(entry);
    case 'account-opened':
      return openingContent(entry);
    case 'account-changed':
      return changeContent(entry, currency);
  }
}

const timeOf = (ms: number): string => new Date(ms).toISOString();

/**
 * A transfer as its client sent it: the accounts that carry money between shards are not shown. A payout is part of the
 * transfer that was returned, whose source the log contains only as a hash.
 */
function transferContent(entry: SealedTransfer, sees: Sees): Content {
  const { order, acceptedAt } = entry;
  const { capture, currency } = order;
  const { source, destination } = order.leg ?? order;
  const leg = order.leg?.name ?? (isPayoutId(order.transactionId) ? 'payout' : undefined);
  const transactionId = transactionIdOf(order.transactionId);
  const data = {
    transactionId,
    status: entry.status,
    kind: order.kind,
    ...(leg !== 'payout' && { sourceAccount: source }),
    destinationAccount: destination,
    amount: formatAmount(order.amount, currency),
    currency,
    timestamp: timeOf(order.timestamp ?? acceptedAt),
    acceptedAt: timeOf(acceptedAt),
    ...(entry.status === 'POSTED'
      ? sidesOf(entry, leg, sees)
      : refusalOf(sees(source) && sees(destination) ? entry : { refusal: entry.refusal }, currency)),
    ...(leg && { leg }),
    ...(order.groupId !== undefined && { groupId: order.groupId }),
    ...(order.reverses !== null && { reverses: order.reverses }),
    ...(capture && { holdId: capture.holdId }),
  };
  return { subject: transactionId, at: acceptedAt, data };
}

/** @param leg absent for a transfer inside one shard */
function sidesOf(
  { order, source, destination, hold }: Extract<SealedTransfer, { status: 'POSTED' }>,
  leg: string | undefined,
  sees: Sees,
): object {
  const money = (units: number) => formatAmount(units, order.currency);
  // The client's source is the destination of the leg `back`.
  const ofSource = leg === undefined || leg === 'out' ? source : leg === 'back' ? destination : null;
  const ofDestination = leg === undefined || leg === 'in' || leg === 'payout' ? destination : null;
  const ends = order.leg ?? order;
  const sourceSide = sees(ends.source) ? ofSource : null;
  const destinationSide = sees(ends.destination) ? ofDestination : null;
  return {
    ...(sourceSide && { sourceBalance: money(sourceSide.balance), sourceVersion: sourceSide.version }),
    ...(destinationSide && {
      destinationBalance: money(destinationSide.balance),
      destinationVersion: destinationSide.version,
    }),
    ...(hold && sees(ends.source) && { heldAfter: money(hold.held), heldChange: money(hold.heldChange) }),
  };
}

function refusalOf({ refusal, limit }: { refusal: string; limit?: LimitRefusal }, currency: string): object {
  return {
    refusal,
    ...(limit && {
      limit: limit.limit,
      value: formatAmount(limit.value, currency),
      remaining: formatAmount(limit.remaining, currency),
    }),
  };
}

function groupContent(entry: SealedGroup, accounts: readonly string[]): Content {
  const { groupId, status, acceptedAt } = entry;
  const transactionIds =
    entry.status === 'POSTED' ? entry.transactionIds : entry.orders.map(({ transactionId }) => transactionId);
  const data = {
    groupId,
    status,
    accounts,
    transactionIds,
    acceptedAt: timeOf(acceptedAt),
    ...(entry.status === 'REJECTED' && {
      index: entry.index,
      ...refusalOf(entry, entry.orders[entry.index]?.currency ?? ''),
    }),
  };
  return { subject: groupId, at: acceptedAt, data };
}

function holdContent({ event }: SealedHold): Content {
  const { holdId, account, currency, acceptedAt } = event;
  const money = (units: number) => formatAmount(units, currency);
  const common = { holdId, account, currency, acceptedAt: timeOf(acceptedAt) };
  if (event.kind === 'REFUSED') {
    const { order } = event;
    const data = {
      ...common,
      destinationAccount: order.destination,
      amount: money(order.amount),
      ...refusalOf(event, currency),
    };
    return { subject: holdId, at: acceptedAt, data };
  }
  const { hold, held, heldChange, side } = event;
  const data = {
    ...common,
    ...(event.kind === 'PLACED' && { destinationAccount: event.order.destination }),
    status: hold.status,
    amount: money(hold.amount),
    captured: money(hold.captured),
    expiresAt: timeOf(hold.expiresAt),
    revision: hold.revision,
    heldAfter: money(held),
    heldChange: money(heldChange),
    balance: money(side.balance),
    version: side.version,
  };
  return { subject: holdId, at: acceptedAt, data };
}

function openingContent(entry: SealedOpening): Content {
  const { accountId, currency, external, overdraftLimit, limits, openedAt } = entry;
  const data = {
    accountId,
    currency,
    external,
    overdraftLimit: formatAmount(overdraftLimit, currency),
    limits: limits && limitsOf(limits, currency),
    openedAt: timeOf(openedAt),
  };
  return { subject: accountId, at: openedAt, data };
}

function changeContent({ change }: SealedChange, currency: string | undefined): Content {
  const { accountId, changeId, status, overdraftLimit, limits, settingsVersion, acceptedAt } = change;
  const data = {
    accountId,
    changeId,
    status,
    ...(currency !== undefined && {
      currency,
      overdraftLimit: formatAmount(overdraftLimit, currency),
      ...(limits && { limits: limitsOf(limits, currency) }),
    }),
    settingsVersion,
    acceptedAt: timeOf(acceptedAt),
  };
  return { subject: accountId, at: acceptedAt, data };
}

const limitsOf = (limits: Limits, currency: string): Record<string, string | null> =>
  Object.fromEntries(
    LIMITS.map((name) => {
      const amount = limits[name];
      return [name, amount === null ? null : formatAmount(amount, currency)];
    }),
  );
