import { z } from 'zod';
import { LEGS } from '../../domain/leg-types.ts';
import { formatAmount } from '../../domain/money.ts';
import type { HistoryItem as LedgerItem } from '../../domain/types.ts';
import {
  AccountId,
  Currency,
  formatTimestamp,
  Id,
  Metadata,
  Money,
  Reference,
  Timestamp,
  TransferId,
  Version,
} from '../schemas/fields.ts';

export const TRANSFER_KINDS = ['transfer', 'reversal', 'capture'] as const;
export const HOLD_KINDS = ['hold_placed', 'hold_changed', 'hold_voided', 'hold_expired'] as const;

const common = {
  accountId: AccountId,
  version: Version,
  balanceAfter: Money,
  acceptedAt: Timestamp,
  persistedAt: Timestamp,
  correlationId: z.string(),
  user: z.string(),
};

export const Posting = z
  .object({
    ...common,
    kind: z.enum(TRANSFER_KINDS),
    amount: Money.meta({ description: 'Negative for a debit.' }),
    heldAfter: Money.optional().meta({
      description:
        'The amount that the open holds of the account reserve after this item. Absent with `holds=false`, and with a filter by kind, direction or amount.',
    }),
    transactionId: TransferId,
    counterparty: AccountId,
    counterpartyName: z.string().optional().meta({ description: 'The name of that account, if it has one.' }),
    timestamp: Timestamp.meta({
      description: "The client's own time, or the time of acceptance if the client sent none.",
    }),
    leg: z
      .enum([...LEGS, 'payout'])
      .optional()
      .meta({
        description:
          'Present for a transfer between shards: `out` at its source, `in` at its destination. If the destination refuses it, the source gets the amount back with `back`. `payout`: an operator has paid this account an amount that neither the source nor the destination could take.',
      }),
    reference: Reference.optional(),
    metadata: Metadata.optional(),
    groupId: Id.optional().meta({ description: 'The group or split that the transfer is a member of.' }),
    reverses: TransferId.optional().meta({ description: 'Of a reversal: the transfer that it reverses.' }),
    holdId: Id.optional().meta({ description: 'The hold from which a capture took its amount.' }),
    heldChange: Money.optional().meta({
      description:
        'By how much a capture changed the held amount of this account: zero if the account is the destination.',
    }),
  })
  .meta({ id: 'Posting', description: 'One side of a transfer.' });

export const HoldEvent = z
  .object({
    ...common,
    kind: z.enum(HOLD_KINDS),
    heldAfter: Money.meta({ description: 'The amount reserved by the open holds of the account after this event.' }),
    holdId: Id,
    heldChange: Money.meta({
      description: 'By how much the event changed the held amount of the account; the balance is unchanged.',
    }),
  })
  .meta({
    id: 'HoldEvent',
    description: 'An event of a hold, other than a capture: a capture is listed as a posting.',
  });

const HistoryItem = z.discriminatedUnion('kind', [Posting, HoldEvent]).meta({ id: 'HistoryItem' });
const list = { items: z.array(HistoryItem), nextCursor: z.string().nullable() };

export const PostingList = z
  .object({
    ...list,
    nextCursor: list.nextCursor.meta({
      description:
        'The cursor of the next page, in the requested order; null at the end. A page can have fewer items than `limit`, even none, before the end.',
    }),
    previousCursor: z.string().nullable().meta({
      description: 'The cursor of the previous page, with its items in the same order; null at the beginning.',
    }),
  })
  .meta({ id: 'PostingList' });

export const BalanceAt = z
  .object({
    accountId: AccountId,
    currency: Currency,
    at: Timestamp,
    balance: Money,
    held: Money,
    version: Version,
    ...list,
  })
  .meta({
    id: 'BalanceAt',
    description:
      'Present if `at` was given. `items` contains the item that produced the balance and the held amount, if there was one.',
  });

type PostingAnswer = z.input<typeof Posting>;

/** @param names the names of the counterparties that have one */
export function itemAnswer(
  item: LedgerItem,
  names: ReadonlyMap<string, string>,
): PostingAnswer | z.input<typeof HoldEvent> {
  const money = (units: number): string => formatAmount(units, item.currency);
  const common = {
    accountId: item.accountId,
    version: item.version,
    balanceAfter: money(item.balanceAfter),
    acceptedAt: formatTimestamp(item.acceptedAt),
    persistedAt: formatTimestamp(item.persistedAt),
    correlationId: item.correlationId,
    user: item.user,
  };
  if ('heldChange' in item) {
    const { kind, holdId, heldChange, heldAfter } = item;
    return { ...common, kind, holdId, heldChange: money(heldChange), heldAfter: money(heldAfter) };
  }
  const { kind, amount, transactionId, counterparty, timestamp, hold, leg, acceptedAt, heldAfter } = item;
  const counterpartyName = names.get(counterparty);
  return {
    ...common,
    kind,
    amount: money(amount),
    ...(heldAfter !== null && { heldAfter: money(heldAfter) }),
    transactionId,
    counterparty,
    ...(counterpartyName !== undefined && { counterpartyName }),
    timestamp: formatTimestamp(timestamp ?? acceptedAt),
    ...(leg && { leg }),
    ...(item.reference !== null && { reference: item.reference }),
    ...(item.metadata !== null && { metadata: { ...item.metadata } }),
    ...(item.groupId !== null && { groupId: item.groupId }),
    ...(item.reverses !== null && { reverses: item.reverses }),
    ...(hold && { holdId: hold.holdId, heldChange: money(hold.heldChange) }),
  };
}
