import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import { summaryOf } from '../../domain/testing/orders.ts';
import type { AccountStatus } from '../../domain/types.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import { account, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { DIRECT_EPOCH, directItem, putAccounts } from '../testing/direct-accounts.ts';
import { ledgerRows, migratedDatabase, openIn, type TestDatabase } from '../testing/test-database.ts';
import { DirectStore } from './direct-store.ts';
import { FlushStore } from './flush-store.ts';
import { LedgerReader } from './ledger-reader.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const ACCOUNTS = [
  account('world'),
  account('ada', { balance: 500, version: 2, settingsVersion: 3 }),
  account('bob', { overdraftLimit: 50 }),
  account('yen', { currency: 'JPY' }),
];

let db: TestDatabase;
let store: DirectStore;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.reset(DIRECT_EPOCH, 'DIRECT');
  await putAccounts(db.database, ACCOUNTS);
  store = new DirectStore({ database: db.database, clock: systemClock });
});

const apply = (...items: ReturnType<typeof directItem>[]) => store.apply(DIRECT_EPOCH, items);
const settings = (accountId: string, status: AccountStatus) =>
  db.database.rows('UPDATE accounts SET status = ? WHERE account_id = ?', [status, accountId]);

describe('DirectStore.apply', () => {
  it('posts transfers in order, and writes outcomes and accounts', async () => {
    const answers = await apply(
      directItem('t2', { source: 'ada', destination: 'bob', amount: 120 }),
      directItem('t1', { source: 'bob', destination: 'ada', amount: 170, metadata: { note: "O'Neil" }, timestamp: 1 }),
    );
    expect(answers).toMatchObject([
      {
        status: 'POSTED',
        source: { balance: 380, version: 3, settingsVersion: 3 },
        destination: { balance: 120, version: 1, settingsVersion: 1 },
      },
      { status: 'POSTED', source: { balance: -50, version: 2 }, destination: { balance: 550, version: 4 } },
    ]);
    const { outcomes } = await new LedgerReader(db.database).findOutcomes(['t1', 't2']);
    expect(['t2', 't1'].map((id) => outcomes.get(id))).toEqual(
      answers.map((answer) => ({ ...answer, replayed: true })),
    );
    expect(outcomes.get('t1')).toMatchObject({ epoch: DIRECT_EPOCH, seq: 0, persisted: true });
    expect((await ledgerRows(db.database)).accounts).toMatchObject([
      { account_id: 'ada', balance: 550, version: 4, previous_version: 2, previous_balance: 500 },
      { account_id: 'bob', balance: -50, version: 2 },
      { account_id: 'world', version: 0 },
      { account_id: 'yen', version: 0 },
    ]);
  });

  it.each([
    ['currency_mismatch', async () => {}, { destination: 'yen' }],
    ['insufficient_funds', async () => {}, { source: 'ada', destination: 'bob', amount: 501 }],
    ['account_suspended', () => settings('ada', 'SUSPENDED'), { source: 'ada', destination: 'bob' }],
    ['account_frozen', () => settings('ada', 'FROZEN'), { destination: 'ada' }],
    ['account_closed', () => settings('bob', 'CLOSED'), { source: 'ada', destination: 'bob' }],
    ['balance_out_of_range', async () => {}, { destination: 'ada', amount: MAX }],
  ] as const)('stores %s as the outcome of the id, and changes nothing else', async (refusal, prepare, fields) => {
    await prepare();
    const before = await ledgerRows(db.database);
    expect((await apply(directItem('t1', fields))).map(summaryOf)).toEqual([refusal]);
    const { accounts, transfers } = await ledgerRows(db.database);
    expect(accounts).toEqual(before.accounts);
    expect(transfers).toMatchObject([{ transaction_id: 't1', status: 'REJECTED', refusal, source_version: null }]);
    await db.database.rows("UPDATE accounts SET status = 'ACTIVE', balance = 1000");
    expect((await apply(directItem('t1', fields))).map(summaryOf)).toEqual([`again ${refusal}`]);
  });

  it('enforces the exact range at both ends', async () => {
    await putAccounts(db.database, [
      account('world-2', { external: true, balance: 1 - MAX }),
      account('rich', { balance: MAX - 1 }),
    ]);
    const out = { source: 'world-2', destination: 'rich', amount: 1 };
    const answers = await apply(
      directItem('t1', { ...out, amount: 2 }),
      directItem('t2', out),
      directItem('t3', out),
      directItem('t4', { source: 'rich', destination: 'world-2', amount: MAX }),
    );
    expect(answers.map(summaryOf)).toEqual(['balance_out_of_range', 'POSTED', 'balance_out_of_range', 'POSTED']);
    expect((await ledgerRows(db.database)).accounts).toMatchObject([{}, {}, { balance: 0 }, {}, { balance: 0 }, {}]);
  });

  it('reports which account is missing, and leaves nothing behind under the id of the transfer', async () => {
    const before = await ledgerRows(db.database);
    const answers = await apply(directItem('t1', { destination: 'nobody' }), directItem('t2', { source: 'no-one' }));
    expect(answers).toEqual([
      new Problem('account_not_found', 'account nobody does not exist'),
      new Problem('account_not_found', 'account no-one does not exist'),
    ]);
    expect(await ledgerRows(db.database)).toEqual(before);
    await putAccounts(db.database, [account('nobody')]);
    expect((await apply(directItem('t1', { destination: 'nobody' }))).map(summaryOf)).toEqual(['POSTED']);
  });

  it('also reports a missing account for a current UUIDv7 if neither account exists', async () => {
    const item = directItem(newUuidV7(Date.now()), { source: 'no-one', destination: 'nobody' });
    expect(await apply(item)).toEqual([new Problem('account_not_found', 'account no-one does not exist')]);
  });

  it('gives one id one outcome, whether it is repeated in the same call, in the next one or by another store, whatever its content', async () => {
    const first = await apply(directItem('t1'), directItem('t1', { amount: 7 }));
    expect(first.map(summaryOf)).toEqual(['POSTED', 'again POSTED']);
    const other = new DirectStore({ database: db.database, clock: systemClock });
    const again = await other.apply(DIRECT_EPOCH, [
      { ...directItem('t1', { source: 'bob', destination: 'nobody', amount: 3 }), takenAt: 1 },
    ]);
    expect(again).toEqual([first[1]]);
    expect((await ledgerRows(db.database)).transfers).toHaveLength(1);
  });

  it('distinguishes ids that differ only in case', async () => {
    expect((await apply(directItem('abc'), directItem('ABC'))).map(summaryOf)).toEqual(['POSTED', 'POSTED']);
    expect((await apply(directItem('Abc'))).map(summaryOf)).toEqual(['POSTED']);
  });

  it('returns nothing for an empty call, and accepts calls with more ids than one IN list', async () => {
    expect(await apply()).toEqual([]);
    const many = Array.from({ length: 1300 }, (_, n) => n);
    await openIn(
      db.database,
      many.map((n) => account(`many-${n}`)),
    );
    const items = many.map((n) => directItem(`t-${n}`, { destination: `many-${n}` }));
    expect(new Set((await apply(...items)).map(summaryOf))).toEqual(new Set(['POSTED']));
    expect(new Set((await apply(...items)).map(summaryOf))).toEqual(new Set(['again POSTED']));
  });
});

