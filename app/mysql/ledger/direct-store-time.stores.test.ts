import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/types.ts';
import { ACCEPTED_AT, account } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { DIRECT_EPOCH, directItem, putAccounts } from '../testing/direct-accounts.ts';
import {
  InterruptedDatabase,
  ledgerRows,
  migratedDatabase,
  poolOptions,
  type TestDatabase,
} from '../testing/test-database.ts';
import { DirectStore } from './direct-store.ts';
import { FlushStore } from './flush-store.ts';
import { LedgerReader } from './ledger-reader.ts';

const CHANGE = { accountId: 'ada', user: 'u', correlationId: 'c', takenAt: 1 };

let db: TestDatabase;
let store: DirectStore;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.reset(DIRECT_EPOCH, 'DIRECT');
  await putAccounts(db.database, [
    account('world'),
    account('ada'),
    account('bob'),
    account('yen', { currency: 'JPY' }),
  ]);
  store = new DirectStore({ database: db.database, clock: systemClock });
});

const apply = (...items: ReturnType<typeof directItem>[]) => store.apply(DIRECT_EPOCH, items);
const idTimeMax = async () => (await new FlushStore(db.database).cursor()).idTimeMax;

describe('A UUIDv7 from the future', () => {
  it("is rejected if it is more than 60 s ahead of MySQL's clock, and does not raise the largest id time", async () => {
    const far = newUuidV7(Date.now() + 3_600_000);
    const near = newUuidV7(Date.now() + 55_000);
    const [refused, done] = await apply(directItem(far), directItem(near));
    expect(refused).toMatchObject({ code: 'validation_failed', extras: { errors: [{ pointer: '/transactionId' }] } });
    expect(done).toMatchObject({ status: 'POSTED' });
    expect(await idTimeMax()).toBeLessThanOrEqual(Date.now() + 70_000);
    expect((await ledgerRows(db.database)).transfers).toMatchObject([{ transaction_id: near }]);
  });

  it('is answered with its outcome if it already has one', async () => {
    const far = newUuidV7(Date.now() + 3_600_000);
    const [first] = await apply(directItem('t1'));
    await db.database.rows('UPDATE transfers SET transaction_id = ?', [far]);
    const [again] = await apply(directItem(far));
    expect(again).toMatchObject({ status: 'POSTED', replayed: true, acceptedAt: (first as Outcome).acceptedAt });
  });
});

describe('The time of acceptance', () => {
  it("comes from MySQL's clock, whatever the pod's clock shows; the pod's own time is stored as well", async () => {
    const [before] = await db.database.rows<{ at: Date }>('SELECT NOW(3) AS at');
    const [answer] = await apply(directItem('t1'));
    const [after] = await db.database.rows<{ at: Date }>('SELECT NOW(3) AS at');
    if (!answer || answer instanceof Problem || !before || !after) throw new Error('no outcome');
    expect(answer.acceptedAt).toBeGreaterThanOrEqual(before.at.getTime());
    expect(answer.acceptedAt).toBeLessThanOrEqual(after.at.getTime());
    const stored = (await new LedgerReader(db.database).findOutcomes(['t1'])).outcomes.get('t1');
    expect(stored).toMatchObject({ acceptedAt: answer.acceptedAt, takenAt: ACCEPTED_AT });
    const { acceptedUpTo } = await new LedgerReader(db.database).loadAccounts(['world', 'ada', 'bob']);
    expect(acceptedUpTo).toBe(answer.acceptedAt);
  });

  it('never decreases on an account, even if the clock was set back or another store was ahead', async () => {
    const ahead = Date.now() + 3_600_000;
    await db.database.rows("UPDATE accounts SET last_accepted_ms = ? WHERE account_id = 'bob'", [ahead]);
    const [first, second, third] = await apply(
      directItem('t1', { destination: 'ada' }),
      directItem('t2', { source: 'ada', destination: 'bob' }),
      directItem('t3', { source: 'bob', destination: 'ada' }),
    );
    expect([first, second, third]).toMatchObject([{ status: 'POSTED' }, { acceptedAt: ahead }, { acceptedAt: ahead }]);
    expect((first as { acceptedAt: number }).acceptedAt).toBeLessThan(ahead);
    await store.change(DIRECT_EPOCH, { ...CHANGE, changeId: newUuidV7(Date.now()), overdraftLimit: 5 });
    expect((await ledgerRows(db.database)).changes).toMatchObject([{ accepted_at: new Date(ahead) }]);
  });
});

describe('The largest id time', () => {
  const AT = Date.UTC(2026, 0, 1);

  it('is raised slightly above the time of each later id, even if the id is refused', async () => {
    await apply(directItem('not-a-uuid'));
    expect(await idTimeMax()).toBe(0);
    await apply(directItem('x'), directItem(newUuidV7(AT), { destination: 'yen' }));
    expect(await idTimeMax()).toBe(AT + 10_000);
    await apply(directItem(newUuidV7(AT + 10_000)));
    expect(await idTimeMax()).toBe(AT + 10_000);
    await store.change(DIRECT_EPOCH, { ...CHANGE, changeId: newUuidV7(AT + 10_001) });
    expect(await idTimeMax()).toBe(AT + 20_001);
  });

  it('is never lowered by a store with a lower value', async () => {
    await db.database.rows('UPDATE flush_cursor SET id_time_max = ?', [AT + 60_000]);
    await apply(directItem(newUuidV7(AT)));
    expect(await idTimeMax()).toBe(AT + 60_000);
  });

  it('is committed before the ids are', async () => {
    const database = new InterruptedDatabase(poolOptions(db.url));
    const seen: number[] = [];
    database.before = async () => {
      seen.push(await idTimeMax());
    };
    await new DirectStore({ database, clock: systemClock }).apply(DIRECT_EPOCH, [directItem(newUuidV7(AT))]);
    expect(new Set(seen)).toEqual(new Set([AT + 10_000]));
    await database[Symbol.asyncDispose]();
  });
});
