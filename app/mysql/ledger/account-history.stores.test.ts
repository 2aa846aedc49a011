import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HistoryItem } from '../../domain/types.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import type { HoldItem } from '../../journal/hold-codec.ts';
import {
  ACCEPTED_AT,
  account,
  type EpochUnderTest,
  modelEpoch,
  order,
} from '../../journal/testing/epoch-under-test.ts';
import { capture, change, expired, place, voided } from '../../journal/testing/hold-items.ts';
import type { HistoryQuery } from '../../ledger/ports/history.ts';
import { migratedDatabase, openIn, type TestDatabase } from '../testing/test-database.ts';
import { FlushStore } from './flush-store.ts';
import { SqlHistory } from './history.ts';
import { LedgerReader } from './ledger-reader.ts';

const ACCOUNTS = [account('world'), account('ada', { overdraftLimit: 10_000 }), account('bob')];
const HISTORIES = 12;

let db: TestDatabase;
let books: SqlHistory;
let epoch: EpochUnderTest;
beforeAll(async () => {
  db = await migratedDatabase();
  books = new SqlHistory(db);
});
afterAll(() => db.drop());
const begin = async () => {
  await db.reset();
  await openIn(db.database, ACCOUNTS);
  epoch = await modelEpoch(ACCOUNTS);
};
beforeEach(begin);

const flush = async () => {
  const store = new FlushStore(db.database);
  const { seq } = await store.cursor();
  await store.commit(batchOf(await epoch.entries(seq), 1, seq), 1);
};
const page = (query: Partial<HistoryQuery> = {}) =>
  books.page({ accountId: 'ada', position: null, toward: 'newer', limit: 100, ...query });
const history = async (query: Partial<HistoryQuery> = {}) => (await page(query)).items;
const shortly = (item: HistoryItem) => [item.version, item.kind, item.balanceAfter, item.heldAfter];

/** Creates a history with every kind of event. */
async function live(): Promise<void> {
  await epoch.apply(order('t1', { amount: 500 }));
  await epoch.applyHolds(place('h1', 300), place('h2', 50), change('h1', { amount: 350 }));
  await epoch.apply(order('t2', { source: 'ada', destination: 'bob', amount: 20 }));
  await epoch.applyHolds(capture('h1', 'k1', 100, { final: false }), voided('h2'), capture('h1', 'k2', 40));
  await epoch.apply(order('t3', { amount: 1 }));
  await epoch.applyHolds(place('h3', 7, { expiresAt: ACCEPTED_AT + 1 }));
  epoch.cache.now = () => ACCEPTED_AT + 1;
  await epoch.applyHolds(expired('h3'));
  await flush();
}