describe('DirectStore.change', () => {
  const change = (changeId: string, fields: Partial<Parameters<DirectStore['change']>[1]> = {}) =>
    store.change(DIRECT_EPOCH, {
      changeId,
      accountId: 'ada',
      user: 'admin',
      correlationId: 'c-2',
      takenAt: 5,
      ...fields,
    });

  it('changes settings, and writes the change', async () => {
    const changed = await change('c1', { overdraftLimit: 9, status: 'SUSPENDED', expectedSettingsVersion: 3 });
    expect(changed).toEqual(
      account('ada', { balance: 500, version: 2, overdraftLimit: 9, status: 'SUSPENDED', settingsVersion: 4 }),
    );
    const { accounts, changes } = await ledgerRows(db.database);
    expect(accounts[0]).toMatchObject({ status: 'SUSPENDED', overdraft_limit: 9, settings_version: 4, version: 2 });
    const written = { change_id: 'c1', account_id: 'ada', settings_version: 4, user: 'admin', epoch: DIRECT_EPOCH };
    expect(changes).toMatchObject([{ ...written, overdraft_limit: 9, seq: 0 }]);
  });

  it('returns the current account if the same change is repeated', async () => {
    await change('c1', { overdraftLimit: 9, expectedSettingsVersion: 3 });
    await change('c2', { overdraftLimit: 8 });
    const again = await change('c1', { overdraftLimit: 9, expectedSettingsVersion: 3 });
    expect(again).toMatchObject({ overdraftLimit: 8, settingsVersion: 5 });
    expect((await ledgerRows(db.database)).changes).toHaveLength(2);
  });

  it('makes a change once, no matter how many requests for it arrive at the same time', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => change('c1', { overdraftLimit: 9 })));
    expect(new Set(all.map(({ settingsVersion }) => settingsVersion))).toEqual(new Set([4]));
    expect((await ledgerRows(db.database)).changes).toHaveLength(1);
  });

  it.each([
    ['account_not_found', { accountId: 'nobody' }],
    ['settings_version_mismatch', { expectedSettingsVersion: 2 }],
    ['account_not_empty', { status: 'CLOSED' }],
    ['account_closed', { accountId: 'yen', status: 'ACTIVE' }],
  ] as const)('refuses with %s, and writes nothing', async (code, fields) => {
    await settings('yen', 'CLOSED');
    const before = await ledgerRows(db.database);
    await expect(change('c1', fields)).rejects.toMatchObject({ name: 'Problem', code });
    const { cursor: _, ...after } = await ledgerRows(db.database);
    expect(before).toMatchObject(after);
  });
});

