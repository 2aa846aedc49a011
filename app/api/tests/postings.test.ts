import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Posting } from '../../domain/types.ts';
import { ApiUnderTest, NOW } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a');
  api.ledger.open('empty', { currency: 'JPY' });
  for (let version = 1; version <= 5; version++) {
    api.ledger.postingList.push({
      accountId: 'a',
      kind: 'transfer',
      hold: null,
      heldAfter: 0,
      version,
      amount: version % 2 ? 100 : -50,
      balanceAfter: version * 10,
      transactionId: `t${version}`,
      counterparty: 'world',
      currency: 'EUR',
      timestamp: version === 1 ? NOW - 1 : null,
      acceptedAt: NOW + version * 1000,
      persistedAt: NOW + version * 1000 + 30,
      correlationId: 'c',
      user: 'tester',
      ...PLAIN,
    });
  }
});
const PLAIN = { reference: null, metadata: null, groupId: null, reverses: null };
afterEach(() => api.stop());

interface List {
  items: { version: number }[];
  nextCursor: string | null;
  previousCursor: string | null;
}
async function list(query: string): Promise<List> {
  const { status, json } = await api.get(`/v1/accounts/a/postings${query}`);
  expect(status).toBe(200);
  return json as unknown as List;
}
const versions = ({ items }: List) => items.map(({ version }) => version);
const at = (second: number) => encodeURIComponent(new Date(NOW + second * 1000).toISOString());

