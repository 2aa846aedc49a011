import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HoldEvent, HoldPlaced } from '../../domain/hold-events.ts';
import { businessDaysFrom } from '../../domain/testing/business-days.ts';
import { NO_LIMITS } from '../../domain/testing/limits.ts';
import type { Outcome } from '../../domain/types.ts';
import { batchOf, type FlushBatch, IntegrityError } from '../../journal/flush-batch.ts';
import type { HoldItem } from '../../journal/hold-codec.ts';
import {
  ACCEPTED_AT,
  account,
  type EpochUnderTest,
  modelEpoch,
  order,
} from '../../journal/testing/epoch-under-test.ts';
import { Session } from '../connection/pool.ts';
import { holdUpdatesOf, placingsOf } from '../rows/hold-rows.ts';
import { ledgerRows, migratedDatabase, openIn, putBusinessDays, type TestDatabase } from '../testing/test-database.ts';
import { FlushStore } from './flush-store.ts';
import { LedgerReader } from './ledger-reader.ts';

const ACCOUNTS = [account('world'), account('ada'), account('shop')];
const WHO = { user: 'till “7”', correlationId: 'c-1' };

let db: TestDatabase;
let store: FlushStore;
let epoch: EpochUnderTest;

beforeAll(async () => {
  db = await migratedDatabase();
  await putBusinessDays(db.database, businessDaysFrom(ACCEPTED_AT));
  store = new FlushStore(db.database);
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.reset();
  await openIn(db.database, ACCOUNTS);
  epoch = await modelEpoch(ACCOUNTS);
  await epoch.apply(order('t1', { amount: 500 }));
});

let events = 0;
const eventId = () => `01890000-0000-7000-8000-${String(++events).padStart(12, '0')}`;
const place = (holdId: string, amount: number, more: object = {}): HoldItem => ({
  op: 'place',
  order: {
    holdId,
    account: 'ada',
    destination: null,
    amount,
    currency: 'EUR',
    expiresAt: null,
    reference: null,
    metadata: null,
    ...WHO,
    ...more,
  },
});
const capture = (holdId: string, transactionId: string, amount: number | null, final = true): HoldItem => ({
  op: 'capture',
  order: {
    ...order(transactionId, { source: 'ada', destination: 'shop', amount: amount ?? 0, ...WHO }),
    kind: 'capture',
    capture: { holdId, amount, destination: 'shop', final },
  },
});
const event = (holdId: string) => ({ eventId: eventId(), holdId, account: 'ada', currency: 'EUR', ...WHO });
const change = (holdId: string, amount: number, expectedRevision = 1): HoldItem => ({
  op: 'change',
  wanted: { amount, expiresAt: null, expectedRevision },
  ...event(holdId),
});

/** All entries after the cursor, as one batch. */
async function nextBatch(): Promise<FlushBatch> {
  const { seq } = await store.cursor();
  return batchOf(await epoch.entries(seq), 1, seq);
}
async function flush(): Promise<FlushBatch> {
  const batch = await nextBatch();
  await store.commit(batch, 1);
  return batch;
}
const holds = () =>
  db.database.rows(
    'SELECT hold_id, status, hold_amount, captured, revision, previous_revision FROM holds ORDER BY hold_id',
  );
const heldOfAda = async () => (await new LedgerReader(db.database).loadAccounts(['ada'])).accounts.get('ada');

/** Everything that is read back must be exactly what the journal contains. */
async function expectReadBack({ holdEvents, outcomes }: FlushBatch): Promise<void> {
  const ids = (kind: (one: HoldEvent) => string[]) => holdEvents.flatMap(kind);
  const placings = await placingsOf(
    db.database,
    ids((one) => ('order' in one ? [one.holdId] : [])),
  );
  const updates = await holdUpdatesOf(
    db.database,
    ids((one) => ('eventId' in one ? [one.eventId] : [])),
  );
  const read = holdEvents.map((one) => ('eventId' in one ? updates.get(one.eventId) : placings.get(one.holdId)));
  expect(read).toEqual(holdEvents);
  if (outcomes.length === 0) return;
  const found = await new LedgerReader(db.database).findOutcomes(outcomes.map((one) => one.order.transactionId));
  const asStored = (one: Outcome): Outcome => ({ ...one, replayed: true, persisted: true });
  expect([...found.outcomes.values()].sort(bySeq)).toEqual(outcomes.map(asStored).sort(bySeq));
}
const bySeq = (a: Outcome, b: Outcome): number => a.seq - b.seq;

