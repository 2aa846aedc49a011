import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ID_PATTERN } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import { ApiUnderTest } from '../testing/api-under-test.ts';
import { reversalId } from '../transfers/reversal.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 1000 });
  api.ledger.open('b');
  await api.post('/v1/transfers', {
    transactionId: 't1',
    sourceAccount: 'a',
    destinationAccount: 'b',
    amount: '4',
    currency: 'EUR',
  });
});
afterEach(() => api.stop());

const reverse = (id = 't1', body?: unknown) => api.post(`/v1/transfers/${id}/reversal`, body);
const balances = () => ['a', 'b'].map((id) => api.ledger.accounts.get(id)?.balance);

describe('reversalId', () => {
  it('is a different valid id for every original and attempt', () => {
    const id = fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/);
    const attempt = fc.nat(99);
    fc.assert(
      fc.property(id, attempt, id, attempt, (one, n, other, m) => {
        expect(reversalId(one, n)).toMatch(ID_PATTERN);
        expect(reversalId(one, n) === reversalId(other, m)).toBe(one === other && n === m);
      }),
    );
  });
});

describe('POST /v1/transfers/{transactionId}/reversal', () => {
  it('posts a reversal, which can be read like any other transfer', async () => {
    const { status, json } = await reverse();
    expect([status, json]).toMatchObject([
      201,
      {
        transactionId: reversalId('t1', 0),
        sourceAccount: 'b',
        destinationAccount: 'a',
        amount: '4.00',
        sourceBalance: '0.00',
      },
    ]);
    expect(balances()).toEqual([1000, 0]);
    const record = await api.get(`/v1/transfers/${encodeURIComponent(reversalId('t1', 0))}`);
    expect(record.json).toMatchObject({ kind: 'reversal', reverses: 't1' });
  });
  it('returns the posted reversal again, and never posts two', async () => {
    await reverse();
    expect(await reverse()).toMatchObject({
      status: 200,
      json: { replayed: true, transactionId: reversalId('t1', 0) },
    });
    expect(balances()).toEqual([1000, 0]);
  });
  it('posts the reversal once for two concurrent requests', async () => {
    // Both requests look up the reversal before either of them applies it.
    let waiting = 0;
    let release = () => {};
    const both = new Promise<void>((resolve) => {
      release = resolve;
    });
    api.ledger.beforeOutcome = async (id) => {
      if (!id.startsWith('reversal:')) return;
      if (++waiting === 2) release();
      await both;
    };
    const statuses = (await Promise.all([reverse(), reverse()])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 201]);
    expect(balances()).toEqual([1000, 0]);
  });
  it('returns 422 if the reversal is refused, and may be called again', async () => {
    api.ledger.open('b', { balance: 399 });
    expect(await reverse()).toMatchObject({
      status: 422,
      json: { code: 'insufficient_funds', transactionId: reversalId('t1', 0) },
    });
    expect(await reverse()).toMatchObject({ status: 422, json: { transactionId: reversalId('t1', 1) } });
    api.ledger.open('b', { balance: 400 });
    expect(await reverse()).toMatchObject({ status: 201, json: { transactionId: reversalId('t1', 2) } });
    expect(await reverse()).toMatchObject({ status: 200, json: { transactionId: reversalId('t1', 2) } });
  });
  it('stops after a hundred refusals', async () => {
    api.ledger.open('b', { balance: 0 });
    for (let i = 0; i < 100; i++)
      expect(await reverse()).toMatchObject({ status: 422, json: { code: 'insufficient_funds' } });
    expect(await reverse()).toMatchObject({ status: 422, json: { code: 'transfer_not_reversible' } });
    expect(api.ledger.applied).toHaveLength(101);
  });
  it('waits until the reversal is persisted, even if it was posted before', async () => {
    await reverse();
    expect(await reverse('t1', { durability: 'persisted' })).toMatchObject({ status: 200 });
    expect(api.ledger.applied.at(-1)).toMatchObject({
      durability: 'persisted',
      orders: [{ transactionId: reversalId('t1', 0) }],
    });
    expect(balances()).toEqual([1000, 0]);
    await api.post('/v1/transfers', {
      transactionId: 't2',
      sourceAccount: 'a',
      destinationAccount: 'b',
      amount: '1',
      currency: 'EUR',
    });
    expect(await reverse('t2', { durability: 'persisted' })).toMatchObject({
      status: 201,
      json: { durability: 'persisted' },
    });
    expect(await reverse('t2', { durability: 'persisted' })).toMatchObject({
      status: 200,
      json: { durability: 'persisted' },
    });
  });
  it('requires a posted transfer that is not itself a reversal', async () => {
    expect(await reverse('no')).toMatchObject({ status: 404, json: { code: 'transfer_not_found' } });
    await api.post('/v1/transfers', {
      transactionId: 't2',
      sourceAccount: 'a',
      destinationAccount: 'b',
      amount: '99',
      currency: 'EUR',
    });
    expect(await reverse('t2')).toMatchObject({ status: 422, json: { code: 'transfer_not_reversible' } });
    await reverse();
    expect(await reverse(reversalId('t1', 0))).toMatchObject({
      status: 422,
      json: { code: 'transfer_not_reversible' },
    });
  });
  it('reports that the ledger does not know the outcome', async () => {
    api.ledger.failures.set('apply', new Problem('outcome_unknown', 'Not known.'));
    expect(await reverse()).toMatchObject({ status: 504, json: { transactionId: reversalId('t1', 0) } });
    api.ledger.failures.clear();
    api.ledger.beforeOutcome = async (id) => {
      if (id.startsWith('reversal:')) throw new Problem('ledger_switching', 'Moving.');
    };
    expect(await reverse()).toMatchObject({ status: 503, json: { code: 'ledger_switching' } });
  });
  it('treats null as a missing body', async () => {
    expect(await api.request('POST', '/v1/transfers/t1/reversal', { raw: 'null' })).toMatchObject({ status: 201 });
  });
  it('accepts no other field', async () => {
    expect(await reverse('t1', { amount: '1' })).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/amount' }] },
    });
  });
});
