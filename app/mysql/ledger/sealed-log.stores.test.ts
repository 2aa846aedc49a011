import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { businessDaysFrom } from '../../domain/testing/business-days.ts';
import { verifyLog } from '../../jobs/log-verifier.ts';
import { batchOf, type FlushBatch } from '../../journal/flush-batch.ts';
import { digestOf } from '../../journal/sealed/personal.ts';
import type { SealedEntry } from '../../journal/sealed/sealed-entry.ts';
import { ACCEPTED_AT, account, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { LogSealer } from '../../sync/log-sealer.ts';
import type { Database } from '../connection/pool.ts';
import { noteAction } from '../rows/noted-action.ts';
import { DIRECT_EPOCH, directItem } from '../testing/direct-accounts.ts';
import { capturing, placing } from '../testing/direct-holds.ts';
import {
  InterruptedDatabase,
  migratedDatabase,
  openIn,
  poolOptions,
  putBusinessDays,
  type TestDatabase,
} from '../testing/test-database.ts';
import { AccountOpener } from './account-opener.ts';
import { DirectStore } from './direct-store.ts';
import { FlushStore } from './flush-store.ts';
import { MysqlLogStore } from './log-store.ts';
import { MysqlSealedLog } from './sealed-log-reader.ts';
import { entriesOfLog, expectWholeLog } from './testing/whole-log.ts';

const ACCOUNTS = [account('world'), account('ada', { overdraftLimit: 100 }), account('bob')];
const CHANGE_ID = '01890000-0000-7000-8000-000000000001';
const WHO = { user: 'till “7”', correlationId: 'c-1' };

let db: TestDatabase;
let log: MysqlSealedLog;
let logStore: MysqlLogStore;

beforeAll(async () => {
  db = await migratedDatabase();
  await putBusinessDays(db.database, businessDaysFrom(ACCEPTED_AT));
  log = new MysqlSealedLog(db.database);
  logStore = new MysqlLogStore(db.database);
});
afterAll(() => db.drop());
beforeEach(() => db.reset(1, 'CACHE', 2));

const direct = (database: Database = db.database) => new DirectStore({ database, clock: systemClock });
const opener = () => new AccountOpener({ database: db.database, clock: systemClock });
const newAccount = (accountId: string, fields: { name?: string } = {}) => ({
  ...{ accountId, currency: 'EUR', overdraftLimit: 0, name: null, external: accountId === 'world', limits: null },
  ...fields,
});
const kinds = (entries: readonly SealedEntry[]) => entries.map(({ kind }) => kind);
const idsWaiting = async () =>
  (await db.database.rows<{ id: number }>('SELECT id FROM unsealed ORDER BY id')).map(({ id }) => id);
const waiting = async () => (await db.database.rows('SELECT 1 FROM unsealed')).length;

/** Every kind of entry that a journal may have. */
async function anyBatch(): Promise<FlushBatch> {
  const epoch = await modelEpoch(ACCOUNTS);
  await epoch.apply(order('t1', { amount: 500, reference: 'rent ü', metadata: { invoice: '"7"' } }));
  await epoch.change(CHANGE_ID, 'ada', { overdraftLimit: 7 });
  await epoch.applyGroup(
    'g1',
    order('m1', { amount: 3 }),
    order('m2', { source: 'ada', destination: 'bob', amount: 5 }),
  );
  await epoch.applyGroup('g2', order('m3', { source: 'bob', destination: 'ada', amount: 9_000 }), order('m4'));
  await epoch.apply(order('t2', { source: 'bob', destination: 'ada', amount: 9_000 }));
  const placed = (holdId: string, amount: number) => ({
    op: 'place' as const,
    order: {
      ...{ holdId, account: 'ada', destination: null, amount, currency: 'EUR', expiresAt: null },
      ...{ reference: 'hold', metadata: null, ...WHO },
    },
  });
  await epoch.applyHolds(placed('h1', 50), placed('h2', 9_000));
  return batchOf(await epoch.entries(), 1, 0);
}

describe('A flush', () => {
  it('appends what it commits to the log, exactly as it is in the books', async () => {
    await openIn(db.database, ACCOUNTS);
    const store = new FlushStore(db.database);
    const batch = await anyBatch();
    await store.commit(batch, 1);
    const entries = await expectWholeLog(db.database);
    expect(kinds(entries)).toEqual([
      ...['transfer', 'account-changed', 'group', 'transfer', 'transfer', 'group', 'transfer', 'hold', 'hold'],
    ]);
    expect(await log.bounds()).toEqual({ oldest: 1, newest: 1 });
    const [row] = await log.stored(0, { rows: 10, bytes: 1 });
    expect(row).toMatchObject({ position: 1, epoch: 1, firstSeq: 1, lastSeq: batch.lastSeq, entries: 9 });
  });

  it('seals the waiting entries before its own', async () => {
    await opener().open(
      ['world', 'ada', 'bob'].map((id) => newAccount(id)),
      'ann',
    );
    expect(await waiting()).toBe(1);
    await new FlushStore(db.database).commit(await anyBatch(), 1);
    expect(await waiting()).toBe(0);
    const entries = await expectWholeLog(db.database);
    expect(kinds(entries).slice(0, 4)).toEqual([...Array(3).fill('account-opened'), 'transfer']);
    expect(await log.bounds()).toEqual({ oldest: 1, newest: 2 });
  });

  it('writes neither a log nor salts for a ledger in format 1', async () => {
    await db.reset(1, 'CACHE', 1);
    await opener().open([newAccount('ada'), newAccount('bob'), newAccount('world')], 'ann');
    await new FlushStore(db.database).commit(await anyBatch(), 1);
    expect([await waiting(), await log.bounds()]).toEqual([0, { oldest: 1, newest: 0 }]);
    for (const table of ['transfers', 'accounts', 'transfer_groups', 'holds', 'account_changes'])
      expect(await db.database.rows(`SELECT 1 FROM ${table} WHERE salt IS NOT NULL`)).toEqual([]);
  });

  it('that two keepers commit at the same time is in the log once', async () => {
    await openIn(db.database, ACCOUNTS);
    const batch = await anyBatch();
    const commits = [1, 2, 3].map(() => new FlushStore(db.database).commit(batch, 1));
    const results = await Promise.allSettled(commits);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await expectWholeLog(db.database)).toHaveLength(9);
  });

  it('leaves nothing in the log, whichever statement fails, and appears in it once after a retry', async () => {
    await using interrupted = new InterruptedDatabase(poolOptions(db.url));
    const store = new FlushStore(interrupted);
    const batch = await anyBatch();
    for (let statement = 0; ; statement++) {
      await db.reset(1, 'CACHE', 2);
      await openIn(db.database, ACCOUNTS);
      let reached = false;
      interrupted.before = async (at) => {
        if (at !== statement) return;
        reached = true;
        throw new Error('died');
      };
      const died = await store.commit(batch, 1).catch((error: Error) => error.message);
      if (!reached) break;
      expect(died).toBe('died');
      expect(await log.bounds()).toEqual({ oldest: 1, newest: 0 });
      interrupted.before = async () => {};
      await store.commit(batch, 1);
      expect(await expectWholeLog(db.database)).toHaveLength(9);
    }
  });
});

