import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { summaryOf } from '../../domain/testing/orders.ts';
import { account } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { SilentNetwork } from '../../kernel/testing/silent-network.ts';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { Database, type PoolOptions, type Session } from '../connection/pool.ts';
import { DIRECT_EPOCH, directItem, expectWholeHistory, putAccounts } from '../testing/direct-accounts.ts';
import {
  InterruptedDatabase,
  ledgerRows,
  migratedDatabase,
  poolOptions,
  type TestDatabase,
  waitsForALock,
} from '../testing/test-database.ts';
import { DirectStore } from './direct-store.ts';

let db: TestDatabase;
let interrupted: InterruptedDatabase;
beforeAll(async () => {
  db = await migratedDatabase();
  interrupted = new InterruptedDatabase(poolOptions(db.url));
});
afterAll(async () => {
  await interrupted[Symbol.asyncDispose]();
  await db.drop();
});
beforeEach(async () => {
  interrupted.before = async () => {};
  await db.reset(DIRECT_EPOCH, 'DIRECT');
  await putAccounts(db.database, [account('world'), account('ada'), account('bob')]);
});

const storeOn = (database: Database, clock = systemClock) => new DirectStore({ database, clock });
const ITEMS = [
  directItem('018f0000-0000-7000-8000-000000000001'),
  directItem('t2', { source: 'ada', destination: 'bob', amount: 30 }),
];
const CHANGE = { changeId: 'c1', accountId: 'ada', user: 'u', correlationId: 'c', takenAt: 1, overdraftLimit: 5 };
/** Both kinds of call, each with the number of its statements before the COMMIT. The same faults apply to both. */
const CALLS = [
  ['apply', 5, (store: DirectStore) => store.apply(DIRECT_EPOCH, ITEMS)],
  ['change', 4, (store: DirectStore) => store.change(DIRECT_EPOCH, CHANGE)],
] as const;

/** The cursor is omitted, because a call without any other effect may raise the largest id time. */
async function written() {
  const { cursor: _, ...rest } = await ledgerRows(db.database);
  return rest;
}
async function kill(connectionId: number): Promise<void> {
  const killer = await createConnection(db.url);
  await killer.query(`KILL CONNECTION ${connectionId}`);
  await killer.end();
}
const fault = (code: string) => Object.assign(new Error(code), { code, errno: 1 });

describe.each(CALLS)('%s', (_name, statements, call) => {
  it('fails with `unable`, and writes nothing, if MySQL disappears before the commit is sent; once MySQL is back, the call succeeds once', async () => {
    const before = await written();
    let seen = 0;
    for (let failing = 0; failing < statements; failing++) {
      interrupted.before = async (statement, connectionId) => {
        seen = Math.max(seen, statement + 1);
        if (statement === failing) await kill(connectionId);
      };
      await expect(call(storeOn(interrupted))).rejects.toMatchObject({ name: 'DirectError', kind: 'unable' });
      expect(await written()).toEqual(before);
    }
    expect(seen).toBe(statements);
    interrupted.before = async () => {};
    await call(storeOn(interrupted));
    const after = await written();
    await call(storeOn(db.database));
    expect(await written()).toEqual(after);
    expect(after).not.toEqual(before);
  });

  it.each(['before it arrives', 'after it was done'])(
    'is in doubt if the commit is lost %s, and takes effect once when it is repeated',
    async (when) => {
      const database = new UnheardCommit(poolOptions(db.url), when === 'before it arrives');
      await expect(call(storeOn(database))).rejects.toMatchObject({ name: 'DirectError', kind: 'in_doubt' });
      await call(storeOn(db.database));
      const { transfers, changes } = await written();
      expect(transfers.length + changes.length).toBe(call === CALLS[0][2] ? 2 : 1);
      await expectWholeHistory(db.database);
      await database[Symbol.asyncDispose]();
    },
  );

  it('is refused with `moved`, and writes nothing, in any other mode or epoch', async () => {
    for (const [mode, epoch] of [
      ['DIRECT', DIRECT_EPOCH + 1],
      ['DIRECT', DIRECT_EPOCH - 1],
      ['REBUILDING', DIRECT_EPOCH],
      ['CLOSING', DIRECT_EPOCH],
      ['CACHE', DIRECT_EPOCH],
    ] as const) {
      await db.database.rows('UPDATE authority SET mode = ?, epoch = ?', [mode, epoch]);
      const before = await written();
      await expect(call(storeOn(db.database))).rejects.toMatchObject({ name: 'DirectError', kind: 'moved' });
      expect(await written()).toEqual(before);
    }
  });

  it('delays a move of the authority until the call has ended, and is refused after the move', async () => {
    let moved = false;
    let move: Promise<unknown> = Promise.resolve();
    interrupted.before = async (statement) => {
      if (statement === 1) {
        move = db.database.rows("UPDATE authority SET epoch = epoch + 1, mode = 'REBUILDING'").then(() => {
          moved = true;
        });
      }
      expect(moved).toBe(false);
    };
    await call(storeOn(interrupted));
    await move;
    await expect(call(storeOn(db.database))).rejects.toMatchObject({ kind: 'moved' });
  });

  it.each(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_DUP_ENTRY'])(
    'retries after %s, at most three times',
    async (code) => {
      const clock = new TestClock();
      clock.jitter = 0.25;
      let failures = 0;
      interrupted.before = async (statement) => {
        if (statement === 1 && failures < 3) {
          failures += 1;
          throw fault(code);
        }
      };
      await call(storeOn(interrupted, clock));
      expect(clock.slept).toEqual([7.5, 15, 30]);
      let attempts = 0;
      interrupted.before = async (statement) => {
        if (statement !== 1) return;
        attempts += 1;
        throw fault(code);
      };
      await expect(call(storeOn(interrupted, clock))).rejects.toMatchObject({ kind: 'unable' });
      expect(attempts).toBe(4);
    },
  );

  it('does not retry permanent errors', async () => {
    let attempts = 0;
    interrupted.before = async () => {
      attempts += 1;
      throw fault('ER_DATA_TOO_LONG');
    };
    await expect(call(storeOn(interrupted))).rejects.toMatchObject({ kind: 'unable' });
    expect(attempts).toBe(1);
  });
});

