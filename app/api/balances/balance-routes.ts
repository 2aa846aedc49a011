import { requireAccounts } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import type { Ledger } from '../../ledger/ports/ledger.ts';
import { type Route, route } from '../http/route.ts';
import { AccountIdParams } from '../schemas/fields.ts';
import { single } from '../schemas/items.ts';
import { Balance, BalanceQuery, BalanceQueryAnswer, balanceAnswer, IfNoneMatch, matches } from './balance-schema.ts';

interface BalanceDependencies {
  ledger: Ledger;
}

const tag = 'Balances';

export function balanceRoutes(deps: BalanceDependencies): Route[] {
  return [readBalance(deps), queryBalances(deps)];
}

function readBalance({ ledger }: BalanceDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/accounts/{id}/balance',
    scopes: ['balances:read'],
    accounts: 'path',
    tag,
    summary: 'Read a balance',
    description:
      'The `ETag` is the version of the balance. A change of the overdraft limit changes `available` but not the version: poll without `If-None-Match` where that matters.',
    params: AccountIdParams,
    headers: IfNoneMatch,
    answers: {
      200: { description: 'The balance', schema: Balance, headers: { ETag: 'The `version`.' } },
      304: { description: 'The balance still has the version given in `If-None-Match`' },
    },
    problems: ['account_not_found', 'ledger_switching', 'ledger_closed', 'database_unavailable'],
    async handle({ params, header }) {
      const view = single(await ledger.read([params.id]));
      const etag = `"${view.version}"`;
      const headers = { ETag: etag, 'Cache-Control': 'private, no-cache' };
      // A stale balance is always sent, because its staleness is new information.
      if (!view.stale && matches(header('if-none-match'), etag)) return { status: 304, headers };
      return { status: 200, body: balanceAnswer(view), headers };
    },
  });
}

function queryBalances({ ledger }: BalanceDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/balances/query',
    scopes: ['balances:read'],
    accounts: 'handler',
    tag,
    summary: 'Read up to 1000 balances',
    body: { schema: BalanceQuery, isList: true, example: { accountIds: ['demo-alice', 'demo-bob'] } },
    answers: {
      200: {
        description: 'In request order; an id that is requested twice is returned once',
        schema: BalanceQueryAnswer,
      },
    },
    problems: ['ledger_switching', 'ledger_closed', 'database_unavailable'],
    async handle({ body, identity }) {
      requireAccounts(identity, body.accountIds);
      const accountIds = [...new Set(body.accountIds)];
      const items = [];
      const missing = [];
      for (const [i, result] of (await ledger.read(accountIds)).entries()) {
        if (!(result instanceof Problem)) items.push(balanceAnswer(result));
        else if (result.code === 'account_not_found') missing.push(accountIds[i]);
        else throw result;
      }
      return { status: 200, body: { items, missing } };
    },
  });
}
