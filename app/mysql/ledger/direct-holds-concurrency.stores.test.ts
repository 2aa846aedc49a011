import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { account } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { Database } from '../connection/pool.ts';
import { DIRECT_EPOCH } from '../testing/direct-accounts.ts';
import { capturing, expectWholeHolds, holdSummary, placing, updating } from '../testing/direct-holds.ts';
import { migratedDatabase, openIn, poolOptions, type TestDatabase } from '../testing/test-database.ts';
import { DirectStore } from './direct-store.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const ROUNDS = 20;
let db: TestDatabase;
/** Two pods, each with its own connections. */
let databases: Database[];

beforeAll(async () => {
  db = await migratedDatabase();
  databases = [0, 1].map(() => new Database({ ...poolOptions(db.url), connectionsMax: 8, lockWaitTimeoutS: 20 }));
});
afterAll(async () => {
  for (const database of databases) await database[Symbol.asyncDispose]();
  await db.drop();
});
beforeEach(async () => {
  await db.reset(DIRECT_EPOCH, 'DIRECT');
  await openIn(
    db.database,
    NAMES.map((name) => account(name, { overdraftLimit: 1_000_000 })),
  );
});

const stores = (clock = systemClock) => databases.map((database) => new DirectStore({ database, clock }));
const of = (holdId: string, destination = 'b') => ({ holdId, source: 'a', destination });
/** Sends each item through a pod of its own, all at the same time. */
async function together(...items: ReturnType<typeof placing>[]): Promise<string[]> {
  const pods = stores();
  const answers = await Promise.all(items.map((item, n) => pods[n % 2]?.applyHolds(DIRECT_EPOCH, [item])));
  return answers.flat().flatMap((answer) => (answer ? [holdSummary(answer)] : []));
}
const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;

describe('Two pods at the same time', () => {
  it('place a hold once under one id, and both receive it', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const placings = [placing(`h-${round}`, 'a', 5), placing(`h-${round}`, 'a', 5)];
      expect((await together(...placings)).sort()).toEqual(['PLACED', 'again PLACED']);
    }
    await expectWholeHolds(db.database);
  });

  it('place one hold under one id for different accounts, and both receive the same one', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await together(placing(`h-${round}`, 'a', 5), placing(`h-${round}`, 'b', 5));
      expect(answers.sort()).toEqual(['PLACED', 'again PLACED']);
    }
    await expectWholeHolds(db.database);
  });

  it('capture a hold once under one id', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await together(placing(`h-${round}`, 'a', 5));
      const captures = [capturing(`t-${round}`, of(`h-${round}`)), capturing(`t-${round}`, of(`h-${round}`))];
      expect((await together(...captures)).sort()).toEqual(['again captured', 'captured']);
    }
    await expectWholeHolds(db.database);
  });

  it('never capture more in total than was left', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const holdId = `h-${round}`;
      await together(placing(holdId, 'a', 5));
      const captures = ['x', 'y'].map((id) => capturing(`${id}-${round}`, of(holdId), 3, false));
      expect((await together(...captures)).sort()).toEqual(['captured', 'hold_exceeded']);
    }
    await expectWholeHolds(db.database);
  });

  it('bring a hold to a single final state if they capture, void and expire it', async () => {
    const won = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const holdId = `h-${round}`;
      await together(placing(holdId, 'a', 5));
      // Which request can win depends on when the hold expires: long ago, about now, or much later.
      const expiresInMs = [-60_000, 5, 60_000][round % 3] ?? 0;
      await db.database.rows('UPDATE holds SET expires_at_ms = ? WHERE hold_id = ?', [
        Date.now() + expiresInMs,
        holdId,
      ]);
      const items = [
        capturing(`t-${round}`, of(holdId)),
        updating('expire', holdId, 'a'),
        updating('void', holdId, 'a'),
      ];
      const answers = await together(...items.sort(() => Math.random() - 0.5));
      const ended = answers.filter((answer) => ['captured', 'EXPIRED', 'VOIDED'].includes(answer));
      expect(ended, answers.join()).toHaveLength(1);
      won.add(ended.join());
    }
    expect(won.size).toBeGreaterThan(1);
    await expectWholeHolds(db.database);
  });
});

describe('Many calls about holds', () => {
  it('succeed without deadlocks, even if they share accounts and holds in any order', async () => {
    const clock = new TestClock();
    const pods = stores(clock);
    const holdOf = (n: number) => ({
      holdId: `h-${n}`,
      source: NAMES[n % NAMES.length] ?? 'a',
      destination: pick(NAMES),
    });
    await Promise.all(
      Array.from({ length: 8 }, async (_, group) => {
        for (let round = 0; round < 6; round++) {
          const items = Array.from({ length: 10 }, () => {
            const hold = holdOf(Math.floor(Math.random() * 40));
            const kind = pick(['place', 'place', 'capture', 'void'] as const);
            if (kind === 'place') return placing(hold.holdId, hold.source, 3);
            if (kind === 'void') return updating('void', hold.holdId, hold.source);
            const destination = NAMES.find((name) => name !== hold.source) ?? 'b';
            return capturing(`t-${group}-${round}-${Math.random()}`, { ...hold, destination }, 1, false);
          });
          await pods[group % 2]?.applyHolds(DIRECT_EPOCH, [...items, placing(`hot-${group}-${round}`, 'a', 1)]);
        }
      }),
    );
    expect(clock.slept).toEqual([]);
    await expectWholeHolds(db.database);
  });

  it('retry after a deadlock with another transaction', async () => {
    const clock = new TestClock();
    const holder = await createConnection(db.url);
    await holder.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    await holder.query('START TRANSACTION');
    // This transaction does a lot of work, because when two transactions deadlock, the one that has done less is rolled back.
    await holder.query("UPDATE accounts SET name = 'busy' WHERE account_id NOT IN ('a', 'b')");
    await holder.query("SELECT 1 FROM accounts WHERE account_id = 'b' FOR UPDATE");
    const applied = stores(clock)[0]?.applyHolds(DIRECT_EPOCH, [placing('h1', 'b', 1), placing('h2', 'a', 1)]);
    const probe = await createConnection(db.url);
    await until('it holds a', async () =>
      probe.query("SELECT 1 FROM accounts WHERE account_id = 'a' FOR UPDATE NOWAIT").then(
        () => false,
        () => true,
      ),
    );
    await holder.query("SELECT 1 FROM accounts WHERE account_id = 'a' FOR UPDATE");
    await holder.query('COMMIT');
    expect((await applied)?.map(holdSummary)).toEqual(['PLACED', 'PLACED']);
    expect(clock.slept.length).toBeGreaterThan(0);
    await holder.end();
    await probe.end();
    await expectWholeHolds(db.database);
  });
});
