import { z } from 'zod';
import { formatAmount } from '../../domain/money.ts';
import type { Posting as LedgerPosting } from '../../domain/types.ts';
import { LIST_MAX } from '../http/json-body.ts';
import {
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

const FILTERS = ['from', 'to', 'cursor', 'limit'] as const;

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
        'The balance at this time, with the last posting accepted at or before it. Cannot be combined with other filters.',
    }),
  })
  .superRefine((query, context) => {
    if (query.at === undefined) return;
    for (const filter of FILTERS) {
      if (query[filter] === undefined) continue;
      context.addIssue({ code: 'custom', path: [filter], message: 'cannot be combined with at' });
    }
  });

export const Posting = z
  .object({
    accountId: Id,
    version: Version,
    amount: Money.meta({ description: 'Negative for a debit.' }),
    balanceAfter: Money,
    transactionId: TransferId,
    counterparty: Id,
    timestamp: Timestamp.meta({
      description: "The client's own time, or the time of acceptance if the client sent none.",
    }),
    acceptedAt: Timestamp,
    persistedAt: Timestamp,
    correlationId: z.string(),
    user: z.string(),
  })
  .meta({ id: 'Posting' });

const list = { items: z.array(Posting), nextCursor: z.string().nullable() };

export const PostingList = z.object(list).meta({ id: 'PostingList' });

export const BalanceAt = z
  .object({ accountId: Id, currency: Currency, at: Timestamp, balance: Money, version: Version, ...list })
  .meta({
    id: 'BalanceAt',
    description: 'Present if `at` was given. `items` contains the posting that produced the balance, if there was one.',
  });

export interface Page {
  afterVersion: number;
  limit: number;
  from?: number;
  to?: number;
}

export function pageOf(query: z.output<typeof PostingsQuery>, afterVersion: number): Page {
  const { from, to, limit = LIMIT_DEFAULT } = query;
  return { afterVersion, limit, ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
}

export function postingAnswer(posting: LedgerPosting): z.input<typeof Posting> {
  const { currency } = posting;
  return {
    accountId: posting.accountId,
    version: posting.version,
    amount: formatAmount(posting.amount, currency),
    balanceAfter: formatAmount(posting.balanceAfter, currency),
    transactionId: posting.transactionId,
    counterparty: posting.counterparty,
    timestamp: formatTimestamp(posting.timestamp ?? posting.acceptedAt),
    acceptedAt: formatTimestamp(posting.acceptedAt),
    persistedAt: formatTimestamp(posting.persistedAt),
    correlationId: posting.correlationId,
    user: posting.user,
  };
}
