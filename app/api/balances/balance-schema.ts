import { z } from 'zod';
import { formatAmount, formatSum } from '../../domain/money.ts';
import type { AccountView } from '../../domain/types.ts';
import { LIST_MAX } from '../http/json-body.ts';
import { AccountId, Currency, formatTimestamp, Money, Timestamp, Version } from '../schemas/fields.ts';

export const Balance = z
  .object({
    accountId: AccountId,
    currency: Currency,
    balance: Money,
    held: Money.meta({ description: 'Reserved by open holds: part of the balance, but not available.' }),
    available: Money.nullable().meta({
      description:
        'The balance, less what is held, plus the overdraft limit. Null for an external account, which has no lower limit.',
    }),
    overdraftLimit: Money,
    version: Version,
    asOf: Timestamp.meta({ description: 'When it was read.' }),
    source: z.enum(['cache', 'database']),
    stale: z.literal(true).optional().meta({
      description:
        'True only while the ledger moves between its stores or is closed, or while the account waits for a journal.',
    }),
  })
  .meta({ id: 'Balance' });

export const BalanceQuery = z
  .strictObject({ accountIds: z.array(AccountId).min(1).max(LIST_MAX) })
  .meta({ id: 'BalanceQuery' });

export const BalanceQueryAnswer = z
  .object({ items: z.array(Balance), missing: z.array(AccountId).meta({ description: 'Accounts that do not exist.' }) })
  .meta({ id: 'BalanceQueryAnswer' });

export const IfNoneMatch = z.object({
  'If-None-Match': z.string().optional().meta({
    description: 'The `ETag` of an earlier response: the response is 304 while the balance still has that version.',
  }),
});

export function balanceAnswer(view: AccountView): z.input<typeof Balance> {
  const { accountId, currency, balance, held, overdraftLimit, version, source } = view;
  return {
    accountId,
    currency,
    balance: formatAmount(balance, currency),
    held: formatAmount(held, currency),
    available: view.external ? null : formatSum(currency, balance, -held, overdraftLimit),
    overdraftLimit: formatAmount(overdraftLimit, currency),
    version,
    asOf: formatTimestamp(view.asOf),
    source,
    ...(view.stale && { stale: true as const }),
  };
}

/** If-None-Match as in RFC 9110: a list of tags, with weak ones compared like strong ones, or `*`. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => {
    const known = tag.trim();
    return known === '*' || known === etag || known === `W/${etag}`;
  });
}