describe('While MySQL has the authority', () => {
  beforeEach(() => db.reset(DIRECT_EPOCH, 'DIRECT', 2));

  it('everything that a pod commits waits until a keeper seals it', async () => {
    await opener().open([newAccount('world'), newAccount('ada'), newAccount('bob', { name: 'Bob ü' })], 'ann');
    const store = direct();
    await store.apply(DIRECT_EPOCH, [
      directItem('t1', { amount: 90, reference: 'r' }),
      directItem('t2', { source: 'ada' }),
    ]);
    await store.applyGroups(DIRECT_EPOCH, [
      {
        group: { groupId: 'g', orders: [order('m1', { groupId: 'g' }), order('m2', { groupId: 'g' })], split: null },
        takenAt: 1,
      },
    ]);
    await store.applyHolds(DIRECT_EPOCH, [placing('h', 'ada', 20)]);
    await store.applyHolds(DIRECT_EPOCH, [capturing('c', { holdId: 'h', source: 'ada', destination: 'bob' }, 5)]);
    await store.change(DIRECT_EPOCH, { changeId: 'x', accountId: 'bob', status: 'SUSPENDED', takenAt: 1, ...WHO });
    // A refusal without an outcome, and a repetition, leave nothing.
    await store.apply(DIRECT_EPOCH, [directItem('t1'), directItem('t9', { source: 'nobody' })]);
    expect(await log.bounds()).toEqual({ oldest: 1, newest: 0 });
    const states: (number | null)[] = [];
    const sealer = new LogSealer(logStore, { state: (now) => states.push(now.oldestWaitingMs), statesAdded() {} });
    await until('everything is sealed', async () => {
      await sealer.round();
      return (await waiting()) === 0;
    });
    expect(states.some((ms) => ms !== null && ms >= 200)).toBe(true);
    const entries = await expectWholeLog(db.database);
    expect(kinds(entries)).toEqual([
      ...[
        'account-opened',
        'account-opened',
        'account-opened',
        'transfer',
        'transfer',
        'group',
        'transfer',
        'transfer',
      ],
      ...['hold', 'transfer', 'account-changed'],
    ]);
  });

  it('a transaction that commits late with a lower id is sealed, even after higher ids were sealed', async () => {
    await openIn(db.database, ACCOUNTS);
    await using slow = new InterruptedDatabase(poolOptions(db.url));
    // Before the outcome is inserted, but after the entry was noted.
    const { reached, open } = slow.pauseBefore(5);
    const late = direct(slow).apply(DIRECT_EPOCH, [directItem('late', { amount: 7 })]);
    await reached;
    await opener().open([newAccount('cy')], 'ann');
    const [early] = await idsWaiting();
    while (await logStore.sealNext());
    expect(kinds(await entriesOfLog(db.database))).toEqual(['account-opened']);
    open();
    await late;
    expect(await idsWaiting()).toEqual([(early ?? 0) - 1]);
    expect(kinds(await expectWholeLog(db.database))).toEqual(['account-opened', 'transfer']);
  });
});

