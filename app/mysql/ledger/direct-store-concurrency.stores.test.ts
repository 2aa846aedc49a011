import { type Connection, createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { summaryOf } from '../../domain/testing/orders.ts';
import type { TransferOrder } from '../../domain/types.ts';
import { account } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { Database } from '../connection/pool.ts';
import { DIRECT_EPOCH, directItem, expectWholeHistory } from '../testing/direct-accounts.ts';
import {
  ledgerRows,
  migratedDatabase,
  openIn,
  poolOptions,
  type TestDatabase,
  waitsForALock,
} from '../testing/test-database.ts';
import { DirectStore } from './direct-store.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
let db: TestDatabase;
/** Two pods, each with its own connections. */
let databases: Database[];
let holder: Connection;

beforeAll(async () => {
  db = await migratedDatabase();
  databases = [0, 1].map(() => new Database({ ...poolOptions(db.url), connectionsMax: 8, lockWaitTimeoutS: 20 }));
  holder = await createConnection(db.url);
  await holder.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
});
afterAll(async () => {
  await holder.end();
  for (const database of databases) await database[Symbol.asyncDispose]();
  await db.drop();
});
beforeEach(async () => {
  await db.reset(DIRECT_EPOCH, 'DIRECT');
  const limits = { overdraftLimit: 1_000_000 };
  await openIn(db.database, [account('world'), ...NAMES.map((name) => account(name, limits))]);
});
afterEach(() => holder.query('ROLLBACK'));

const stores = (clock = systemClock) => databases.map((database) => new DirectStore({ database, clock }));
const between = (source: string, destination: string, fields: Partial<TransferOrder> = {}) => ({
  source,
  destination,
  amount: 1,
  ...fields,
});
const countOf = async (table: string) =>
  (await db.database.rows<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`))[0]?.n;

describe('The same id, sent by two pods at the same time,', () => {
  it.each([
    ['the same accounts', () => between('a', 'b')],
    ['different accounts', (pod: number) => (pod === 0 ? between('a', 'b') : between('c', 'd'))],
    ['an account in common', (pod: number) => (pod === 0 ? between('a', 'b') : between('b', 'c'))],
  ])('with %s has one outcome, and both receive it', async (_what, accountsOf) => {
    const pods = stores();
    for (let round = 0; round < 25; round++) {
      const id = `t-${round}`;
      const answers = await Promise.all(
        pods.map((pod, index) => pod.apply(DIRECT_EPOCH, [directItem(id, accountsOf(index))])),
      );
      expect(answers.flat().map(summaryOf).sort()).toEqual(['POSTED', 'again POSTED']);
      const orders = answers.flat().map((answer) => (answer as { order: TransferOrder }).order);
      expect(orders[0]).toEqual(orders[1]);
    }
    expect(await countOf('transfers')).toBe(25);
    await expectWholeHistory(db.database);
  });
});

describe('Many calls at the same time', () => {
  it('lose nothing on a hot account', async () => {
    const GROUPS = 8;
    const ROUNDS = 6;
    const SIZE = 25;
    await Promise.all(
      Array.from({ length: GROUPS }, async (_, group) => {
        for (let round = 0; round < ROUNDS; round++) {
          const items = Array.from({ length: SIZE }, (_item, n) => {
            const sides = n % 2 === 0 ? ['world', 'a'] : ['a', NAMES[1 + ((group + n) % 5)] ?? 'b'];
            return directItem(`t-${group}-${round}-${n}`, { ...between(sides[0] ?? '', sides[1] ?? ''), amount: 2 });
          });
          const store = stores()[group % 2];
          const answers = await store?.apply(DIRECT_EPOCH, items);
          expect(new Set(answers?.map(summaryOf))).toEqual(new Set(['POSTED']));
        }
      }),
    );
    expect(await countOf('transfers')).toBe(GROUPS * ROUNDS * SIZE);
    const hot = (await ledgerRows(db.database)).accounts[0];
    const credits = GROUPS * ROUNDS * Math.ceil(SIZE / 2);
    const debits = GROUPS * ROUNDS * Math.floor(SIZE / 2);
    expect(hot).toMatchObject({ account_id: 'a', version: credits + debits, balance: 2 * (credits - debits) });
    await expectWholeHistory(db.database);
  });

  it('succeed without deadlocks, even if they share accounts and ids in any order', async () => {
    const clock = new TestClock();
    const pods = stores(clock);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;
    await Promise.all(
      Array.from({ length: 12 }, async (_, group) => {
        for (let round = 0; round < 8; round++) {
          const items = Array.from({ length: 12 }, () => {
            const source = pick(NAMES);
            const destination = pick(NAMES.filter((name) => name !== source));
            // Most calls contain every account, so that a conflict is never detected first at the
            // primary key of the ids.
            return directItem(`t-${pick([...Array(200).keys()])}`, between(source, destination));
          });
          await pods[group % 2]?.apply(DIRECT_EPOCH, [
            ...items,
            directItem(`hot-${group}-${round}`, between('a', 'b')),
          ]);
        }
      }),
    );
    expect(clock.slept).toEqual([]);
    await expectWholeHistory(db.database);
  });
});

describe('Locks', () => {
  const free = async (accountId: string) =>
    holder.query('SELECT 1 FROM accounts WHERE account_id = ? FOR UPDATE NOWAIT', [accountId]).then(
      () => true,
      () => false,
    );

  it('are taken in order of account ids, whatever the order of the transfers', async () => {
    const blocker = await createConnection(db.url);
    await blocker.query('START TRANSACTION');
    await blocker.query("SELECT 1 FROM accounts WHERE account_id = 'c' FOR UPDATE");
    const items = [
      directItem('t1', between('f', 'e')),
      directItem('t2', between('d', 'c')),
      directItem('t3', between('b', 'a')),
    ];
    const applied = stores()[0]?.apply(DIRECT_EPOCH, items);
    await until('a and b are locked', async () => !(await free('a')) && !(await free('b')));
    await holder.query('START TRANSACTION');
    for (const beyond of ['d', 'e', 'f']) expect(await free(beyond)).toBe(true);
    await holder.query('ROLLBACK');
    await blocker.query('ROLLBACK');
    expect((await applied)?.map(summaryOf)).toEqual(['POSTED', 'POSTED', 'POSTED']);
    await blocker.end();
  });

  it('of unrelated accounts do not delay a call, even if it requests nearly all accounts', async () => {
    await holder.query('START TRANSACTION');
    expect(await free('d')).toBe(true);
    const items = [
      directItem('t1', between('a', 'c')),
      directItem('t2', between('e', 'nobody')),
      directItem('t3', between('b', 'f')),
      directItem('t4', { destination: 'a' }),
    ];
    const answers = await stores()[0]?.apply(DIRECT_EPOCH, items);
    expect(answers?.map(summaryOf)).toEqual(['POSTED', 'account_not_found', 'POSTED', 'POSTED']);
  });

  it('in a cycle with another transaction lead to a retry, not to an error', async () => {
    const clock = new TestClock();
    await holder.query('START TRANSACTION');
    // This transaction does a lot of work, because the transaction that has done less is rolled
    // back when two of them deadlock.
    await holder.query("UPDATE accounts SET name = 'busy' WHERE account_id NOT IN ('a', 'b')");
    await holder.query("SELECT 1 FROM accounts WHERE account_id = 'b' FOR UPDATE");
    const applied = stores(clock)[0]?.apply(DIRECT_EPOCH, [directItem('t1', between('a', 'b'))]);
    const probe = await createConnection(db.url);
    await until('it holds a', async () =>
      probe.query("SELECT 1 FROM accounts WHERE account_id = 'a' FOR UPDATE NOWAIT").then(
        () => false,
        () => true,
      ),
    );
    await holder.query("SELECT 1 FROM accounts WHERE account_id = 'a' FOR UPDATE");
    await holder.query('COMMIT');
    expect((await applied)?.map(summaryOf)).toEqual(['POSTED']);
    expect(clock.slept.length).toBeGreaterThan(0);
    await probe.end();
  });

  it('make the call fail with `unable` if they are held for too long, and nothing is written', async () => {
    const patient = new Database({ ...poolOptions(db.url), lockWaitTimeoutS: 1 });
    await holder.query('START TRANSACTION');
    expect(await free('a')).toBe(true);
    const store = new DirectStore({ database: patient, clock: new TestClock() });
    const applied = store.apply(DIRECT_EPOCH, [directItem('t1', between('a', 'b'))]);
    await expect(applied).rejects.toMatchObject({
      kind: 'unable',
      message: expect.stringContaining('ER_LOCK_WAIT_TIMEOUT'),
    });
    expect(await countOf('transfers')).toBe(0);
    await patient[Symbol.asyncDispose]();
  });
});

it('a call fails with `unable`, a temporary error, if another transaction always stores its id first', async () => {
  const clock = new TestClock();
  const other = stores()[1];
  const storeIt = async () => {
    await holder.query('START TRANSACTION');
    await holder.query(
      `INSERT INTO transfers (transaction_id, kind, status, refusal, source_account, destination_account, amount, currency,
         accepted_at, \`user\`, correlation_id, epoch, seq)
       VALUES ('t1', 'TRANSFER', 'REJECTED', 'insufficient_funds', 'c', 'd', 1, 'EUR', NOW(3), 'u', 'c', 4, 0)`,
    );
  };
  /** The other transaction commits only once the store, which has not found the id, waits for the lock on it. */
  const commitIt = async () => {
    await until('it waits for the id', () => waitsForALock(db.database, 'INSERT INTO transfers%'));
    await holder.query('COMMIT');
  };
  clock.onSleep = async () => {
    await holder.query("DELETE FROM transfers WHERE transaction_id = 't1'");
    await storeIt();
    void commitIt();
  };
  await storeIt();
  void commitIt();
  const applied = stores(clock)[0]?.apply(DIRECT_EPOCH, [directItem('t1', between('a', 'b'))]);
  await expect(applied).rejects.toMatchObject({ kind: 'unable', message: expect.stringContaining("PRIMARY'") });
  expect(clock.slept).toHaveLength(3);
  expect((await other?.apply(DIRECT_EPOCH, [directItem('t1', between('a', 'b'))]))?.map(summaryOf)).toEqual([
    'again insufficient_funds',
  ]);
});
