import type { ReturnedMoney } from '../../ledger/ports/returned-money.ts';
import { type Route, route } from '../http/route.ts';
import {
  PaidOut,
  PayoutRequest,
  pageAnswer,
  paidAnswer,
  payoutOf,
  queryOf,
  ReturnedMoneyList,
  ReturnedMoneyParameters,
} from './returned-money-schema.ts';
import { refusalProblem } from './transfer-refusal.ts';
import { LEDGER_PROBLEMS, originOf } from './transfer-schema.ts';

interface ReturnedMoneyDependencies {
  returnedMoney: ReturnedMoney;
}

const tag = 'Operations';
const path = '/v1/ops/returned-money';

export function returnedMoneyRoutes(deps: ReturnedMoneyDependencies): Route[] {
  return [listReturnedMoney(deps), payOut(deps)];
}

function listReturnedMoney({ returnedMoney }: ReturnedMoneyDependencies): Route {
  return route({
    method: 'GET',
    path,
    scopes: ['ops'],
    tag,
    summary: 'List money that no account could take after a transfer between shards',
    query: ReturnedMoneyParameters,
    answers: {
      200: {
        description: 'The returned money in MySQL, oldest first in each shard and currency',
        schema: ReturnedMoneyList,
      },
    },
    problems: ['database_unavailable'],
    handle: async ({ query }) => ({ status: 200, body: pageAnswer(await returnedMoney.list(queryOf(query))) }),
  });
}

function payOut({ returnedMoney }: ReturnedMoneyDependencies): Route {
  return route({
    method: 'POST',
    path,
    scopes: ['ops'],
    tag,
    summary: 'Pay out money that no account could take',
    description:
      'Pays the whole amount of a returned transfer to an account of the same shard, once, and responds when the payment is in MySQL. Repeat the request after any error: it never pays twice. ' +
      'If the money was paid out to another account, the response is 409 and nothing changes. The history of the account shows the transfer with `leg` `payout`, your name and the reason.',
    body: {
      schema: PayoutRequest,
      example: {
        shard: 0,
        transactionId: '019b7650-2c00-7000-8000-000000000002',
        destinationAccount: 'demo-alice',
        amount: '1.00',
        currency: 'EUR',
        reason: 'The customer named this account, see ticket 4711.',
      },
    },
    answers: {
      201: { description: 'Paid out', schema: PaidOut },
      200: { description: 'It had already been paid out to this account', schema: PaidOut },
    },
    problems: ['transfer_not_found', 'already_paid_out', 'transfer_pending', ...LEDGER_PROBLEMS],
    async handle(call) {
      const payout = payoutOf(call.body);
      const outcome = await returnedMoney.payOut(payout, originOf(call));
      if (outcome.status === 'POSTED')
        return { status: outcome.replayed ? 200 : 201, body: paidAnswer(payout, outcome) };
      const { transactionId } = payout;
      throw refusalProblem({ ...outcome, order: { ...outcome.order, transactionId } }, call.identity);
    },
  });
}
