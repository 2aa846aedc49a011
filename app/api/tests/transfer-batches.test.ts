import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { ApiUnderTest } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 10_000 });
  api.ledger.open('b');
});
afterEach(() => api.stop());

const transfer = { sourceAccount: 'a', destinationAccount: 'b', amount: '12.34', currency: 'EUR' };

describe('POST /v1/transfers/batch', () => {
  const batch = (transfers: unknown[]) => api.post('/v1/transfers/batch', { transfers });

  it('returns an outcome for each item in order; invalid or refused items do not affect the others', async () => {
    await api.post('/v1/transfers', { ...transfer, transactionId: 't0' });
    const { status, json } = await batch([
      { ...transfer, transactionId: 't1' },
      { ...transfer, transactionId: 't2', amount: '-1' },
      { ...transfer, transactionId: 't3', amount: '9999' },
      { ...transfer, transactionId: 't0' },
      { ...transfer, transactionId: 't4', sourceAccount: 'no' },
      null,
      { ...transfer, transactionId: 't5', durability: 'persisted' },
    ]);
    expect(status).toBe(200);
    expect(json['results']).toMatchObject([
      { status: 201, transactionId: 't1', amount: '12.34', durability: 'cache', replayed: false },
      { status: 400, code: 'validation_failed', errors: [{ pointer: '/amount' }] },
      { status: 422, code: 'insufficient_funds', transactionId: 't3' },
      { status: 200, transactionId: 't0', replayed: true },
      { status: 404, code: 'account_not_found', transactionId: 't4' },
      { status: 400, detail: 'The request must be an object.' },
      { status: 201, transactionId: 't5', durability: 'persisted' },
    ]);
  });
  it('calls the ledger once per durability', async () => {
    await batch([transfer, { ...transfer, durability: 'persisted' }, transfer]);
    expect(api.ledger.applied.map(({ durability, orders }) => [durability, orders.length])).toEqual([
      ['cache', 2],
      ['persisted', 1],
    ]);
  });
  it('accepts 1 to 1000 items', async () => {
    expect(await batch([])).toMatchObject({ status: 400, json: { errors: [{ pointer: '/transfers' }] } });
    expect(await batch(Array(1001).fill(0))).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/transfers', detail: 'must have at most 1000 items' }] },
    });
    expect(((await batch(Array(1000).fill(0))).json['results'] as unknown[]).length).toBe(1000);
    expect(api.ledger.applied).toEqual([]);
  });
  it("returns the ledger's problems item by item", async () => {
    api.ledger.failures.set('apply', new Problem('backlog_full', 'Too much waits.'));
    expect((await batch([transfer])).json['results']).toMatchObject([{ status: 503, code: 'backlog_full' }]);
  });
  it('fails as a whole on an unexpected error', async () => {
    api.ledger.failures.set('apply', new Error('bug'));
    expect(await batch([transfer])).toMatchObject({ status: 500 });
    api.ledger.failures.clear();
    api.ledger.apply = async () => [];
    expect(await batch([transfer])).toMatchObject({ status: 500 });
  });
});