describe('The history of an account with holds', () => {
  it('has every version, with the balance and the held amount after it', async () => {
    await live();
    expect((await history()).map(shortly)).toEqual([
      [1, 'transfer', 500, 0],
      [2, 'hold_placed', 500, 300],
      [3, 'hold_placed', 500, 350],
      [4, 'hold_changed', 500, 400],
      [5, 'transfer', 480, 400],
      [6, 'capture', 380, 300],
      [7, 'hold_voided', 380, 250],
      [8, 'capture', 340, 0],
      [9, 'transfer', 341, 0],
      [10, 'hold_placed', 341, 7],
      [11, 'hold_expired', 341, 0],
    ]);
  });

  it('shows the hold of an event and of both sides of a capture, and the change of the held amount', async () => {
    await live();
    const ada = await history();
    expect(ada[1]).toMatchObject({ holdId: 'h1', heldChange: 300, user: 'tester', correlationId: 'c-1' });
    expect(ada[3]).toMatchObject({ holdId: 'h1', heldChange: 50 });
    expect(ada[7]).toMatchObject({
      transactionId: 'k2',
      counterparty: 'bob',
      amount: -40,
      hold: { holdId: 'h1', heldChange: -250 },
    });
    expect(ada[4]).toMatchObject({ transactionId: 't2', hold: null });
    const [, bob] = await history({ accountId: 'bob', limit: 9 });
    expect(bob).toMatchObject({
      kind: 'capture',
      transactionId: 'k1',
      amount: 100,
      heldAfter: 0,
      hold: { holdId: 'h1', heldChange: 0 },
    });
  });

  it('omits the events of holds if they are not wanted, and still fills its pages', async () => {
    await live();
    expect((await history({ holds: false })).map(shortly)).toEqual([
      [1, 'transfer', 500, null],
      [5, 'transfer', 480, null],
      [6, 'capture', 380, null],
      [8, 'capture', 340, null],
      [9, 'transfer', 341, null],
    ]);
    const some = await history({ holds: false, position: 1, limit: 3 });
    expect(some.map(({ version }) => version)).toEqual([5, 6, 8]);
  });

  it('has the balance and the held amount at a given time, whatever kind of event was the last one', async () => {
    await live();
    await db.database.rows('UPDATE holds SET accepted_at = accepted_at + INTERVAL placed_version SECOND');
    await db.database.rows('UPDATE hold_events SET accepted_at = accepted_at + INTERVAL version SECOND');
    await db.database.rows(
      "UPDATE transfers SET accepted_at = accepted_at + INTERVAL IF(source_account = 'ada', source_version, destination_version) SECOND",
    );
    const at = async (version: number) => {
      const item = await books.at('ada', ACCEPTED_AT + version * 1000 + 500);
      return item && shortly(item);
    };
    expect(await at(0)).toBeNull();
    expect(await at(4)).toEqual([4, 'hold_changed', 500, 400]);
    expect(await at(5)).toEqual([5, 'transfer', 480, 400]);
    expect(await at(9)).toEqual([9, 'transfer', 341, 0]);
    expect(await at(99)).toEqual([11, 'hold_expired', 341, 0]);
  });
});

const anyStep = fc.record({
  hold: fc.integer({ min: 1, max: 6 }).map((n) => `h${n}`),
  what: fc.constantFrom('place', 'place', 'change', 'part', 'final', 'void', 'expire', 'transfer', 'transfer'),
  amount: fc.integer({ min: 1, max: 50 }),
});

function itemOf({ hold, what, amount }: { hold: string; what: string; amount: number }, n: number): HoldItem {
  if (what === 'place') return place(hold, amount + 50);
  if (what === 'change') return change(hold, { amount: amount + 60, expectedRevision: (n % 3) + 1 });
  if (what === 'void') return voided(hold);
  if (what === 'expire') return expired(hold);
  return capture(hold, `k${n}`, amount, { final: what === 'final' });
}

it('In any history, each version has the balance and the held amount that the ledger had', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStep, { minLength: 10, maxLength: 40 }),
      fc.integer({ min: 1, max: 7 }),
      async (steps, limit) => {
        await begin();
        const known: unknown[][] = [];
        for (const [n, step] of steps.entries()) {
          const out = n % 2 ? { source: 'ada', destination: 'bob' } : {};
          if (step.what === 'transfer') await epoch.apply(order(`t${n}`, { ...out, amount: step.amount }));
          else await epoch.applyHolds(itemOf(step, n));
          const [ada] = (await epoch.cache.read(epoch.pod, ['ada'])).accounts;
          if (ada && ada.version > known.length) known.push([ada.version, ada.balance, ada.held]);
          if (n % 11 === 10) await flush();
        }
        await flush();
        const read: HistoryItem[] = [];
        for (let position: number | null = 0; position !== null; ) {
          const { items, next } = await page({ position, limit });
          read.push(...items);
          position = next;
        }
        expect(read.map((one) => [one.version, one.balanceAfter, one.heldAfter])).toEqual(known);
        const postings = await history({ holds: false });
        expect(postings.map(({ version }) => version)).toEqual(
          read.filter((one) => !('heldChange' in one)).map(({ version }) => version),
        );
        const { accounts } = await new LedgerReader(db.database).loadAccounts(['ada']);
        expect(accounts.get('ada')).toMatchObject({ version: known.length, held: known.at(-1)?.[2] ?? 0 });
      },
    ),
    { numRuns: HISTORIES },
  );
}, 300_000);