/** The reply to each COMMIT is lost, or the connection is cut before it. */
class UnheardCommit extends Database {
  readonly #cut: boolean;
  constructor(options: PoolOptions, cut: boolean) {
    super(options);
    this.#cut = cut;
  }
  override async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    await super.transaction(async (session) => {
      const done = await work(session);
      const [row] = await session.rows<{ id: number }>('SELECT CONNECTION_ID() AS id');
      if (this.#cut) await kill(row?.id ?? 0);
      return done;
    });
    throw fault('PROTOCOL_CONNECTION_LOST');
  }
}

describe('A commit in flight', () => {
  let network: SilentNetwork;
  let far: Database;
  beforeEach(async () => {
    network = await SilentNetwork.before(db.url, 'COMMIT');
  });
  /** After this time the server rolls the transaction back. */
  async function send(waitTimeoutS: number): Promise<void> {
    far = new Database({ ...poolOptions(network.url), queryTimeoutMs: 250, connectionsMax: 1, waitTimeoutS });
    // On a busy machine, a statement before the COMMIT may also take too long.
    await until('the commit is under way', () =>
      storeOn(far)
        .apply(DIRECT_EPOCH, ITEMS)
        .catch((error: { kind?: string }) => error.kind === 'in_doubt'),
    );
  }
  const close = async () => {
    network.close();
    await far[Symbol.asyncDispose]();
  };
  const waits = (statement: string) => () => waitsForALock(db.database, statement);

  it('delays a repeated request, which then returns the outcome of the first one', async () => {
    await send(3600);
    const again = storeOn(db.database).apply(DIRECT_EPOCH, ITEMS);
    await until('the repetition waits for the accounts', waits('%FOR UPDATE'));
    network.deliver();
    expect((await again).map(summaryOf)).toEqual(['again POSTED', 'again POSTED']);
    await expectWholeHistory(db.database);
    await close();
  });

  it('is found by a request that uses the same id for other accounts', async () => {
    await send(3600);
    await putAccounts(db.database, [account('world-2', { external: true }), account('cy')]);
    const other = directItem(ITEMS[0]?.order.transactionId ?? '', { source: 'world-2', destination: 'cy' });
    const again = storeOn(db.database).apply(DIRECT_EPOCH, [other]);
    await until('it waits for the id', waits('INSERT INTO transfers%'));
    network.deliver();
    expect(await again).toMatchObject([{ replayed: true, order: { source: 'world', destination: 'ada' } }]);
    await expectWholeHistory(db.database);
    await close();
  });

  it('is rolled back by the server if it never arrives, and the repetition takes effect', async () => {
    await send(2);
    const again = await storeOn(db.database).apply(DIRECT_EPOCH, ITEMS);
    expect(again.map(summaryOf)).toEqual(['POSTED', 'POSTED']);
    await expectWholeHistory(db.database);
    network.deliver();
    expect((await written()).transfers).toHaveLength(2);
    await close();
  });
});
