import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { orderOf } from '../../domain/testing/orders.ts';
import type { FoundTransfer } from '../../ledger/ports/search.ts';
import { ApiUnderTest, keyWith, NOW } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
});
afterEach(() => api.stop());

const PLACE = { at: NOW - 5, transactionId: 'x:1' };
const found = (state: FoundTransfer['state']): FoundTransfer => ({
  place: PLACE,
  outcome: {
    order: orderOf({ transactionId: 'x:1', source: 'ada', destination: 'bob', amount: 1250, reference: 'Rent' }),
    ...{ acceptedAt: NOW - 5, takenAt: null, epoch: 1, seq: 1, replayed: true, persisted: true, status: 'POSTED' },
    source: { balance: 100, version: 3, settingsVersion: 1 },
    destination: { balance: 1250, version: 1, settingsVersion: 1 },
  },
  state,
});
const get = (query: string, path = '/v1/transfers') => api.request('GET', `${path}?${query}`);

describe('GET /v1/transfers', () => {
  it('passes on all filters, and continues at the cursor', async () => {
    api.search.transferPage = { items: [found('decided')], next: PLACE, asOf: NOW };
    const first = await get(
      'account=ada&counterparty=bob&status=POSTED&kind=transfer&reference=Rent&metadataKey=n&metadataValue=1&currency=EUR&minAmount=1.5&maxAmount=20&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&order=asc&limit=7',
    );
    expect(first).toMatchObject({ status: 200, json: { asOf: '2026-01-31T12:00:00.000Z' } });
    expect(first.json['items']).toMatchObject([
      { transactionId: 'x:1', amount: '12.50', reference: 'Rent', status: 'POSTED', sourceBalance: '1.00' },
    ]);
    expect(api.search.transferQuery).toEqual({
      filter: {
        ...{ account: 'ada', counterparty: 'bob', status: 'POSTED', kind: 'transfer', reference: 'Rent' },
        ...{ metadata: { key: 'n', value: '1' }, currency: 'EUR', amountMin: 150, amountMax: 2000 },
        ...{ from: Date.UTC(2026, 0, 1), to: Date.UTC(2026, 1, 1) },
      },
      ...{ order: 'asc', after: null, limit: 7, isRestricted: false },
    });
    api.search.transferPage = { items: [], next: null, asOf: NOW };
    const second = await get(`cursor=${first.json['nextCursor']}`);
    expect(second.json).toMatchObject({ items: [], nextCursor: null });
    expect(api.search.transferQuery).toMatchObject({ filter: {}, order: 'desc', after: PLACE, limit: 100 });
  });

  it('shows transfers between shards that have no outcome', async () => {
    api.search.transferPage = { items: [found('pending'), found('returned')], next: null, asOf: NOW };
    const { json } = await get('');
    expect(json['items']).toMatchObject([
      { transactionId: 'x:1', status: 'PENDING' },
      { transactionId: 'x:1', status: 'REJECTED' },
    ]);
    expect(JSON.stringify(json)).not.toContain('refusal');
  });

  it.each([
    ['counterparty=bob', '/counterparty'],
    ['metadataKey=n', '/metadataKey'],
    ['metadataValue=n', '/metadataValue'],
    ['metadataKey=__proto__&metadataValue=1', '/metadataKey'],
    ['minAmount=1', '/minAmount'],
    ['minAmount=1.234&currency=EUR', '/minAmount'],
    ['maxAmount=-1&currency=EUR', '/maxAmount'],
    ['currency=eur', '/currency'],
    ['status=posted', '/status'],
    ['limit=0', '/limit'],
    ['limit=201', '/limit'],
    ['from=yesterday', '/from'],
    ['reference=', '/reference'],
    ['reference=%00', '/reference'],
    ['account=~transit:EUR:0', '/account'],
    ['cursor=abc', '/cursor'],
    [`cursor=${Buffer.from("t1.1.x' OR 1=1").toString('base64url')}`, '/cursor'],
    [`cursor=${Buffer.from('t1.99999999999999999.x').toString('base64url')}`, '/cursor'],
    ['unknown=1', ''],
    ['account=ada&account=bob', '/account'],
  ])('refuses %s', async (query, pointer) => {
    const { status, json } = await get(query);
    expect({ status, json }).toMatchObject({ status: 400, json: { code: 'validation_failed' } });
    expect((json['errors'] as { pointer: string }[] | undefined)?.[0]?.pointer ?? pointer).toContain(pointer);
    expect(api.search.transferQuery).toBeNull();
  });

  it('requires the scope to read balances', async () => {
    const reply = await api.request('GET', '/v1/transfers', { key: keyWith('transfers:write') });
    expect(reply.status).toBe(403);
  });
});

describe('GET /v1/accounts', () => {
  it('passes on all filters, and continues at the cursor', async () => {
    const account = {
      ...{ accountId: 'ada@1', currency: 'EUR', external: false, name: null, overdraftLimit: 100, openedAt: NOW },
      ...{ status: 'FROZEN' as const, balance: -50, held: 10, version: 2, settingsVersion: 3 },
    };
    api.search.accountPage = { items: [account], next: 'ada@1', asOf: NOW };
    const { json } = await get('prefix=ad&currency=EUR&status=FROZEN&order=desc&limit=5', '/v1/accounts');
    expect(json['items']).toEqual([
      {
        ...{ accountId: 'ada@1', currency: 'EUR', external: false, name: null, status: 'FROZEN', version: 2 },
        ...{ balance: '-0.50', held: '0.10', overdraftLimit: '1.00', settingsVersion: 3 },
        openedAt: '2026-01-31T12:00:00.000Z',
      },
    ]);
    expect(api.search.accountQuery).toEqual({
      ...{ prefixes: ['ad'], currency: 'EUR', status: 'FROZEN', order: 'desc', after: null, limit: 5 },
    });
    await get(`cursor=${json['nextCursor']}`, '/v1/accounts');
    expect(api.search.accountQuery).toMatchObject({ prefixes: [''], after: 'ada@1' });
    expect((await get('cursor=YTEufg', '/v1/accounts')).status).toBe(400);
  });
});
