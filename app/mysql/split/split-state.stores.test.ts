import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../connection/pool.ts';
import { migratedDatabase, poolOptions, type TestDatabase } from '../testing/test-database.ts';
import { beginFilling, block, CannotSplit, oldState, originOf, retire, unblock } from './split-state.ts';

const OWN = { shard: 0, shards: 1 };
let db: TestDatabase;
beforeEach(async () => {
  db = await migratedDatabase();
  await db.reset(5, 'DIRECT', 2);
});
afterEach(() => db.drop());

/** Runs `work` on connections that were opened for the current identity of the database. */
async function on<T>(work: (database: Database) => Promise<T>): Promise<T> {
  await using database = new Database(poolOptions(db.url));
  return await work(database);
}
const state = () => on((database) => oldState(database, 0, 1));
const blocked = () => on((database) => block(database, 0, 1));
const unblocked = () => on((database) => unblock(database, 0, 1));

describe('An old database', () => {
  it('can never be used again once it is retired, even by a command that started while it was blocked', async () => {
    await blocked();
    const origin = await on(originOf);
    await on((database) => retire(database, OWN, origin));
    await expect(unblocked()).rejects.toThrow('old shard 0 is retired: another command has changed it');
    await expect(blocked()).rejects.toThrow(CannotSplit);
    expect(await state()).toBe('retired');
  });

  it('is not retired once processes may use it again, even if it is blocked again after that', async () => {
    await blocked();
    const origin = await on(originOf);
    await unblocked();
    await expect(on((database) => retire(database, OWN, origin))).rejects.toThrow('old shard 0 is in use');
    await expect(unblocked()).rejects.toThrow(CannotSplit);
    await blocked();
    await expect(on((database) => retire(database, OWN, origin))).rejects.toThrow('has changed since it was copied');
    expect(await state()).toBe('blocked');
    await on(async (database) => retire(database, OWN, await originOf(database)));
    expect(await state()).toBe('retired');
  });
});

describe('A new database', () => {
  it('is stopped if the old database was stopped', async () => {
    const target = await migratedDatabase();
    await db.database.rows('UPDATE authority SET stops = 1');
    await blocked();
    const origin = await on(originOf);
    await beginFilling(target.database, { shard: 1, shards: 2, parent: 0, parts: 2 }, origin);
    // Uses connections that were opened after the database got its new identity.
    await using database = new Database(poolOptions(target.url));
    expect(await database.rows('SELECT stops FROM authority')).toEqual([{ stops: 1 }]);
    await target.drop();
  });
});
