import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TransferPending } from '../../domain/crossing.ts';
import { Problem } from '../../domain/problem.ts';
import { BatchFull } from '../../ledger/ports/batch-records.ts';
import { ApiUnderTest, keyWith } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 10_000 });
  api.ledger.open('b');
});
afterEach(() => api.stop());

const transfer = { sourceAccount: 'a', destinationAccount: 'b', amount: '12.34', currency: 'EUR' };
const post = (transfers: unknown[], batchId: string | null = 'salaries', headers = {}) =>
  api.post('/v1/transfers/batch', { batchId, transfers }, { headers });
const items = async (query = '') => (await api.get(`/v1/batches/salaries/transfers${query}`)).json;
const TIME = '2026-01-31T12:00:00.000Z';

describe('A batch with an id', () => {
  const mixed = [
    { ...transfer, transactionId: 't1' },
    { ...transfer, transactionId: 't2', amount: '-1', currency: 'XXY' },
    { ...transfer, transactionId: 't3', amount: '9999' },
    { ...transfer, transactionId: 't4', sourceAccount: 'no' },
  ];

  it('has a record of the outcome of each item, including items that are not transfers', async () => {
    const { status, json } = await post(mixed);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      results: [{ status: 201 }, { status: 400 }, { status: 422 }, { status: 404 }],
      batch: { batchId: 'salaries', recorded: true },
    });
    expect((await api.get('/v1/batches/salaries')).json).toEqual({
      batchId: 'salaries',
      postedBy: 'tester',
      firstRecordedAt: TIME,
      lastRecordedAt: TIME,
      items: 4,
      posted: 1,
      rejected: 1,
      failed: 2,
      undecided: 0,
    });
    expect(await items()).toMatchObject({
      items: [
        { transactionId: 't1', status: 'POSTED', recordedAt: TIME },
        { transactionId: 't2', status: 'FAILED', code: 'validation_failed', errors: [{ pointer: '/currency' }] },
        { transactionId: 't3', status: 'REJECTED', code: 'insufficient_funds' },
        { transactionId: 't4', status: 'FAILED', code: 'account_not_found' },
      ],
      nextCursor: null,
    });
  });

  it('may be sent in any number of requests, and lists pages of one status', async () => {
    for (const item of mixed) await post([item]);
    const first = await items('?status=FAILED&limit=1');
    expect(first).toMatchObject({ items: [{ transactionId: 't2' }] });
    expect(await items(`?status=FAILED&limit=1&cursor=${first['nextCursor']}`)).toMatchObject({
      items: [{ transactionId: 't4' }],
      nextCursor: null,
    });
    expect(await items('?status=UNDECIDED')).toEqual({ items: [], nextCursor: null });
  });

  it('shows an item as posted if it failed at first, and was posted when it was sent again', async () => {
    await post([{ ...transfer, transactionId: 't', destinationAccount: 'new' }]);
    expect(await items()).toMatchObject({ items: [{ status: 'FAILED', code: 'account_not_found' }] });
    api.ledger.open('new');
    await post([{ ...transfer, transactionId: 't', destinationAccount: 'new' }]);
    expect((await items())['items']).toEqual([{ transactionId: 't', status: 'POSTED', recordedAt: TIME }]);
  });

  it('shows the recorded status of an item, and its present one if it was sent again outside the batch', async () => {
    await post([{ ...transfer, transactionId: 't', destinationAccount: 'new' }]);
    api.ledger.open('new');
    await api.post('/v1/transfers', { ...transfer, transactionId: 't', destinationAccount: 'new' });
    expect(await items()).toMatchObject({
      items: [{ status: 'FAILED', code: 'account_not_found', transfer: 'POSTED' }],
    });
  });

  it.each(['outcome_unknown', 'backlog_full', 'internal_error'] as const)(
    'shows an item that got %s as undecided, never as failed',
    async (code) => {
      api.ledger.failures.set('apply', new Problem(code, 'Later.'));
      await post([{ ...transfer, transactionId: 't' }]);
      expect(await items()).toMatchObject({ items: [{ status: 'UNDECIDED', code }] });
      expect((await api.get('/v1/batches/salaries')).json).toMatchObject({ items: 1, failed: 0, undecided: 1 });
    },
  );

  it('shows that a transfer is still between two shards', async () => {
    api.ledger.failures.set('apply', new Problem('outcome_unknown', 'Later.'));
    await post([{ ...transfer, transactionId: 't' }]);
    const order = { ...transfer, transactionId: 't', source: 'a', destination: 'b', amount: 1 };
    api.ledger.outcome = async () => {
      throw new TransferPending({ order: order as never, acceptedAt: 0 });
    };
    expect(await items()).toMatchObject({ items: [{ status: 'UNDECIDED', transfer: 'PENDING' }] });
  });

  it('is not shown while the ledger cannot determine the outcomes of open items', async () => {
    await post([{ ...transfer, transactionId: 't', destinationAccount: 'no' }]);
    api.ledger.failures.set('outcome', new Problem('ledger_switching', 'Moving.'));
    expect(await api.get('/v1/batches/salaries/transfers')).toMatchObject({
      status: 503,
      json: { code: 'ledger_switching' },
    });
  });

  it('records only the beginning of a long problem', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`\u0001${i}${'x'.repeat(200)}`, 1]));
    await post([{ ...transfer, transactionId: 't', metadata }]);
    const [item] = (await items())['items'] as [{ errors: unknown[] }];
    expect(item.errors).toHaveLength(5);
    expect(JSON.stringify(item).length).toBeLessThan(2_000);
  });
});

