import { z } from 'zod';
import { LIMITS, type Limits } from '../../domain/limits.ts';
import { formatAmount } from '../../domain/money.ts';
import type { FieldError } from '../../domain/problem.ts';
import type { AccountChange, AccountView, NewAccount } from '../../domain/types.ts';
import type { AccountDetails } from '../../ledger/ports/ledger.ts';
import { Balance, balanceAnswer } from '../balances/balance-schema.ts';
import { validate } from '../http/route.ts';
import { invalid } from '../http/validation.ts';
import {
  AccountId,
  AccountStatus,
  amountAt,
  Currency,
  formatTimestamp,
  Money,
  MoneyInput,
  NewAccountId,
  Timestamp,
  text,
  Version,
} from '../schemas/fields.ts';
import { batchAnswerOf, batchOf } from '../schemas/items.ts';
import { AccountLimits, LimitsInput, limitsAnswer, limitsIn } from './limit-schema.ts';

const NAME_LENGTH_MAX = 140;

export const AccountOpeningRequest = z
  .strictObject({
    accountId: NewAccountId,
    currency: Currency,
    overdraftLimit: MoneyInput.nullish().meta({
      description: 'How far below zero the balance may go. Defaults to zero.',
    }),
    limits: LimitsInput.nullish(),
    name: text(NAME_LENGTH_MAX).nullish().meta({ example: 'Ada Lovelace' }),
    external: z.boolean().nullish().meta({
      description: 'Represents the outside world (cash, other banks) and has no lower limit. Defaults to false.',
    }),
  })
  .meta({ id: 'AccountOpeningRequest' });

export const OpenedAccount = z
  .object({
    accountId: AccountId,
    currency: Currency,
    overdraftLimit: Money,
    limits: AccountLimits.nullable(),
    name: z.string().nullable(),
    external: z.boolean(),
    openedAt: Timestamp,
  })
  .meta({
    id: 'OpenedAccount',
    description: 'The account as it was opened. A repeated request gets the same response.',
  });

export const AccountBatch = batchOf('accounts', AccountOpeningRequest, 'AccountBatch');
export const AccountBatchAnswer = batchAnswerOf(OpenedAccount, 'AccountBatchAnswer');

const SettingsVersion = Version.meta({
  description: 'Increases with every change of status or limit; used as the `ETag`.',
});

export const Account = Balance.extend({
  limits: AccountLimits.nullable(),
  status: AccountStatus,
  external: z.boolean(),
  settingsVersion: SettingsVersion,
  name: z.string().nullable(),
  openedAt: Timestamp,
}).meta({ id: 'Account' });

export const AccountChangeRequest = z
  .strictObject({
    status: AccountStatus.nullish(),
    overdraftLimit: MoneyInput.nullish(),
    limits: LimitsInput.nullish().meta({
      description: 'Replaces all limits of the account; an empty object removes them.',
    }),
  })
  .refine(({ status, overdraftLimit, limits }) => [status, overdraftLimit, limits].some(isGiven), {
    error: 'must change status, overdraftLimit or limits',
    when: ({ issues }) => issues.length === 0,
  })
  .meta({ id: 'AccountChangeRequest', minProperties: 1 });

export const AccountSettings = z
  .object({
    accountId: AccountId,
    currency: Currency,
    status: AccountStatus,
    overdraftLimit: Money,
    limits: AccountLimits.nullable(),
    external: z.boolean(),
    settingsVersion: SettingsVersion,
    asOf: Timestamp,
  })
  .meta({
    id: 'AccountSettings',
    description: 'The account without its balances: `accounts:write` alone does not permit reading them.',
  });

/** Neither undefined nor null. */
export function isGiven<T>(member: T | null | undefined): member is T {
  return member !== null && member !== undefined;
}

const IF_MATCH = /^(?:W\/)?(?:"(\d{1,15})"|(\d{1,15}))$/;

export const IfMatch = z.object({
  'If-Match': z
    .string()
    .optional()
    .meta({ description: 'Change the account only at this `settingsVersion`; 412 if it has changed. `"3"` or `3`.' }),
});

/**
 * The settings version in an If-Match header; undefined if there is none, or if it is `*`, which any account matches.
 */
export function expectedSettingsVersion(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch === '*') return undefined;
  const parts = IF_MATCH.exec(ifMatch);
  if (parts === null) throw invalid([{ pointer: '/If-Match', detail: 'must be one settings version such as "3"' }]);
  return Number(parts[1] ?? parts[2]);
}

/** @throws Problem validation_failed */
export function newAccount(request: z.output<typeof AccountOpeningRequest>): NewAccount {
  const errors: FieldError[] = [];
  const { accountId, currency, name = null } = request;
  const overdraftLimit = amountAt('/overdraftLimit', request.overdraftLimit ?? '0', currency, errors);
  const limits = isGiven(request.limits) ? someOf(limitsIn(currency, request.limits, errors)) : null;
  if (errors.length > 0) throw invalid(errors);
  return { accountId, currency, overdraftLimit, name, external: request.external ?? false, limits };
}

/** The limits, or null if none of them is set. */
const someOf = (limits: Limits): Limits | null => (LIMITS.some((name) => limits[name] !== null) ? limits : null);

/** Converts one item of a batch. @throws Problem validation_failed */
export function newAccountFrom(item: unknown): NewAccount {
  return newAccount(validate(AccountOpeningRequest, item));
}

/** The money in a change; its currency is that of the account. @throws Problem validation_failed */
export function moneyIn(
  currency: string,
  { overdraftLimit, limits }: z.output<typeof AccountChangeRequest>,
): Pick<AccountChange, 'overdraftLimit' | 'limits'> {
  const errors: FieldError[] = [];
  const change = {
    ...(isGiven(overdraftLimit) && {
      overdraftLimit: amountAt('/overdraftLimit', overdraftLimit, currency, errors),
    }),
    ...(isGiven(limits) && { limits: limitsIn(currency, limits, errors) }),
  };
  if (errors.length > 0) throw invalid(errors);
  return change;
}

export function openedAccount(details: AccountDetails): z.input<typeof OpenedAccount> {
  return {
    accountId: details.accountId,
    currency: details.currency,
    overdraftLimit: formatAmount(details.overdraftLimit, details.currency),
    limits: limitsAnswer(details.limits, details.currency),
    name: details.name,
    external: details.external,
    openedAt: formatTimestamp(details.openedAt),
  };
}

export function accountAnswer(view: AccountView, details: AccountDetails): z.input<typeof Account> {
  return {
    ...balanceAnswer(view),
    limits: limitsAnswer(view.limits, view.currency),
    status: view.status,
    external: view.external,
    settingsVersion: view.settingsVersion,
    name: details.name,
    openedAt: formatTimestamp(details.openedAt),
  };
}

export function settingsAnswer(view: AccountView): z.input<typeof AccountSettings> {
  return {
    accountId: view.accountId,
    currency: view.currency,
    status: view.status,
    overdraftLimit: formatAmount(view.overdraftLimit, view.currency),
    limits: limitsAnswer(view.limits, view.currency),
    external: view.external,
    settingsVersion: view.settingsVersion,
    asOf: formatTimestamp(view.asOf),
  };
}
