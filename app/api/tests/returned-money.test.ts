import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import type { Posted, TransferOrder } from '../../domain/types.ts';
import type { PayoutOrder, ReturnedMoneyQuery } from '../../ledger/ports/returned-money.ts';
import { ApiUnderTest, keyWith, NOW } from '../testing/api-under-test.ts';

const PATH = '/v1/ops/returned-money';
const key = keyWith('ops');
const request = {
  shard: 1,
  transactionId: 't-1',
  destinationAccount: 'ada',
  amount: '12.34',
  currency: 'EUR',
  reason: 'the owner named this account',
};
const order: TransferOrder = {
  kind: 'transfer',
  transactionId: 't-1~paid:0',
  source: '~returns:EUR',
  destination: 'ada',
  amount: 1234,
  currency: 'EUR',
  timestamp: null,
  reference: null,
  metadata: { reason: request.reason, returnedFrom: 'gone' },
  reverses: null,
  user: 'tester',
  correlationId: 'c',
};
const side = { balance: 1234, version: 7, settingsVersion: 1 };
const posted: Posted = {
  status: 'POSTED',
  order,
  acceptedAt: NOW,
  takenAt: NOW,
  epoch: 1,
  seq: 1,
  replayed: false,
  persisted: true,
  source: { ...side, balance: 0 },
  destination: side,
};

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
});
afterEach(() => api.stop());

describe('paying out returned money', () => {
  it('passes on what the operator sent, and returns who paid what, why and when', async () => {
    const asked: PayoutOrder[] = [];
    api.deps.returnedMoney.payOut = async (payout) => {
      asked.push(payout);
      return { ...posted, replayed: asked.length > 1 };
    };
    const { destinationAccount: destination, ...same } = request;
    const answer = { ...request, destinationVersion: 7, user: 'tester', paidAt: '2026-01-31T12:00:00.000Z' };
    const paid = await api.post(PATH, { ...request, reason: `  ${request.reason} ` }, { key });
    expect(paid).toMatchObject({ status: 201, json: { ...answer, replayed: false } });
    expect(asked).toEqual([{ ...same, destination, amount: 1234 }]);
    expect(await api.post(PATH, request, { key })).toMatchObject({ status: 200, json: { replayed: true } });
  });

  it('names the returned transfer in a refusal, and no inner id', async () => {
    api.deps.returnedMoney.payOut = async () => ({ status: 'REJECTED', order, refusal: 'account_frozen' });
    const refused = await api.post(PATH, request, { key });
    expect(refused).toMatchObject({ status: 422, json: { code: 'account_frozen', transactionId: 't-1' } });
  });

  it('reports that the money went elsewhere', async () => {
    api.deps.returnedMoney.payOut = async () => {
      throw new Problem('already_paid_out', 'The money of transfer t-1 was paid out to bob.', { transactionId: 't-1' });
    };
    expect(await api.post(PATH, request, { key })).toMatchObject({ status: 409, json: { code: 'already_paid_out' } });
  });

  it('needs the scope ops', async () => {
    const others = keyWith('balances:read', 'accounts:write', 'transfers:write');
    expect(await api.post(PATH, request, { key: others })).toMatchObject({ status: 403 });
    expect(await api.get(PATH, { key: others })).toMatchObject({ status: 403 });
  });

  it.each([
    [{ shard: -1 }, '/shard'],
    [{ shard: 1.5 }, '/shard'],
    [{ shard: undefined }, '/shard'],
    [{ transactionId: 't-1~returns' }, '/transactionId'],
    [{ transactionId: '' }, '/transactionId'],
    [{ destinationAccount: '~transit:EUR:0' }, '/destinationAccount'],
    [{ destinationAccount: '~returns:EUR' }, '/destinationAccount'],
    [{ amount: 12.34 }, '/amount'],
    [{ amount: '12.345' }, '/amount'],
    [{ amount: '-12.34' }, '/amount'],
    [{ amount: '99999999999999999.00' }, '/amount'],
    [{ currency: 'EURO' }, '/currency'],
    [{ reason: 'short' }, '/reason'],
    [{ reason: '          ' }, '/reason'],
    [{ reason: 'a\u0000 reason with a control' }, '/reason'],
    [{ reason: 'a broken character \ud800' }, '/reason'],
    [{ reason: 'x'.repeat(201) }, '/reason'],
    [{ sourceAccount: 'bob' }, '/sourceAccount'],
  ])('refuses %j', async (wrong, pointer) => {
    const answer = await api.post(PATH, { ...request, ...wrong }, { key });
    expect(answer).toMatchObject({ status: 400, json: { code: 'validation_failed', errors: [{ pointer }] } });
  });
});

describe('listing returned money', () => {
  const item = {
    shard: 1,
    transactionId: 't-1',
    source: 'gone',
    destination: 'frozen',
    amount: 1234,
    currency: 'EUR',
    returnedAt: NOW,
  };

  it('shows balances, transfers and payouts, and continues where the page ended', async () => {
    const asked: ReturnedMoneyQuery[] = [];
    const payout = { destination: 'ada', reason: request.reason, user: 'tester', paidAt: NOW };
    api.deps.returnedMoney.list = async (query) => {
      asked.push(query);
      return {
        balances: [{ shard: 1, currency: 'EUR', amount: 1234 }],
        items: [
          { ...item, payout: null },
          { ...item, transactionId: 't-2', payout },
        ],
        next: { shard: 1, currency: 'EUR', version: 42 },
      };
    };
    const page = await api.get(`${PATH}?state=all&limit=2`, { key });
    expect(page).toMatchObject({
      status: 200,
      json: {
        balances: [{ shard: 1, currency: 'EUR', amount: '12.34' }],
        items: [
          { transactionId: 't-1', sourceAccount: 'gone', destinationAccount: 'frozen', amount: '12.34', payout: null },
          { payout: { destinationAccount: 'ada', reason: request.reason, user: 'tester' } },
        ],
      },
    });
    await api.get(`${PATH}?shard=1&cursor=${page.json['nextCursor']}`, { key });
    expect(asked).toEqual([
      { shard: undefined, unpaid: false, limit: 2, position: null },
      { shard: 1, unpaid: true, limit: 100, position: { shard: 1, currency: 'EUR', version: 42 } },
    ]);
  });

  it.each([
    ['shard=x', '/shard'],
    ['shard=-1', '/shard'],
    ['state=some', '/state'],
    ['limit=0', '/limit'],
    ['limit=1001', '/limit'],
    ['cursor=nonsense', '/cursor'],
    [`cursor=${Buffer.from('r1.0.XXX.1').toString('base64url')}`, '/cursor'],
    [`cursor=${Buffer.from('r1.00.EUR.1').toString('base64url')}`, '/cursor'],
    ['account=ada', '/account'],
  ])('refuses ?%s', async (query, pointer) => {
    const answer = await api.get(`${PATH}?${query}`, { key });
    expect(answer).toMatchObject({ status: 400, json: { code: 'validation_failed', errors: [{ pointer }] } });
  });
});
