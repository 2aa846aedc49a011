import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database, type Session } from '../connection/pool.ts';
import { InterruptedDatabase, migratedDatabase, poolOptions, type TestDatabase } from '../testing/test-database.ts';
import { StopStore } from './stop-store.ts';

const BY = { user: 'operator', reason: 'a test', correlationId: null };
let db: TestDatabase;
let stops: StopStore;
beforeAll(async () => {
  db = await migratedDatabase();
  stops = new StopStore(db.database);
});
afterAll(() => db.drop());
beforeEach(() => db.reset());

/** Kills the connection right before COMMIT, when everything else has been written. */
class LosesCommit extends Database {
  override transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return super.transaction(async (session) => {
      const done = await work(session);
      const [row] = await session.rows<{ id: number }>('SELECT CONNECTION_ID() AS id');
      await db.database.rows(`KILL CONNECTION ${row?.id}`);
      return done;
    });
  }
}

describe('A stop', () => {
  it('whose commit got no reply is in doubt, and may be sent again', async () => {
    await using database = new LosesCommit(poolOptions(db.url));
    const cut = new StopStore(database);
    await expect(cut.set(true, BY)).rejects.toMatchObject({ code: 'outcome_unknown' });
    const number = await stops.set(true, BY);
    // Nothing has to be written, so nothing is in doubt.
    await expect(cut.set(true, BY)).rejects.toMatchObject({ code: 'database_unavailable' });
    await expect(cut.set(false, BY, number)).rejects.toMatchObject({ code: 'outcome_unknown' });
  });

  it('is not made if it fails before its commit', async () => {
    await using database = new InterruptedDatabase(poolOptions(db.url));
    database.before = async (statement, connection) => {
      if (statement === 1) await db.database.rows(`KILL CONNECTION ${connection}`);
    };
    const before = await stops.latest(100);
    await expect(new StopStore(database).set(true, BY)).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(await stops.latest(100)).toEqual(before);
  });

  it('is not ended by a release that names an earlier number', async () => {
    const first = await stops.set(true, BY);
    expect(await stops.set(false, BY, first)).toBe(first + 1);
    expect(await stops.set(false, BY, first)).toBe(first + 1);
    expect(await stops.set(true, BY)).toBe(first + 2);
    await expect(stops.set(false, BY, first)).rejects.toMatchObject({ code: 'authority_moved' });
    expect(await stops.set(false, BY, first + 2)).toBe(first + 3);
  });
});