describe('Accounts that are older than the log', () => {
  it('have their states added to the log, each once, at any time', async () => {
    await db.reset(DIRECT_EPOCH, 'DIRECT', 1);
    await openIn(db.database, ACCOUNTS);
    await direct().apply(DIRECT_EPOCH, [directItem('t1', { amount: 70 })]);
    await db.database.rows("UPDATE authority SET mode = 'DIRECT_2'");
    await direct().apply(DIRECT_EPOCH, [directItem('t2', { amount: 5 })]);
    expect(await Promise.all([logStore.addStates(), logStore.addStates()])).toEqual(expect.arrayContaining([3]));
    await direct().apply(DIRECT_EPOCH, [directItem('t3', { amount: 6 })]);
    expect(await logStore.addStates()).toBe(0);
    const entries = await expectWholeLog(db.database);
    expect(kinds(entries)).toEqual(['transfer', ...Array(3).fill('account-state'), 'transfer']);
    expect(entries[1]).toMatchObject({ accountId: 'ada', balance: 75, version: 2, overdraftLimit: 100 });
  });

  it('include one that a process of an older release opens later', async () => {
    expect(await logStore.addStates()).toBe(0);
    await openIn(db.database, [account('ada')]);
    expect(await logStore.addStates()).toBe(0);
    await db.database.rows('UPDATE sealed_head SET states_done_at = NOW(3) - INTERVAL 25 HOUR');
    expect(await logStore.addStates()).toBe(1);
    expect(kinds(await expectWholeLog(db.database))).toEqual(['account-state']);
  });

  it('are examined in pages, however many there are', async () => {
    const many = Array.from({ length: 2_600 }, (_, index) => account(`a${String(index).padStart(5, '0')}`));
    await openIn(db.database, many);
    const added: number[] = [];
    for (let round = 0; round < 8; round++) added.push(await logStore.addStates());
    expect(added).toEqual([500, 500, 500, 500, 500, 100, 0, 0]);
    expect(await expectWholeLog(db.database)).toHaveLength(2_600);
  });
});