describe('The flush of holds', () => {
  it('writes each event and each capture, and reads them back unchanged', async () => {
    await epoch.applyHolds(
      place('h1', 300, {
        reference: 'o-1 “x”',
        metadata: { table: '7' },
        destination: 'shop',
        expiresAt: ACCEPTED_AT + 9,
      }),
      place('h2', 100),
      place('h3', 101),
    );
    await epoch.applyHolds(change('h1', 350), capture('h1', 'k1', 50, false), capture('h1', 'k2', 400));
    await epoch.applyHolds({ op: 'void', ...event('h2') }, capture('h1', 'k3', null));
    const batch = await flush();
    await expectReadBack(batch);
    expect(batch.holdEvents.map(({ kind }) => kind)).toEqual(['PLACED', 'PLACED', 'REFUSED', 'CHANGED', 'VOIDED']);
    expect(await holds()).toEqual([
      { hold_id: 'h1', status: 'CAPTURED', hold_amount: 350, captured: 350, revision: 4, previous_revision: 0 },
      { hold_id: 'h2', status: 'VOIDED', hold_amount: 100, captured: 0, revision: 2, previous_revision: 0 },
      { hold_id: 'h3', status: 'REFUSED', hold_amount: 0, captured: 0, revision: 0, previous_revision: 0 },
    ]);
    const columns = 'hold_id, revision, transaction_id, account_id, version, held_after';
    expect(await db.database.rows(`SELECT ${columns} FROM hold_captures ORDER BY revision`)).toEqual([
      { hold_id: 'h1', revision: 3, transaction_id: 'k1', account_id: 'ada', version: 5, held_after: 400 },
      { hold_id: 'h1', revision: 4, transaction_id: 'k3', account_id: 'ada', version: 7, held_after: 0 },
    ]);
    expect(await heldOfAda()).toMatchObject({ balance: 150, held: 0, version: 7 });
  });

  it('continues from one batch to the next', async () => {
    await epoch.applyHolds(place('h1', 300));
    await flush();
    expect(await heldOfAda()).toMatchObject({ balance: 500, held: 300 });
    await epoch.applyHolds(capture('h1', 'k1', 100, false));
    await epoch.apply(order('t2', { source: 'ada', destination: 'shop', amount: 200 }));
    await expectReadBack(await flush());
    expect(await heldOfAda()).toMatchObject({ balance: 200, held: 200 });
    await epoch.applyHolds({ op: 'void', ...event('h1') });
    await expectReadBack(await flush());
    expect(await heldOfAda()).toMatchObject({ balance: 200, held: 0 });
    expect(await holds()).toEqual([
      { hold_id: 'h1', status: 'VOIDED', hold_amount: 300, captured: 100, revision: 3, previous_revision: 2 },
    ]);
  });

  it('stores the counted amounts of holds, and subtracts released amounts from the day and the month', async () => {
    await epoch.change(eventId(), 'ada', { limits: { ...NO_LIMITS, transferMax: 400, monthlyDebitMax: 410 } });
    await epoch.applyHolds(place('h1', 300), place('h2', 110), place('h3', 1), place('h4', 401));
    await expectReadBack(await flush());
    expect((await heldOfAda())?.limits?.usage).toMatchObject({ dayDebit: 410, monthDebit: 410 });
    epoch.cache.now = () => ACCEPTED_AT + 24 * 3_600_000;
    await epoch.applyHolds(capture('h1', 'k1', 100, false), change('h1', 250, 2), capture('h1', 'k2', 20));
    await epoch.applyHolds(place('h5', 5), { op: 'void', ...event('h2') });
    await expectReadBack(await flush());
    const cached = (await epoch.cache.read(epoch.pod, ['ada'])).accounts[0];
    expect(cached?.limits?.usage).toMatchObject({ dayDebit: 5, monthDebit: 410 - 50 - 130 + 5 - 110 });
    expect(await heldOfAda()).toMatchObject({ limits: cached?.limits });
  });

  it('has each version of an account in exactly one table', async () => {
    await epoch.applyHolds(place('h1', 300), capture('h1', 'k1', 100, false), { op: 'void', ...event('h1') });
    await flush();
    const versions = await db.database.rows<{ version: number }>(
      `SELECT placed_version AS version FROM holds WHERE account_id = 'ada' UNION ALL
       SELECT version FROM hold_events WHERE account_id = 'ada' UNION ALL
       SELECT source_version FROM transfers WHERE source_account = 'ada' AND source_version IS NOT NULL UNION ALL
       SELECT destination_version FROM transfers WHERE destination_account = 'ada' ORDER BY 1`,
    );
    expect(versions.map(({ version }) => version)).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['another revision', "UPDATE holds SET revision = 2 WHERE hold_id = 'h1'"],
    ['another account', "UPDATE holds SET account_id = 'shop' WHERE hold_id = 'h1'"],
    ['a final state', "UPDATE holds SET status = 'EXPIRED' WHERE hold_id = 'h1'"],
    ['no such hold', "DELETE FROM holds WHERE hold_id = 'h1'"],
    ['something else held', "UPDATE accounts SET held = 299 WHERE account_id = 'ada'"],
  ])('throws an IntegrityError and writes nothing at all if MySQL has %s', async (_what, tamper) => {
    await epoch.applyHolds(place('h1', 300));
    await flush();
    await db.database.rows(tamper);
    await epoch.applyHolds(capture('h1', 'k1', 100, false));
    const before = [await ledgerRows(db.database), await holds()];
    await expect(store.commit(await nextBatch(), 1)).rejects.toBeInstanceOf(IntegrityError);
    expect([await ledgerRows(db.database), await holds()]).toEqual(before);
  });

  describe('that end alike in one batch', () => {
    const MANY = Array.from({ length: 6 }, (_, number) => `m${number}`);
    const captureAll = MANY.map((holdId) => capture(holdId, `k-${holdId}`, null));
    beforeEach(async () => {
      await epoch.applyHolds(...MANY.map((holdId, number) => place(holdId, 10 + number)));
      await flush();
    });

    it('are read back unchanged, together with holds that end differently', async () => {
      const more = ['v0', 'v1', 'v2', 'v3', 'x0', 'x1', 'x2', 'x3', 's0', 's1', 's2', 's3', 'p', 'c'];
      await epoch.applyHolds(...more.map((holdId) => place(holdId, 20, { expiresAt: ACCEPTED_AT + 9 })));
      await epoch.applyHolds(capture('v0', 'kv', 5, false), capture('m0', 'km', 1, false), change('m1', 30));
      await flush();
      await epoch.applyHolds(...more.slice(0, 4).map((holdId): HoldItem => ({ op: 'void', ...event(holdId) })));
      await epoch.applyHolds(capture('p', 'kp', 7), capture('c', 'kc', 7, false), ...captureAll);
      for (const holdId of more.slice(8, 12))
        await epoch.applyHolds(change(holdId, 25), { op: 'void', ...event(holdId) });
      epoch.cache.now = () => ACCEPTED_AT + 10;
      await epoch.applyHolds(...more.slice(4, 8).map((holdId): HoldItem => ({ op: 'expire', ...event(holdId) })));
      const batch = await flush();
      const kinds = batch.holdEvents.map(({ kind }) => kind);
      expect([kinds.length, new Set(kinds)]).toEqual([4 + 4 + 8, new Set(['VOIDED', 'CHANGED', 'EXPIRED'])]);
      await expectReadBack(batch);
      const ids = [...MANY, ...more];
      const stored = await new LedgerReader(db.database).loadHolds(ids);
      const cached = await epoch.cache.readHolds(epoch.pod, ids);
      expect(cached.holds.map((hold) => ({ ...hold, modified: undefined, seq: undefined }))).toEqual(
        ids.map((holdId) => stored.holds.get(holdId)),
      );
    });

    it('are found by their primary key, however many there are', async () => {
      const ids = Array.from({ length: 520 }, (_, number) => `n${number}`);
      await epoch.apply(order('t2', { amount: ids.length }));
      for (const some of [ids.slice(0, 260), ids.slice(260)]) await epoch.applyHolds(...some.map((id) => place(id, 1)));
      await flush();
      await epoch.applyHolds(...ids.slice(0, 260).map((holdId) => capture(holdId, `k-${holdId}`, null)));
      await epoch.applyHolds(...ids.slice(260).map((holdId) => capture(holdId, `k-${holdId}`, null)));
      const batch = await nextBatch();
      const run = vi.spyOn(Session.prototype, 'run');
      await store.commit(batch, 1);
      const updates = run.mock.calls.map(([sql]) => String(sql)).filter((sql) => sql.startsWith('UPDATE holds'));
      run.mockRestore();
      expect(updates).toHaveLength(2);
      for (const update of updates) {
        const [plan] = await db.database.rows(`EXPLAIN FORMAT=TRADITIONAL ${update}`);
        expect(plan).toMatchObject({ table: 'holds', type: 'range', key: 'PRIMARY' });
      }
    });

    it.each([
      ['another revision', "UPDATE holds SET revision = 2 WHERE hold_id = 'm4'"],
      ['another account', "UPDATE holds SET account_id = 'shop' WHERE hold_id = 'm4'"],
      ['another currency', "UPDATE holds SET currency = 'USD' WHERE hold_id = 'm4'"],
      ['a final state', "UPDATE holds SET status = 'EXPIRED' WHERE hold_id = 'm4'"],
      ['no such hold', "DELETE FROM holds WHERE hold_id = 'm4'"],
    ])('cause an IntegrityError, and nothing is written, if MySQL has %s', async (_what, tamper) => {
      await db.database.rows(tamper);
      await epoch.applyHolds(...captureAll);
      const before = [await ledgerRows(db.database), await holds()];
      await expect(store.commit(await nextBatch(), 1)).rejects.toBeInstanceOf(IntegrityError);
      expect([await ledgerRows(db.database), await holds()]).toEqual(before);
    });
  });

  it.each<[string, (event: HoldPlaced) => HoldPlaced]>([
    [
      'expires at another time',
      (event) => ({ ...event, hold: { ...event.hold, expiresAt: event.hold.expiresAt + 1 } }),
    ],
    ['has another amount', (event) => ({ ...event, hold: { ...event.hold, amount: 299 } })],
    ['holds another amount', (event) => ({ ...event, heldChange: 299 })],
    [
      'counts at another time',
      (event) => ({ ...event, hold: { ...event.hold, counted: { at: 1, day: 300, month: 300 } } }),
    ],
  ])('throws an IntegrityError if a new hold %s than its row would show', async (_what, changed) => {
    await epoch.applyHolds(place('h1', 300));
    const batch = await nextBatch();
    const holdEvents = batch.holdEvents.map((event) => (event.kind === 'PLACED' ? changed(event) : event));
    await expect(store.commit({ ...batch, holdEvents, moves: [] }, 1)).rejects.toBeInstanceOf(IntegrityError);
  });

  it('throws an IntegrityError if the revisions of a hold have a gap', async () => {
    await epoch.applyHolds(place('h1', 300), capture('h1', 'k1', 100, false), change('h1', 250, 2));
    const batch = await nextBatch();
    const lacking = { ...batch, outcomes: batch.outcomes.filter((one) => one.order.transactionId !== 'k1') };
    await expect(store.commit(lacking, 1)).rejects.toBeInstanceOf(IntegrityError);
  });
});
