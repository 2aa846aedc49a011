import { z } from 'zod';
import { LEGS } from '../../domain/leg-types.ts';
import { formatAmount } from '../../domain/money.ts';
import type { HistoryItem as LedgerItem } from '../../domain/types.ts';
import { LIST_MAX } from '../http/json-body.ts';
import {
  AccountId,
  Currency,
  formatTimestamp,
  Id,
  Money,
  Timestamp,
  TimestampInput,
  TransferId,
  Version,
} from '../schemas/fields.ts';

const LIMIT_DEFAULT = 100;

const FILTERS = ['from', 'to', 'cursor', 'limit', 'holds'] as const;

export const PostingsQuery = z
  .strictObject({
    from: TimestampInput.optional().meta({ description: 'Accepted at or after this time.' }),
    to: TimestampInput.optional().meta({ description: 'Accepted before this time.' }),
    cursor: z.string().max(64).optional().meta({ description: 'The `nextCursor` of the previous response.' }),
    limit: z
      .string()
      .regex(/^[1-9]\d{0,3}$/, `must be a whole number from 1 to ${LIST_MAX}`)
      .transform(Number)
      .refine((limit) => limit <= LIST_MAX, `must be a whole number from 1 to ${LIST_MAX}`)
      .optional()
      .meta({ type: 'integer', minimum: 1, maximum: LIST_MAX, default: LIMIT_DEFAULT }),
    at: TimestampInput.optional().meta({
      description:
        'The balance at this time, with the last item accepted at or before it. Cannot be combined with other filters.',
    }),
    holds: z
      .enum(['true', 'false'])
      .optional()
      .meta({ type: 'boolean', default: true, description: '`false` leaves out the events of holds.' }),
  })
  .superRefine((query, context) => {
    if (query.at === undefined) return;
    for (const filter of FILTERS) {
      if (query[filter] === undefined) continue;
      context.addIssue({ code: 'custom', path: [filter], message: 'cannot be combined with at' });
    }
  });

const common = {
  accountId: AccountId,
  version: Version,
  balanceAfter: Money,
  heldAfter: Money.optional().meta({
    description: 'The amount that the open holds of the account reserve after this item. Absent with `holds=false`.',
  }),
  acceptedAt: Timestamp,
  persistedAt: Timestamp,
  correlationId: z.string(),
  user: z.string(),
};

export const Posting = z
  .object({
    ...common,
    kind: z.enum(['transfer', 'reversal', 'capture']),
    amount: Money.meta({ description: 'Negative for a debit.' }),
    transactionId: TransferId,
    counterparty: AccountId,
    timestamp: Timestamp.meta({
      description: "The client's own time, or the time of acceptance if the client sent none.",
    }),
    leg: z.enum(LEGS).optional().meta({
      description:
        'Present for a transfer between shards: `out` at its source, `in` at its destination. If the destination refuses it, the source gets it back with `back`.',
    }),
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
    kind: z.enum(['hold_placed', 'hold_changed', 'hold_voided', 'hold_expired']),
    holdId: Id,
    heldChange: Money.meta({
      description: 'By how much the event changed the held amount of the account; the balance is unchanged.',
    }),
  })
  .meta({
    id: 'HoldEvent',
    description: 'An event of a hold, other than a capture: a capture is listed as a posting.',
  });

const list = { items: z.array(z.union([Posting, HoldEvent])), nextCursor: z.string().nullable() };

export const PostingList = z.object(list).meta({ id: 'PostingList' });

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

export interface Page {
  afterVersion: number;
  limit: number;
  from?: number;
  to?: number;
  holds: boolean;
}

export function pageOf(query: z.output<typeof PostingsQuery>, afterVersion: number): Page {
  const { from, to, limit = LIMIT_DEFAULT } = query;
  const holds = query.holds !== 'false';
  return { afterVersion, limit, holds, ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
}

export function itemAnswer(item: LedgerItem): z.input<typeof Posting> | z.input<typeof HoldEvent> {
  const money = (units: number): string => formatAmount(units, item.currency);
  const common = {
    accountId: item.accountId,
    version: item.version,
    balanceAfter: money(item.balanceAfter),
    ...(item.heldAfter !== null && { heldAfter: money(item.heldAfter) }),
    acceptedAt: formatTimestamp(item.acceptedAt),
    persistedAt: formatTimestamp(item.persistedAt),
    correlationId: item.correlationId,
    user: item.user,
  };
  if ('heldChange' in item)
    return { ...common, kind: item.kind, holdId: item.holdId, heldChange: money(item.heldChange) };
  const { kind, amount, transactionId, counterparty, timestamp, hold, leg, acceptedAt } = item;
  return {
    ...common,
    kind,
    amount: money(amount),
    transactionId,
    counterparty,
    timestamp: formatTimestamp(timestamp ?? acceptedAt),
    ...(leg && { leg }),
    ...(hold && { holdId: hold.holdId, heldChange: money(hold.heldChange) }),
  };
}