describe('GET /v1/accounts/{id}/postings', () => {
  it('returns the history, oldest first', async () => {
    const { items, nextCursor } = await list('');
    expect(items.slice(0, 2)).toEqual([
      {
        accountId: 'a',
        kind: 'transfer',
        version: 1,
        amount: '1.00',
        balanceAfter: '0.10',
        heldAfter: '0.00',
        transactionId: 't1',
        counterparty: 'world',
        timestamp: '2026-01-31T11:59:59.999Z',
        acceptedAt: '2026-01-31T12:00:01.000Z',
        persistedAt: '2026-01-31T12:00:01.030Z',
        correlationId: 'c',
        user: 'tester',
      },
      expect.objectContaining({ amount: '-0.50', timestamp: '2026-01-31T12:00:02.000Z' }),
    ]);
    expect([items.length, nextCursor]).toEqual([5, null]);
  });
  it('continues from page to page until the end', async () => {
    const pages = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: List = await list(`?limit=2${cursor && `&cursor=${cursor}`}`);
      pages.push(versions(page));
      cursor = page.nextCursor;
    }
    expect(pages).toEqual([[1, 2], [3, 4], [5]]);
  });
  it('returns the newest first on request', async () => {
    const first = await list('?order=desc&limit=2');
    expect([versions(first), first.previousCursor]).toEqual([[5, 4], null]);
    const second = await list(`?order=desc&limit=2&cursor=${first.nextCursor}`);
    expect(versions(second)).toEqual([3, 2]);
    const third = await list(`?order=desc&limit=2&cursor=${second.nextCursor}`);
    expect([versions(third), third.nextCursor]).toEqual([[1], null]);
  });
  it.each(['asc', 'desc'])('goes back to the previous page, in the order of the list (%s)', async (order) => {
    const first = await list(`?order=${order}&limit=2`);
    const second = await list(`?order=${order}&limit=2&cursor=${first.nextCursor}`);
    const third = await list(`?order=${order}&limit=2&cursor=${second.nextCursor}`);
    const back = await list(`?order=${order}&limit=2&cursor=${third.previousCursor}`);
    expect(versions(back)).toEqual(versions(second));
    expect(back.nextCursor).toBe(second.nextCursor);
    const start = await list(`?order=${order}&limit=2&cursor=${back.previousCursor}`);
    expect(start).toEqual({ ...first, previousCursor: null });
    expect(versions(await list(`?order=${order}&limit=2&cursor=${start.nextCursor}`))).toEqual(versions(second));
  });
  it('reverses direction at a cursor when the other order is requested', async () => {
    const { nextCursor } = await list('?limit=3');
    expect(versions(await list(`?order=desc&cursor=${nextCursor}`))).toEqual([3, 2, 1]);
  });
  it('accepts the cursors of earlier releases', async () => {
    const cursor = Buffer.from('v1.2').toString('base64url');
    expect(versions(await list(`?cursor=${cursor}`))).toEqual([3, 4, 5]);
  });
  it('filters by direction, amount and kind', async () => {
    expect(versions(await list('?direction=credit'))).toEqual([1, 3, 5]);
    expect(versions(await list('?direction=debit&order=desc'))).toEqual([4, 2]);
    expect(versions(await list('?minAmount=0.51'))).toEqual([1, 3, 5]);
    expect(versions(await list('?maxAmount=0.50'))).toEqual([2, 4]);
    expect(versions(await list('?minAmount=0.5&maxAmount=1'))).toEqual([1, 2, 3, 4, 5]);
    expect(versions(await list('?kind=transfer'))).toEqual([1, 2, 3, 4, 5]);
    expect(versions(await list('?kind=reversal,hold_placed'))).toEqual([]);
  });
  it('reads amounts in the currency of the account', async () => {
    const { status, json } = await api.get('/v1/accounts/empty/postings?minAmount=0.50&maxAmount=x');
    expect(status).toBe(400);
    expect(json['errors']).toMatchObject([{ pointer: '/minAmount' }, { pointer: '/maxAmount' }]);
  });
  it("shows what a transfer is for, and the counterparty's name", async () => {
    api.ledger.open('world', { name: 'The World' });
    const more = { reference: 'Invoice 7', metadata: { order: '7' }, groupId: 'g', reverses: 't1' };
    const last = api.ledger.postingList.at(-1) as Posting;
    api.ledger.postingList.push({ ...last, ...more, kind: 'reversal', version: 6 });
    const { items } = await list('?order=desc');
    expect(items[0]).toMatchObject({ ...more, counterpartyName: 'The World' });
    expect(items[1]).not.toHaveProperty('reference');
    expect(items[1]).not.toHaveProperty('groupId');
  });
  it('ends with a page that is exactly full', async () => {
    expect(await list('?limit=5')).toMatchObject({ nextCursor: null });
  });
  it('filters by time, including the start and excluding the end', async () => {
    expect(versions(await list(`?from=${at(2)}&to=${at(4)}`))).toEqual([2, 3]);
  });
  it('contains the events of holds, unless the request excludes them', async () => {
    const common = { accountId: 'a', currency: 'EUR', persistedAt: NOW, correlationId: 'c', user: 'tester' };
    const at = { acceptedAt: NOW + 6000, balanceAfter: 50 };
    const placed = { kind: 'hold_placed', holdId: 'h', heldChange: 30, heldAfter: 30 } as const;
    api.ledger.postingList.push({ ...common, ...at, ...placed, version: 6 });
    const transfer = { amount: -30, transactionId: 'k', counterparty: 'shop', timestamp: null, ...PLAIN };
    const hold = { holdId: 'h', heldChange: -30 };
    const captured = { ...common, ...at, ...transfer, kind: 'capture', hold, heldAfter: 0 } as const;
    api.ledger.postingList.push({ ...captured, balanceAfter: 20, version: 7 });
    const { items } = await list('');
    expect(items.slice(5)).toEqual([
      {
        accountId: 'a',
        kind: 'hold_placed',
        version: 6,
        balanceAfter: '0.50',
        heldAfter: '0.30',
        holdId: 'h',
        heldChange: '0.30',
        acceptedAt: '2026-01-31T12:00:06.000Z',
        persistedAt: '2026-01-31T12:00:00.000Z',
        correlationId: 'c',
        user: 'tester',
      },
      expect.objectContaining({
        kind: 'capture',
        holdId: 'h',
        heldChange: '-0.30',
        heldAfter: '0.00',
        amount: '-0.30',
        balanceAfter: '0.20',
      }),
    ]);
    expect(versions(await list('?holds=true'))).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(versions(await list('?holds=false'))).toEqual([1, 2, 3, 4, 5, 7]);
  });
  it('distinguishes an account without postings from a missing one', async () => {
    expect(await api.get('/v1/accounts/empty/postings')).toMatchObject({
      status: 200,
      json: { items: [], nextCursor: null },
    });
    expect(await api.get('/v1/accounts/no/postings')).toMatchObject({
      status: 404,
      json: { code: 'account_not_found' },
    });
  });
  it('returns the balance at a point in time', async () => {
    expect((await api.get(`/v1/accounts/a/postings?at=${at(3.5)}`)).json).toMatchObject({
      accountId: 'a',
      currency: 'EUR',
      at: '2026-01-31T12:00:03.500Z',
      balance: '0.30',
      held: '0.00',
      version: 3,
      items: [{ version: 3 }],
      nextCursor: null,
    });
    expect((await api.get(`/v1/accounts/a/postings?at=${at(0)}`)).json).toMatchObject({
      balance: '0.00',
      version: 0,
      items: [],
    });
    expect((await api.get(`/v1/accounts/empty/postings?at=${at(9)}`)).json).toMatchObject({ balance: '0', version: 0 });
    expect(await api.get(`/v1/accounts/no/postings?at=${at(0)}`)).toMatchObject({ status: 404 });
  });
  it.each([
    ['a limit of zero', '?limit=0', '/limit'],
    ['a limit over 1000', '?limit=1001', '/limit'],
    ['a limit that is not a number', '?limit=1e2', '/limit'],
    ['a repeated limit', '?limit=1&limit=2', '/limit'],
    ['an invalid time', '?from=yesterday', '/from'],
    ['a plus that became a space', '?to=2026-01-31T12:00:00+01:00', '/to'],
    ['a point in time without the events of holds', `?at=${at(1)}&holds=false`, '/holds'],
    ['a value of `holds` other than true and false', '?holds=1', '/holds'],
    ['a point in time with a filter', `?at=${at(1)}&limit=5`, '/limit'],
    ['a point in time with an order', `?at=${at(1)}&order=desc`, '/order'],
    ['an unknown order', '?order=newest', '/order'],
    ['an unknown kind', '?kind=transfer,payment', '/kind'],
    ['an unknown direction', '?direction=in', '/direction'],
    ['an amount with too many decimals', '?minAmount=0.001', '/minAmount'],
    ['an unknown filter', '?form=2026-01-31T12:00:00Z', '/form'],
    ['a forged cursor', '?cursor=abc', '/cursor'],
    ['a cursor out of range', `?cursor=${Buffer.from('v1.9999999999999999').toString('base64url')}`, '/cursor'],
    ['a cursor in a different notation', `?cursor=${Buffer.from('v1.007').toString('base64url')}`, '/cursor'],
  ])('rejects %s', async (_what, query, pointer) => {
    const { status, json } = await api.get(`/v1/accounts/a/postings${query}`);
    expect(status).toBe(400);
    expect(json['errors']).toMatchObject([{ pointer }]);
  });
});
