import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { CursorConflictError } from '../../journal/cursor.ts';
import { batchOf, type FlushBatch, IntegrityError } from '../../journal/flush-batch.ts';
import { ACCEPTED_AT, account, itemOf, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import {
  InterruptedDatabase,
  ledgerRows,
  migratedDatabase,
  openIn,
  poolOptions,
  type TestDatabase,
} from '../testing/test-database.ts';
import { FlushStore } from './flush-store.ts';
import { LedgerReader } from './ledger-reader.ts';

const ACCOUNTS = [account('world'), account('ada'), account('bob', { overdraftLimit: 50 })];
const CHANGE_ID = '01890000-0000-7000-8000-000000000001';

let db: TestDatabase;
let store: FlushStore;

beforeAll(async () => {
  db = await migratedDatabase();
  store = new FlushStore(db.database);
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.reset();
  await openIn(db.database, ACCOUNTS);
});

/** A journal with each kind of entry: postings, a refusal, an account change. */
async function anyBatch(): Promise<FlushBatch> {
  const epoch = await modelEpoch(ACCOUNTS);
  await epoch.apply(order('t1', { amount: 500 }), order('t2', { source: 'ada', destination: 'bob', amount: 120 }));
  await epoch.change(CHANGE_ID, 'ada', { status: 'SUSPENDED', overdraftLimit: 7 });
  await epoch.apply(order('t3', { source: 'ada', destination: 'bob' }), order('t4', { amount: 1 }));
  return batchOf(await epoch.entries(), 1, 0);
}

it('a flush stores the time of the latest acceptance on each account, and ignores the clocks of pods', async () => {
  const latest = async () =>
    Object.fromEntries(
      (
        await db.database.rows<{ account_id: string; last_accepted_ms: number | null }>(
          'SELECT account_id, last_accepted_ms FROM accounts ORDER BY account_id',
        )
      ).map((row) => [row.account_id, row.last_accepted_ms]),
    );
  const epoch = await modelEpoch(ACCOUNTS);
  await epoch.apply(order('t1', { amount: 500 }));
  const flush = async (afterSeq: number, timed: boolean) => {
    const entries = (await epoch.entries(afterSeq)).map((entry) => (timed ? entry : { ...entry, acceptedAt: null }));
    await store.commit(batchOf(entries, 1, afterSeq), 1);
  };
  await flush(0, true);
  expect(await latest()).toEqual({ ada: ACCEPTED_AT, bob: null, world: ACCEPTED_AT });
  // Applied by a script of an older release, for a pod whose clock is far ahead.
  await epoch.cache.apply(epoch.pod, [itemOf(order('t2', { source: 'ada', destination: 'bob' }), ACCEPTED_AT + 9e6)]);
  await flush(1, false);
  expect(await latest()).toEqual({ ada: ACCEPTED_AT, bob: null, world: ACCEPTED_AT });
  epoch.cache.now = () => ACCEPTED_AT + 5;
  await epoch.apply(order('t3', { source: 'ada', destination: 'bob' }));
  await flush(2, true);
  expect(await latest()).toEqual({ ada: ACCEPTED_AT + 5, bob: ACCEPTED_AT + 5, world: ACCEPTED_AT });
});

async function expectNothingWritten(batch: FlushBatch, error: unknown): Promise<void> {
  const before = await ledgerRows(db.database);
  await expect(store.commit(batch, 1)).rejects.toThrow(error as typeof Error);
  expect(await ledgerRows(db.database)).toEqual(before);
}

describe('FlushStore.commit', () => {
  it('writes outcomes, including refusals, absolute balances, settings and the cursor', async () => {
    const batch = await anyBatch();
    await store.commit(batch, 1);
    const { accounts, changes } = await ledgerRows(db.database);
    expect(accounts).toMatchObject([
      { account_id: 'ada', balance: 381, version: 3, status: 'SUSPENDED', overdraft_limit: 7, settings_version: 2 },
      { account_id: 'bob', balance: 120, version: 1, status: 'ACTIVE', overdraft_limit: 50, settings_version: 1 },
      { account_id: 'world', balance: -501, version: 2 },
    ]);
    expect(changes).toMatchObject([
      { change_id: CHANGE_ID, account_id: 'ada', settings_version: 2, user: 'admin', seq: 3 },
    ]);
    const { outcomes, stamp } = await new LedgerReader(db.database).findOutcomes(['t1', 't2', 't3', 't4']);
    const inMysql = batch.outcomes.map((outcome) => ({ ...outcome, replayed: true, persisted: true }));
    expect([...outcomes.values()].sort((a, b) => a.seq - b.seq)).toEqual(inMysql);
    expect(outcomes.get('t3')).toMatchObject({ status: 'REJECTED', refusal: 'account_suspended', seq: 4 });
    expect(stamp).toEqual({ epoch: 1, cursor: 5 });
    expect(await store.cursor()).toEqual({ epoch: 1, seq: 5, idTimeMax: 0x018900000000 });
  });

  it('continues from one batch to the next, and never lowers the largest id time', async () => {
    const epoch = await modelEpoch(ACCOUNTS);
    await epoch.apply(order('01890000-0000-7000-8000-000000000002'));
    await epoch.apply(order('t2', { source: 'ada', destination: 'bob', amount: 30 }));
    const [first, second] = await epoch.entries();
    if (!first || !second) throw new Error('two calls are two entries');
    await store.commit(batchOf([first], 1, 0), 1);
    await store.commit(batchOf([second], 1, 1), 1);
    expect(await store.cursor()).toEqual({ epoch: 1, seq: 2, idTimeMax: 0x018900000000 });
    expect((await ledgerRows(db.database)).accounts).toMatchObject([
      { account_id: 'ada', balance: 70, version: 2, previous_version: 1, previous_balance: 100 },
      { account_id: 'bob', balance: 30, version: 1 },
      { account_id: 'world', balance: -100, version: 1 },
    ]);
  });

  it.each([
    ['the previous version differs', "UPDATE accounts SET version = 1 WHERE account_id = 'ada'"],
    ['the previous balance differs', "UPDATE accounts SET balance = 1 WHERE account_id = 'ada'"],
    ['the currency differs', "UPDATE accounts SET currency = 'USD' WHERE account_id = 'ada'"],
    ['an account is missing', "DELETE FROM accounts WHERE account_id = 'bob'"],
    ['the previous settings version differs', "UPDATE accounts SET settings_version = 2 WHERE account_id = 'ada'"],
  ])('throws an IntegrityError and writes nothing at all if %s', async (_what, tamper) => {
    await db.database.rows(tamper);
    await expectNothingWritten(await anyBatch(), IntegrityError);
  });

  it('throws CursorConflictError and writes nothing at all if the authority has moved on', async () => {
    await db.database.rows('UPDATE authority SET epoch = 2');
    await expectNothingWritten(await anyBatch(), CursorConflictError);
  });

  it.each([
    ['further ahead', 'UPDATE flush_cursor SET seq = 1'],
    ['behind', 'UPDATE flush_cursor SET epoch = 0'],
  ])('throws CursorConflictError and writes nothing at all if the cursor is %s', async (_where, move) => {
    await db.database.rows(move);
    await expectNothingWritten(await anyBatch(), CursorConflictError);
  });

  it('lets one of two keepers with the same batch commit; the other gets CursorConflictError, not a corruption error', async () => {
    const batch = await anyBatch();
    const ends = await Promise.allSettled(Array.from({ length: 4 }, () => store.commit(batch, 1)));
    const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason.name] : []));
    expect(errors).toEqual(['CursorConflictError', 'CursorConflictError', 'CursorConflictError']);
    expect((await ledgerRows(db.database)).transfers).toHaveLength(4);
  });

  it('never rewrites an id that is already in MySQL', async () => {
    const batch = await anyBatch();
    await store.commit(batch, 1);
    await db.database.rows('UPDATE flush_cursor SET seq = 0');
    await db.database.rows('UPDATE accounts SET balance = 0, version = 0, settings_version = 1');
    const before = await ledgerRows(db.database);
    await expect(store.commit(batch, 1)).rejects.toMatchObject({ code: 'ER_DUP_ENTRY' });
    expect(await ledgerRows(db.database)).toEqual(before);
  });

  it('locks the authority row, so that the authority moves only before or after a whole batch', async () => {
    const database = new InterruptedDatabase(poolOptions(db.url));
    let moved = false;
    let move: Promise<unknown> = Promise.resolve();
    database.before = async (statement) => {
      if (statement === 1) move = db.database.rows('UPDATE authority SET epoch = 2').then(() => (moved = true));
      expect(moved).toBe(false);
    };
    await new FlushStore(database).commit(await anyBatch(), 1);
    await move;
    expect(await store.cursor()).toMatchObject({ seq: 5 });
    await database[Symbol.asyncDispose]();
  });

  it('rejects amounts that are not exact integers before anything is written', async () => {
    const batch = await anyBatch();
    const [first] = batch.moves;
    if (first) first.balance = 0.5;
    await expectNothingWritten(batch, RangeError);
  });

  it('splits a batch that is too long for one statement', async () => {
    const database = new InterruptedDatabase(poolOptions(db.url));
    let statements = 0;
    database.before = async () => {
      statements += 1;
    };
    const epoch = await modelEpoch(ACCOUNTS);
    const LARGE = { note: '\\'.repeat(8_000) };
    for (let n = 0; n < 4; n++) {
      await epoch.apply(...Array.from({ length: 50 }, (_, k) => order(`large-${n}-${k}`, { metadata: LARGE })));
    }
    await new FlushStore(database).commit(batchOf(await epoch.entries(), 1, 0), 1);
    // Authority, cursor, accounts, and 6 MB of outcomes.
    expect(statements).toBeGreaterThanOrEqual(3 + 3);
    const [count] = await db.database.rows('SELECT COUNT(*) AS n, MIN(CHAR_LENGTH(metadata)) AS chars FROM transfers');
    expect(count).toEqual({ n: 200, chars: JSON.stringify(LARGE).length });
    await database[Symbol.asyncDispose]();
  });
});

