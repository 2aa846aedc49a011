import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { AccountOpening, Books, Ledger } from '../../ledger/ports/ledger.ts';
import { type Route, route } from '../http/route.ts';
import { IdParams } from '../schemas/fields.ts';
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
  newAccount,
  newAccountFrom,
  OpenedAccount,
  openedAccount,
  overdraftLimitIn,
  settingsAnswer,
} from './account-schema.ts';

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
  return [openAccount(deps), openAccounts(deps), readAccount(deps), changeAccount(deps)];
}

function openAccount({ books }: AccountDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/accounts',
    scopes: ['accounts:write'],
    tag,
    summary: 'Open an account',
    body: { schema: AccountOpeningRequest, example: ACCOUNT_EXAMPLE },
    answers: {
      201: { description: 'Opened', schema: OpenedAccount },
      200: { description: 'The account already existed with the same content', schema: OpenedAccount },
    },
    problems: ['account_id_reused', 'database_unavailable', 'outcome_unknown'],
    async handle({ body, identity }) {
      return openingAnswer(single(await books.openAccounts([newAccount(body)], identity.user)));
    },
  });
}

function openAccounts({ books, clock }: AccountDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/accounts/batch',
    scopes: ['accounts:write'],
    tag,
    summary: 'Open up to 1000 accounts, with one outcome per account',
    body: { schema: AccountBatch.envelope, documented: AccountBatch.documented, isList: true, example: BATCH_EXAMPLE },
    answers: { 200: { description: 'One outcome per account, in request order', schema: AccountBatchAnswer } },
    problems: ['database_unavailable', 'outcome_unknown'],
    async handle(call) {
      const accounts = await attemptEach(call.body.accounts, newAccountFrom, clock);
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
    tag,
    summary: 'Read an account with its status, limits and balance',
    params: IdParams,
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

function changeAccount({ ledger, ledgerNow }: AccountDependencies): Route {
  return route({
    method: 'PATCH',
    path: '/v1/accounts/{id}',
    scopes: ['accounts:write'],
    tag,
    summary: 'Change status or overdraft limit, effective immediately',
    params: IdParams,
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
      'ledger_switching',
      'ledger_closed',
      'backlog_full',
      'database_unavailable',
      'outcome_unknown',
    ],
    async handle({ params: { id }, body, identity, correlationId, header }) {
      const expected = expectedSettingsVersion(header('if-match'));
      const { status, overdraftLimit } = body;
      const limit = isGiven(overdraftLimit) ? overdraftLimitIn(await currencyOf(id), overdraftLimit) : {};
      const view = await ledger.changeAccount({
        changeId: newUuidV7(ledgerNow()),
        accountId: id,
        ...(isGiven(status) && { status }),
        ...limit,
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

/** Weak (RFC 9110): the settings are the same, while the balance in the same response may differ. */
function settingsTag(settingsVersion: number): Record<string, string> {
  return { ETag: `W/"${settingsVersion}"` };
}
