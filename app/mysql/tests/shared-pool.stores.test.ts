import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { ConnectionPool, databaseOf } from '../connection/connection-pool.ts';
import { Database } from '../connection/pool.ts';
import { PoolShare } from '../connection/pool-share.ts';
import { emptyDatabase, poolOptions } from '../testing/test-database.ts';

type Empty = Awaited<ReturnType<typeof emptyDatabase>>;

let empties: Empty[];
let pool: ConnectionPool;
let databases: Database[];
beforeAll(async () => {
  empties = await Promise.all([emptyDatabase(), emptyDatabase(), emptyDatabase()]);
});
afterAll(() => Promise.all(empties.map((empty) => empty.drop())));
afterEach(() => pool[Symbol.asyncDispose]());

/** Opens the databases on one pool; each of them may use half of the connections. */
async function share(connectionsMax: number, queryTimeoutMs = 60_000): Promise<void> {
  pool = new ConnectionPool({ ...poolOptions(empties[0]?.url ?? ''), connectionsMax, queryTimeoutMs });
  databases = empties.map(
    ({ url }) =>
      new Database({
        pool,
        database: databaseOf(url),
        share: new PoolShare(Math.ceil(connectionsMax / 2), 100),
        watch: { succeeded: () => {}, failed: () => {} },
      }),
  );
  for (const [index, database] of databases.entries()) {
    await database.rows('CREATE TABLE IF NOT EXISTS names (name INT PRIMARY KEY)');
    await database.rows('REPLACE INTO names VALUES (?)', [index]);
  }
}
const nameIn = async (database: Database) => (await database.rows<{ name: number }>('SELECT name FROM names'))[0]?.name;
const current = async (database: Database) =>
  (await database.rows<{ db: string; id: number }>('SELECT DATABASE() AS db, CONNECTION_ID() AS id'))[0];

describe('Databases that share the connections to their server', () => {
  it('use the same connections, and each statement runs in its own database', async () => {
    await share(2);
    const seen = new Set<number>();
    for (let round = 0; round < 20; round++) {
      const index = (round * 7) % databases.length;
      const database = databases[index];
      if (!database) throw new Error('no database');
      const { db, id } = (await current(database)) ?? {};
      expect(db).toBe(databaseOf(empties[index]?.url ?? ''));
      if (id !== undefined) seen.add(id);
      expect(await nameIn(database)).toBe(index);
    }
    expect(seen.size).toBeLessThanOrEqual(2);
  });

  it('can use them concurrently, even in transactions', async () => {
    await share(4);
    const names = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        databases[n % 3]?.transaction(async (session) => {
          await session.rows('SELECT SLEEP(0.001)');
          const [row] = await session.rows<{ name: number }>('SELECT name FROM names');
          return row?.name;
        }),
      ),
    );
    expect(names).toEqual(names.map((_, n) => n % 3));
  });

  it('do not wait for a database whose statements wait for locks', async () => {
    await share(4);
    const [stuck, other] = databases;
    if (!stuck || !other) throw new Error('no database');
    await stuck.transaction(async (session) => {
      await session.rows('SELECT * FROM names FOR UPDATE');
      const waiting = Array.from({ length: 10 }, () =>
        stuck.transaction((another) => another.rows('SELECT * FROM names FOR UPDATE')).catch((error: Error) => error),
      );
      expect(await nameIn(other)).toBe(1);
      expect(await Promise.all([nameIn(other), nameIn(other)])).toEqual([1, 1]);
      await session.rows('ROLLBACK');
      await Promise.all(waiting);
    });
  });

  it('report a missing database, and the others stay usable', async () => {
    await share(2);
    const missing = new Database({
      pool,
      database: 'no`such`database',
      share: new PoolShare(1, 10),
      watch: { succeeded: () => {}, failed: () => {} },
    });
    for (let round = 0; round < 5; round++) {
      await expect(missing.rows('SELECT 1')).rejects.toMatchObject({ code: 'database_unavailable' });
    }
    await until('the others answer', async () => (await Promise.all(databases.map(nameIn))).join() === '0,1,2');
  });
});
