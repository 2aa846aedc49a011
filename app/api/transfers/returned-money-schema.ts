import { z } from 'zod';
import { formatAmount, isCurrency } from '../../domain/money.ts';
import type { FieldError } from '../../domain/problem.ts';
import type { Posted } from '../../domain/types.ts';
import type {
  PayoutOrder,
  ReturnedMoneyPage,
  ReturnedMoneyPosition,
  ReturnedMoneyQuery,
  ReturnedTransfer,
} from '../../ledger/ports/returned-money.ts';
import { invalid } from '../http/validation.ts';
import {
  AccountId,
  amountAt,
  Currency,
  formatTimestamp,
  LIMIT_DEFAULT,
  ListLimit,
  Money,
  MoneyInput,
  Timestamp,
  TransferId,
  text,
} from '../schemas/fields.ts';

const SHARDS_MAX = 16_384;

const Shard = z.int().min(0).max(SHARDS_MAX).meta({ description: 'Number of the shard.' });

export const ReturnedMoneyParameters = z.strictObject({
  shard: z
    .string()
    .regex(/^(0|[1-9]\d{0,4})$/, 'must be the number of a shard')
    .transform(Number)
    .optional()
    .meta({ type: 'integer', minimum: 0, description: 'Only this shard. All shards by default.' }),
  state: z.enum(['unpaid', 'all']).optional().meta({
    default: 'unpaid',
    description: '`unpaid`: only money that has not been paid out. `all`: also money that has.',
  }),
  limit: ListLimit,
  cursor: z.string().max(64).optional().meta({ description: 'The `nextCursor` of an earlier response.' }),
});

const ReturnedBalance = z.object({ shard: Shard, currency: Currency, amount: Money }).meta({ id: 'ReturnedBalance' });

const Item = z
  .object({
    shard: Shard,
    transactionId: TransferId,
    sourceAccount: AccountId.meta({ description: 'The source of the transfer, which could not take the money back.' }),
    destinationAccount: AccountId.meta({ description: 'The destination of the transfer, which refused it.' }),
    amount: Money,
    currency: Currency,
    returnedAt: Timestamp,
    payout: z
      .object({ destinationAccount: AccountId, reason: z.string(), user: z.string(), paidAt: Timestamp })
      .nullable()
      .meta({ description: 'To which account it was paid out, by whom, why and when; null if it was not.' }),
  })
  .meta({ id: 'ReturnedTransfer' });

export const ReturnedMoneyList = z
  .object({
    balances: z.array(ReturnedBalance).meta({
      description: 'The total that has not been paid out in the listed shards, by currency, regardless of the page.',
    }),
    items: z.array(Item),
    nextCursor: z.string().nullable().meta({
      description:
        'Send it as `cursor` to get the next page; null at the end. A page can have fewer items than `limit`, even none.',
    }),
  })
  .meta({ id: 'ReturnedMoneyList' });

const REASON_LENGTH = { min: 10, max: 200 };
export const PayoutRequest = z
  .strictObject({
    shard: Shard,
    transactionId: TransferId.meta({ description: 'The transfer that was returned.' }),
    destinationAccount: AccountId.meta({
      description: 'The account that gets the money. It must be in the same shard.',
    }),
    amount: MoneyInput.meta({
      description:
        'The whole amount that was returned. It must match, as a safeguard against paying out the wrong transfer.',
    }),
    currency: Currency,
    reason: text(REASON_LENGTH.max)
      .trim()
      .min(REASON_LENGTH.min)
      .meta({ description: 'The reason, in a sentence; it is recorded with your name, and shown in the history.' }),
  })
  .meta({ id: 'PayoutRequest' });

export const PaidOut = z
  .object({
    shard: Shard,
    transactionId: TransferId,
    destinationAccount: AccountId,
    destinationVersion: z.int(),
    amount: Money,
    currency: Currency,
    reason: z.string(),
    user: z.string(),
    paidAt: Timestamp,
    replayed: z.boolean().meta({ description: 'True if it had already been paid out to this account.' }),
  })
  .meta({ id: 'PaidOut' });

/** @throws Problem validation_failed for a cursor that is not from this API */
export function queryOf(parameters: z.output<typeof ReturnedMoneyParameters>): ReturnedMoneyQuery {
  const { shard, state = 'unpaid', limit = LIMIT_DEFAULT, cursor } = parameters;
  const position = cursor === undefined ? null : decodeCursor(cursor);
  return { shard, unpaid: state === 'unpaid', limit, position };
}

/** @throws Problem validation_failed for an amount that does not fit its currency */
export function payoutOf({ destinationAccount, ...request }: z.output<typeof PayoutRequest>): PayoutOrder {
  const errors: FieldError[] = [];
  const amount = amountAt('/amount', request.amount, request.currency, errors);
  if (errors.length > 0) throw invalid(errors);
  return { ...request, destination: destinationAccount, amount };
}

export const pageAnswer = ({ balances, items, next }: ReturnedMoneyPage): z.input<typeof ReturnedMoneyList> => ({
  balances: balances.map(({ shard, currency, amount }) => ({
    shard,
    currency,
    amount: formatAmount(amount, currency),
  })),
  items: items.map(itemAnswer),
  nextCursor: next && encodeCursor(next),
});

function itemAnswer({ source, destination, amount, returnedAt, payout, ...item }: ReturnedTransfer) {
  return {
    ...item,
    sourceAccount: source,
    destinationAccount: destination,
    amount: formatAmount(amount, item.currency),
    returnedAt: formatTimestamp(returnedAt),
    payout: payout && {
      destinationAccount: payout.destination,
      reason: payout.reason,
      user: payout.user,
      paidAt: formatTimestamp(payout.paidAt),
    },
  };
}

export function paidAnswer({ shard, transactionId }: PayoutOrder, paid: Posted): z.input<typeof PaidOut> {
  const { order, destination, acceptedAt, replayed } = paid;
  return {
    shard,
    transactionId,
    destinationAccount: order.destination,
    destinationVersion: destination.version,
    amount: formatAmount(order.amount, order.currency),
    currency: order.currency,
    reason: order.metadata?.['reason'] ?? '',
    user: order.user,
    paidAt: formatTimestamp(acceptedAt),
    replayed,
  };
}

const CURSOR = /^r1\.(\d{1,5})\.([A-Z]{3})\.(\d{1,16})$/;

const encodeCursor = ({ shard, currency, version }: ReturnedMoneyPosition): string =>
  Buffer.from(`r1.${shard}.${currency}.${version}`).toString('base64url');

function decodeCursor(cursor: string): ReturnedMoneyPosition {
  const [, shard, currency = '', version] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  const position = { shard: Number(shard), currency, version: Number(version) };
  if (isCurrency(currency) && Number.isSafeInteger(position.version) && encodeCursor(position) === cursor)
    return position;
  throw invalid([{ pointer: '/cursor', detail: 'is not a cursor from an earlier response' }]);
}
