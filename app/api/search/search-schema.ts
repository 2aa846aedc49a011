import { z } from 'zod';
import type { FieldError } from '../../domain/problem.ts';
import { TRANSFER_STATUSES, type TransferFilter } from '../../ledger/ports/search.ts';
import { invalid } from '../http/validation.ts';
import {
  AccountId,
  AccountStatus,
  amountAt,
  Currency,
  Money,
  MoneyInput,
  Reference,
  Timestamp,
  TimestampInput,
  text,
  Version,
} from '../schemas/fields.ts';
import { TransferRecord } from '../transfers/transfer-record.ts';

const LIMIT_DEFAULT = 100;
/** A transfer may have 17 kB of metadata, so a page of this list is shorter than one of other lists. */
const LIMIT_MAX = 200;
const NO_LIMIT = `must be a whole number from 1 to ${LIMIT_MAX}`;
const Limit = z
  .string()
  .regex(/^[1-9]\d{0,2}$/, NO_LIMIT)
  .transform(Number)
  .refine((limit) => limit <= LIMIT_MAX, NO_LIMIT)
  .default(LIMIT_DEFAULT)
  .meta({ type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT });

const Cursor = z.string().max(160).optional().meta({
  description: 'The `nextCursor` of an earlier response to the same query. It stays valid.',
});

/** No example, because `/docs` would fill it into every request. */
const NO_EXAMPLE = { example: undefined };

const METADATA_KEY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export const TransfersQuery = z
  .strictObject({
    account: AccountId.optional().meta({
      ...NO_EXAMPLE,
      description: 'Only transfers from or to this account. Required for an API key that may use only some accounts.',
    }),
    counterparty: AccountId.optional().meta({
      ...NO_EXAMPLE,
      description: 'Only transfers between `account` and this account, in either direction.',
    }),
    status: z.enum(TRANSFER_STATUSES).optional().meta({
      description: '`PENDING` occurs only with several shards.',
    }),
    kind: z.enum(['transfer', 'reversal', 'capture']).optional(),
    reference: Reference.optional().meta({ description: 'Only transfers with exactly this reference.' }),
    metadataKey: z
      .string()
      .regex(METADATA_KEY, 'must be a key of metadata')
      .optional()
      .meta({ description: 'Only transfers whose metadata has `metadataValue` under this key.' }),
    metadataValue: text(256).optional(),
    currency: Currency.optional().meta(NO_EXAMPLE),
    minAmount: MoneyInput.optional().meta({
      ...NO_EXAMPLE,
      description: 'Only transfers of at least this amount, in major units of `currency`.',
    }),
    maxAmount: MoneyInput.optional().meta({
      ...NO_EXAMPLE,
      description: 'Only transfers of at most this amount, in major units of `currency`.',
    }),
    from: TimestampInput.optional().meta({ description: 'Accepted at or after this time.' }),
    to: TimestampInput.optional().meta({ description: 'Accepted before this time.' }),
    order: z
      .enum(['asc', 'desc'])
      .default('desc')
      .meta({ description: '`desc`: newest first. `asc`: oldest first. By the time of acceptance.' }),
    cursor: Cursor,
    limit: Limit,
  })
  .superRefine((query, context) => {
    for (const [name, needed] of NEEDED)
      if (query[name] !== undefined && query[needed] === undefined)
        context.addIssue({ code: 'custom', path: [name], message: `requires ${needed}` });
  });

/** Parameters that have no meaning without another one. */
const NEEDED = [
  ['counterparty', 'account'],
  ['metadataKey', 'metadataValue'],
  ['metadataValue', 'metadataKey'],
  ['minAmount', 'currency'],
  ['maxAmount', 'currency'],
] as const;

/** @throws Problem validation_failed */
export function filterOf(query: z.output<typeof TransfersQuery>): TransferFilter {
  const { account, counterparty, status, kind, reference, currency, from, to } = query;
  const { metadataKey: key, metadataValue: value } = query;
  const errors: FieldError[] = [];
  const amountOf = (name: 'minAmount' | 'maxAmount') => {
    const amount = query[name];
    return amount === undefined || currency === undefined ? undefined : amountAt(`/${name}`, amount, currency, errors);
  };
  const amountMin = amountOf('minAmount');
  const amountMax = amountOf('maxAmount');
  if (errors.length > 0) throw invalid(errors);
  return {
    ...(account !== undefined && { account }),
    ...(counterparty !== undefined && { counterparty }),
    ...(status !== undefined && { status }),
    ...(kind !== undefined && { kind }),
    ...(reference !== undefined && { reference }),
    ...(key !== undefined && value !== undefined && { metadata: { key, value } }),
    ...(currency !== undefined && { currency }),
    ...(amountMin !== undefined && { amountMin }),
    ...(amountMax !== undefined && { amountMax }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
  };
}

const page = {
  nextCursor: z.string().nullable().meta({
    description: 'Null at the end. A page can have fewer items than `limit`, even none, before the end.',
  }),
  asOf: Timestamp.meta({
    description: 'The list is complete up to this time: it contains everything that was in MySQL by then.',
  }),
};

export const TransferList = z.object({ items: z.array(TransferRecord), ...page }).meta({ id: 'TransferList' });

export const AccountsQuery = z.strictObject({
  prefix: AccountId.optional().meta({ ...NO_EXAMPLE, description: 'Only accounts whose ids begin with this text.' }),
  currency: Currency.optional().meta(NO_EXAMPLE),
  status: AccountStatus.optional(),
  order: z.enum(['asc', 'desc']).default('asc').meta({ description: 'By id, compared byte by byte.' }),
  cursor: Cursor,
  limit: Limit,
});

export const AccountSummary = z
  .object({
    accountId: AccountId,
    currency: Currency,
    status: AccountStatus,
    external: z.boolean(),
    name: z.string().nullable(),
    balance: Money.meta({ description: 'As it is in MySQL, a few tens of milliseconds after the latest transfer.' }),
    held: Money,
    overdraftLimit: Money,
    version: Version,
    settingsVersion: Version,
    openedAt: Timestamp,
  })
  .meta({ id: 'AccountSummary' });

export const AccountList = z.object({ items: z.array(AccountSummary), ...page }).meta({ id: 'AccountList' });