describe('A request with a batch id', () => {
  it.each([
    ['no id', { ...transfer }, '/transfers/1/transactionId'],
    ['an invalid id', { ...transfer, transactionId: 'a b' }, '/transfers/1/transactionId'],
    ['a reserved id', { ...transfer, transactionId: 'reversal:x' }, '/transfers/1/transactionId'],
    ['the id of another item', { ...transfer, transactionId: 't1' }, '/transfers/1/transactionId'],
    ['no object', null, '/transfers/1'],
  ])('is refused as a whole if an item has %s', async (_what, item, pointer) => {
    expect(await post([{ ...transfer, transactionId: 't1' }, item])).toMatchObject({
      status: 400,
      json: { code: 'validation_failed', errors: [{ pointer }] },
    });
    expect(api.ledger.applied).toEqual([]);
    expect(api.batches.batches.size).toBe(0);
  });

  it('is refused if it has an Idempotency-Key or an invalid id', async () => {
    const one = [{ ...transfer, transactionId: 't1' }];
    expect(await post(one, 'salaries', { 'Idempotency-Key': 'k' })).toMatchObject({ status: 400 });
    expect(await post(one, 'a b')).toMatchObject({ status: 400, json: { errors: [{ pointer: '/batchId' }] } });
    expect(await post(one, '..')).toMatchObject({ status: 400, json: { errors: [{ pointer: '/batchId' }] } });
    expect(api.ledger.applied).toEqual([]);
  });

  it.each([
    [new Problem('database_unavailable', 'away'), 'database_unavailable'],
    [new BatchFull(), 'batch_full'],
  ])('returns the outcomes even if they cannot be recorded (%s)', async (failure, reason) => {
    api.batches.failure = failure;
    expect(await post([{ ...transfer, transactionId: 't' }])).toMatchObject({
      status: 200,
      json: { results: [{ status: 201 }], batch: { batchId: 'salaries', recorded: false, reason } },
    });
    // When the request is sent again later, its outcome is recorded.
    api.batches.failure = null;
    expect(await post([{ ...transfer, transactionId: 't' }])).toMatchObject({
      json: { results: [{ status: 200, replayed: true }], batch: { recorded: true } },
    });
    expect(await items()).toMatchObject({ items: [{ status: 'POSTED' }] });
  });

  it('is the only kind of request that is recorded', async () => {
    expect((await post([{ ...transfer, transactionId: 't' }], null)).json).not.toHaveProperty('batch');
    expect(api.batches.batches.size).toBe(0);
  });
});

describe('The record of a batch', () => {
  beforeEach(() => post([{ ...transfer, transactionId: 't' }]));
  const read = (query: string, ...scopes: Parameters<typeof keyWith>) =>
    api.get(`/v1/batches/salaries${query}`, { key: keyWith(...scopes) });

  it('can be read by the user who posted it, and by those who may read all accounts', async () => {
    expect(await read('', 'transfers:write')).toMatchObject({ status: 200, json: { postedBy: 'tester' } });
    expect(await read('?postedBy=tester', 'transfers:write')).toMatchObject({ status: 200 });
    expect(await read('?postedBy=other', 'transfers:write')).toMatchObject({ status: 403 });
    expect(await read('?postedBy=other', 'balances:read')).toMatchObject({ status: 404 });
    expect(await read('/transfers?postedBy=other', 'transfers:write')).toMatchObject({ status: 403 });
    expect(await read('', 'accounts:write', 'ops')).toMatchObject({ status: 403 });
    // Another user's batch with this id is another batch.
    await api.batches.record({ postedBy: 'other', batchId: 'salaries' }, [{ transactionId: 'o', state: 'POSTED' }]);
    expect((await read('/transfers?postedBy=other', 'balances:read')).json).toMatchObject({
      items: [{ transactionId: 'o' }],
    });
    expect((await read('/transfers', 'balances:read')).json).toMatchObject({ items: [{ transactionId: 't' }] });
  });

  it('returns 404 for an unknown id, and 503 while MySQL is unavailable', async () => {
    for (const path of ['/v1/batches/no', '/v1/batches/no/transfers'])
      expect(await api.get(path)).toMatchObject({ status: 404, json: { code: 'batch_not_found' } });
    api.batches.failure = new Problem('database_unavailable', 'away');
    for (const path of ['/v1/batches/salaries', '/v1/batches/salaries/transfers'])
      expect(await api.get(path)).toMatchObject({ status: 503, json: { code: 'database_unavailable' } });
  });

  it.each(['limit=0', 'limit=1001', 'cursor=x', 'status=NO', 'x=1'])('refuses %s', async (query) => {
    expect(await api.get(`/v1/batches/salaries/transfers?${query}`)).toMatchObject({ status: 400 });
  });
});