describe('An action', () => {
  const action = { type: 'api-key-added', subject: 'key-1', at: 5, content: { scopes: ['ops'] } };
  const note = (personal: string | null) => db.database.transaction((session) => noteAction(session, action, personal));

  it('waits to be sealed like everything else, with a salted hash of its personal data', async () => {
    const salt = await note('["ann"]');
    expect(await note(null)).toBeNull();
    const digest = digestOf(salt ?? '', '["ann"]');
    expect(await expectWholeLog(db.database)).toEqual([
      { kind: 'action', ...action, digest },
      { kind: 'action', ...action, digest: null },
    ]);
  });

  it('is not recorded in a ledger whose log has not begun', async () => {
    await db.reset(1, 'CACHE', 1);
    expect(await note('["ann"]')).toBeNull();
    expect(await waiting()).toBe(0);
  });
});

describe('The reader', () => {
  it('returns personal data from the books', async () => {
    await opener().open([newAccount('world'), newAccount('ada', { name: 'Ada ü' }), newAccount('bob')], 'ann');
    await new FlushStore(db.database).commit(await anyBatch(), 1);
    const entries = await entriesOfLog(db.database);
    const personal = await log.personal(entries);
    const of = (id: string) => personal[entries.findIndex((one) => JSON.stringify(one).includes(`"${id}"`))];
    expect(of('ada')).toEqual({ user: 'ann', name: 'Ada ü' });
    expect(of('t1')).toMatchObject({ reference: 'rent ü', metadata: { invoice: '"7"' }, correlationId: 'c-1' });
    expect(of(CHANGE_ID)).toMatchObject({ user: 'admin', currency: 'EUR' });
    expect(of('h1')).toMatchObject({ ...WHO, reference: 'hold', metadata: null });
    expect(of('g1')).toBeNull();
  });

  it('returns pages that are limited by rows and by bytes, but at least one row', async () => {
    await openIn(db.database, ACCOUNTS);
    const epoch = await modelEpoch(ACCOUNTS);
    for (let n = 1; n <= 4; n++) {
      await epoch.apply(order(`t${n}`, { amount: n }));
      await new FlushStore(db.database).commit(batchOf(await epoch.entries(n - 1), 1, n - 1), 1);
    }
    const positions = async (after: number, rows: number, bytes: number) =>
      (await log.read(after, { rows, bytes })).map(({ position }) => position);
    expect(await positions(0, 3, 1e6)).toEqual([1, 2, 3]);
    expect(await positions(1, 9, 1)).toEqual([2]);
    expect(await positions(1, 9, 300)).toEqual([2, 3]);
    expect(await positions(4, 9, 1e6)).toEqual([]);
  });
});

describe('The verifier', () => {
  async function longLog(): Promise<void> {
    await openIn(db.database, ACCOUNTS);
    const epoch = await modelEpoch(ACCOUNTS);
    for (let n = 1; n <= 5; n++) {
      await epoch.apply(order(`t${n}`, { amount: n }));
      await new FlushStore(db.database).commit(batchOf(await epoch.entries(n - 1), 1, n - 1), 1);
    }
  }
  const verified = () => verifyLog(log, undefined, { rows: 2, bytes: 1e6 });

  it('walks the whole log in pages, and continues where it stopped', async () => {
    await longLog();
    const all = await verified();
    expect(all).toMatchObject({ head: { position: 5 } });
    expect(await verifyLog(log, 'head' in all ? all.head : undefined)).toEqual(all);
  });

  it.each<[string, string, object]>([
    ['a deleted row', 'DELETE FROM sealed WHERE position = 3', { position: 3, problem: 'missing' }],
    ['the deleted end', 'DELETE FROM sealed WHERE position >= 4', { position: 4, problem: 'missing' }],
    ['the end deleted together with the head', 'UPDATE sealed_head SET position = 4', { position: 4, problem: 'head' }],
    [
      'a changed time',
      'UPDATE sealed SET sealed_at = sealed_at + INTERVAL 1 SECOND WHERE position = 2',
      { position: 2, problem: 'hash' },
    ],
    [
      'exchanged contents',
      `UPDATE sealed a JOIN sealed b ON b.position = 5 - a.position SET a.payload = b.payload WHERE a.position = 2`,
      { position: 2, problem: 'hash' },
    ],
    ['a changed hash', "UPDATE sealed SET hash = REPEAT('x', 32) WHERE position = 5", { position: 5, problem: 'hash' }],
  ])('finds %s', async (_, sql, fault) => {
    await longLog();
    await db.database.rows(sql);
    expect(await verified()).toEqual(fault);
  });
});
