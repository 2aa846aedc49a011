import { requireAccounts } from '../../domain/identity.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { AccountOpening, Books, Ledger } from '../../ledger/ports/ledger.ts';
import { type Route, route } from '../http/route.ts';
import { AccountIdParams } from '../schemas/fields.ts';
import { attemptEach, batchItem, single, workOnValid } from '../schemas/items.ts';
import {
  Account,
  AccountBatch,
  AccountBatchAnswer,
  AccountChangeRequest,
  AccountOpeningRequest,
  AccountSettings,
  accountAnswer,
  expectedSettingsVersion,
  IfMatch,
  isGiven,
  moneyIn,
  newAccount,
  newAccountFrom,
  OpenedAccount,
  openedAccount,
  settingsAnswer,
} from './account-schema.ts';
import { LimitUsage, limitUsage } from './limit-schema.ts';

interface AccountDependencies {
  ledger: Ledger;
  books: Books;
  clock: Clock;
  /** This pod's estimate of the ledger's time, ms since 1970. */
  ledgerNow: () => number;
}

const tag = 'Accounts';

const ACCOUNT_EXAMPLE = { accountId: 'customer-4711', currency: 'EUR', overdraftLimit: '100.00', name: 'Ada Lovelace' };
const BATCH_EXAMPLE = {
  accounts: [ACCOUNT_EXAMPLE, { accountId: 'customer-4712', currency: 'EUR', name: 'Grace Hopper' }],
};

export function accountRoutes(deps: AccountDependencies): Route[] {
  return [openAccount(deps), openAccounts(deps), readAccount(deps), readLimits(deps), changeAccount(deps)];
}

function openAccount({ books, ledger }: AccountDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/accounts',
    scopes: ['accounts:write'],
    accounts: 'handler',
    tag,
    summary: 'Open an account',
    body: { schema: AccountOpeningRequest, example: ACCOUNT_EXAMPLE },
    answers: {
      201: { description: 'Opened', schema: OpenedAccount },
      200: { description: 'The account already existed with the same content', schema: OpenedAccount },
    },
    problems: [
      'account_id_reused',
      'feature_not_active',
      'ledger_switching',
      'ledger_stopped',
      'database_unavailable',
      'outcome_unknown',
    ],
    async handle({ body, identity }) {
      const account = newAccount(body);
      requireAccounts(identity, [account.accountId]);
      if (account.limits) ledger.requireFeature('limits', account.accountId);
      return openingAnswer(single(await books.openAccounts([account], identity.user)));
    },
  });
}

function openAccounts({ books, ledger, clock }: AccountDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/accounts/batch',
    scopes: ['accounts:write'],
    accounts: 'handler',
    tag,
    summary: 'Open up to 1000 accounts, with one outcome per account',
    body: { schema: AccountBatch.envelope, documented: AccountBatch.documented, isList: true, example: BATCH_EXAMPLE },
    answers: { 200: { description: 'One outcome per account, in request order', schema: AccountBatchAnswer } },
    problems: ['ledger_stopped', 'database_unavailable', 'outcome_unknown'],
    async handle(call) {
      const take = (item: unknown) => {
        const account = newAccountFrom(item);
        requireAccounts(call.identity, [account.accountId]);
        if (account.limits) ledger.requireFeature('limits', account.accountId);
        return account;
      };
      const accounts = await attemptEach(call.body.accounts, take, clock);
      const openings = await workOnValid(accounts, (valid) => books.openAccounts(valid, call.identity.user));
      const results = openings.map((opening) =>
        batchItem(opening instanceof Problem ? opening : openingAnswer(opening), call),
      );
      return { status: 200, body: { results } };
    },
  });
}

function openingAnswer({ account, created }: AccountOpening) {
  return { status: created ? 201 : 200, body: openedAccount(account) };
}

function readAccount({ ledger, books }: AccountDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/accounts/{id}',
    scopes: ['balances:read'],
    accounts: 'path',
    tag,
    summary: 'Read an account with its status, limits and balance',
    params: AccountIdParams,
    answers: {
      200: { description: 'The account', schema: Account, headers: { ETag: 'The `settingsVersion`, for `If-Match`.' } },
    },
    problems: ['account_not_found', 'ledger_switching', 'ledger_closed', 'database_unavailable'],
    async handle({ params: { id } }) {
      const [views, details] = await Promise.all([ledger.read([id]), books.accountDetails(id)]);
      const view = single(views);
      return { status: 200, body: accountAnswer(view, details), headers: settingsTag(view.settingsVersion) };
    },
  });
}

function readLimits({ ledger, books }: AccountDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/accounts/{id}/limits',
    scopes: ['balances:read'],
    accounts: 'path',
    tag,
    summary: 'Read the limits of an account, and how much of each is used',
    params: AccountIdParams,
    answers: { 200: { description: 'The limits', schema: LimitUsage } },
    problems: [
      'account_not_found',
      'calendar_unavailable',
      'ledger_switching',
      'ledger_closed',
      'database_unavailable',
    ],
    async handle({ params: { id } }) {
      const view = single(await ledger.read([id]));
      return { status: 200, body: limitUsage(view, view.limits && (await books.businessWindows(view.asOf))) };
    },
  });
}

function changeAccount({ ledger, ledgerNow }: AccountDependencies): Route {
  return route({
    method: 'PATCH',
    path: '/v1/accounts/{id}',
    scopes: ['accounts:write'],
    accounts: 'path',
    tag,
    summary: 'Change the status, overdraft limit or other limits of an account, effective immediately',
    params: AccountIdParams,
    headers: IfMatch,
    body: { schema: AccountChangeRequest, example: { overdraftLimit: '100.00' } },
    answers: {
      200: {
        description: 'The settings after the change',
        schema: AccountSettings,
        headers: { ETag: 'The new `settingsVersion`.' },
      },
    },
    problems: [
      'account_not_found',
      'account_not_empty',
      'account_closed',
      'account_unsettled',
      'settings_version_mismatch',
      'feature_not_active',
      'ledger_switching',
      'ledger_closed',
      'ledger_stopped',
      'backlog_full',
      'database_unavailable',
      'outcome_unknown',
    ],
    async handle({ params: { id }, body, identity, correlationId, header }) {
      const expected = expectedSettingsVersion(header('if-match'));
      const { status, overdraftLimit, limits } = body;
      if (isGiven(limits)) ledger.requireFeature('limits', id);
      const money = isGiven(overdraftLimit) || isGiven(limits) ? moneyIn(await currencyOf(id), body) : {};
      const view = await ledger.changeAccount({
        changeId: newUuidV7(ledgerNow()),
        accountId: id,
        ...(isGiven(status) && { status }),
        ...money,
        ...(expected !== undefined && { expectedSettingsVersion: expected }),
        user: identity.user,
        correlationId,
      });
      return { status: 200, body: settingsAnswer(view), headers: settingsTag(view.settingsVersion) };
    },
  });

  async function currencyOf(accountId: string): Promise<string> {
    return single(await ledger.read([accountId])).currency;
  }
}

/** A weak ETag (RFC 9110): it identifies the settings, while the balance in the same response may differ. */
function settingsTag(settingsVersion: number): Record<string, string> {
  return { ETag: `W/"${settingsVersion}"` };
}