describe('Accounts and ids that wait for a journal', () => {
  const CACHE_EPOCH = 2;
  beforeEach(async () => {
    await db.database.rows('UPDATE authority SET cache_epoch = ?', [CACHE_EPOCH]);
    await db.database.rows("INSERT INTO frozen_accounts (account_id, epoch, reason) VALUES ('ada', ?, 'held')", [
      CACHE_EPOCH,
    ]);
    await db.database.rows('INSERT INTO unsettled_ids (kind, id, epoch, account_id) VALUES ?', [
      [
        ['transfers', 't-held', CACHE_EPOCH, 'ada'],
        ['account-change', 'c-held', CACHE_EPOCH, 'ada'],
      ],
    ]);
  });
  const change = (changeId: string, accountId: string) =>
    store.change(DIRECT_EPOCH, {
      changeId,
      accountId,
      user: 'u',
      correlationId: 'c',
      takenAt: 1,
      overdraftLimit: 1,
    });
  const unsettled = { code: 'account_unsettled' };

  it('are left unchanged, and all others remain usable', async () => {
    const answers = await apply(
      directItem('t1', { destination: 'ada' }),
      directItem('t2', { destination: 'bob' }),
      directItem('t-held', { destination: 'bob' }),
      directItem('c-held', { destination: 'bob' }),
    );
    expect(answers.map(summaryOf)).toEqual(['account_unsettled', 'POSTED', 'account_unsettled', 'POSTED']);
    await expect(change('c1', 'ada')).rejects.toMatchObject(unsettled);
    await expect(change('c-held', 'bob')).rejects.toMatchObject(unsettled);
    expect(await change('t-held', 'bob')).toMatchObject({ settingsVersion: 2 });
    const { transfers, changes } = await ledgerRows(db.database);
    expect(transfers).toHaveLength(2);
    expect(changes).toHaveLength(1);
  });

  it('return what is already committed', async () => {
    await db.database.rows('UPDATE authority SET cache_epoch = NULL');
    await apply(directItem('t1', { destination: 'ada' }));
    await db.database.rows('UPDATE authority SET cache_epoch = ?', [CACHE_EPOCH]);
    expect((await apply(directItem('t1', { destination: 'ada' }))).map(summaryOf)).toEqual(['again POSTED']);
  });
});

describe('Between the modes', () => {
  it('an id keeps its outcome, and versions continue', async () => {
    await db.reset(1, 'CACHE');
    const accounts = [account('world'), account('ada')];
    await openIn(db.database, accounts);
    const cache = await modelEpoch(accounts);
    await cache.apply(order('t1'), order('t2', { source: 'ada', destination: 'world', amount: 101 }));
    await cache.change('01890000-0000-7000-8000-000000000001', 'ada', { overdraftLimit: 1 });
    await new FlushStore(db.database).commit(batchOf(await cache.entries(), 1, 0), 1);
    await db.database.rows("UPDATE authority SET epoch = ?, mode = 'DIRECT', cache_epoch = NULL", [DIRECT_EPOCH]);
    const answers = await apply(
      directItem('t1'),
      directItem('t2', { source: 'ada', destination: 'world', amount: 101 }),
      directItem('t3', { source: 'ada', destination: 'world', amount: 101 }),
    );
    expect(answers.map(summaryOf)).toEqual(['again POSTED', 'again insufficient_funds', 'POSTED']);
    expect(answers).toMatchObject([
      { epoch: 1, seq: 1 },
      { epoch: 1, seq: 2 },
      { epoch: DIRECT_EPOCH, seq: 0 },
    ]);
    expect(answers[2]).toMatchObject({ source: { version: 2, balance: -1, settingsVersion: 2 } });
  });
});