describe('An error in the middle of a commit', () => {
  let interrupted: InterruptedDatabase;
  beforeAll(() => {
    interrupted = new InterruptedDatabase(poolOptions(db.url));
  });
  afterAll(() => interrupted[Symbol.asyncDispose]());

  it('leaves nothing behind, whichever statement it precedes', async () => {
    const batch = await anyBatch();
    const before = await ledgerRows(db.database);
    let statements = 0;
    for (let failing = 0; ; failing++) {
      interrupted.before = async (statement) => {
        statements = Math.max(statements, statement + 1);
        if (statement === failing) throw new Error('stop here');
      };
      const end = await new FlushStore(interrupted).commit(batch, 1).then(
        () => 'done',
        (error: Error) => error.message,
      );
      if (end === 'done') break;
      expect(await ledgerRows(db.database)).toEqual(before);
    }
    expect(statements).toBe(6);
    expect(await store.cursor()).toMatchObject({ seq: 5 });
  });

  it('leaves nothing behind if the connection dies, and is reported as database_unavailable', async () => {
    const batch = await anyBatch();
    const before = await ledgerRows(db.database);
    for (let failing = 1; failing < 6; failing++) {
      interrupted.before = async (statement, connectionId) => {
        if (statement !== failing) return;
        const killer = await createConnection(db.url);
        await killer.query(`KILL CONNECTION ${connectionId}`);
        await killer.end();
      };
      const end = await new FlushStore(interrupted).commit(batch, 1).catch((error: unknown) => error);
      expect(end).toBeInstanceOf(Problem);
      expect(end).toMatchObject({ code: 'database_unavailable' });
      expect(await ledgerRows(db.database)).toEqual(before);
    }
  });
});
