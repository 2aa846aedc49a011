import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiUnderTest } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 1_000_000 });
  api.ledger.open('b');
});
afterAll(() => api.stop());

const POST_ROUTES = [
  '/v1/accounts',
  '/v1/accounts/batch',
  '/v1/balances/query',
  '/v1/transfers',
  '/v1/transfers/batch',
  '/v1/transfers/t/reversal',
];
const STORABLE = /^[^\p{Cc}\p{Cs}]*$/u;

/** A valid transfer with one field replaced by an arbitrary value. */
const spoiled = fc
  .tuple(
    fc.constantFrom(
      'transactionId',
      'sourceAccount',
      'amount',
      'currency',
      'timestamp',
      'reference',
      'metadata',
      'durability',
    ),
    fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.dictionary(fc.string(), fc.string({ unit: 'binary' }))),
  )
  .map(([field, value]) => ({
    sourceAccount: 'a',
    destinationAccount: 'b',
    amount: '0.01',
    currency: 'EUR',
    [field]: value,
  }));

describe('arbitrary input', () => {
  it('never causes an internal error', async () => {
    const bodies = fc.oneof(
      fc.json(),
      fc.string(),
      spoiled.map((value) => JSON.stringify(value)),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...POST_ROUTES), bodies, async (path, raw) => {
        const { status } = await api.request('POST', path, { raw });
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 500 },
    );
    expect(api.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });
  it('reaches the ledger only as text that can be stored', async () => {
    await fc.assert(
      fc.asyncProperty(spoiled, async (body) => {
        await api.post('/v1/transfers', body);
      }),
      { numRuns: 500 },
    );
    const orders = api.ledger.applied.flatMap((call) => call.orders);
    expect(orders.length).toBeGreaterThan(0);
    for (const { reference, metadata, amount, transactionId, source } of orders) {
      for (const text of [reference ?? '', transactionId, source, ...Object.entries(metadata ?? {}).flat()])
        expect(text).toMatch(STORABLE);
      expect(Number.isSafeInteger(amount) && amount > 0).toBe(true);
    }
  });
  it('in a path or a query never causes an internal error', async () => {
    const piece = fc
      .oneof(fc.string(), fc.stringMatching(/^[%a-f0-9.\\/:]{1,10}$/))
      .map((text) => text.replace(/[\s\\#?/]/g, ''));
    await fc.assert(
      fc.asyncProperty(piece, piece, piece, async (id, name, value) => {
        const query = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
        for (const path of [
          `/v1/accounts/${encodeURI(id)}/postings?${query}`,
          `/v1/transfers/${encodeURI(id)}?${query}`,
          `/docs/${encodeURI(id)}`,
        ]) {
          expect((await api.get(path)).status).toBeLessThan(500);
        }
      }),
      { numRuns: 200 },
    );
  });
});
