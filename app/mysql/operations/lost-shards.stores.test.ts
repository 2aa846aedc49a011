import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { migratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { LostShards } from './lost-shards.ts';

let db: TestDatabase;
let lost: LostShards;
beforeAll(async () => {
  db = await migratedDatabase();
  lost = new LostShards(db.database);
});
afterAll(() => db.drop());
beforeEach(() => db.reset());

const live = (...processes: string[]) =>
  db.database.rows('INSERT INTO processes (process_id, redis_seen) VALUES ?', [processes.map((id) => [id, 1])]);

it('the votes are the latest reports of live pods', async () => {
  expect(await lost.votes()).toEqual({ live: 0, lost: new Map() });
  await live('a', 'b', 'c');
  await lost.report('a', [1, 2]);
  await lost.report('a', [1]);
  await lost.report('b', [1]);
  await lost.report('gone', [1]);
  expect(await lost.votes()).toEqual({
    live: 3,
    lost: new Map([
      [1, 2],
      [2, 1],
    ]),
  });
});

it('silent pods do not count, nor do reports that were not repeated', async () => {
  await live('a', 'b');
  await lost.report('a', [1]);
  await lost.report('b', [2]);
  await db.database.rows("UPDATE processes SET heartbeat_at = NOW(3) - INTERVAL 6 SECOND WHERE process_id = 'a'");
  await db.database.rows("UPDATE lost_shards SET reported_at = NOW(3) - INTERVAL 6 SECOND WHERE process_id = 'b'");
  expect(await lost.votes()).toEqual({ live: 1, lost: new Map() });
});

it('old reports are deleted', async () => {
  await live('a');
  await lost.report('a', [1]);
  await db.database.rows('UPDATE lost_shards SET reported_at = NOW(3) - INTERVAL 2 HOUR');
  await lost.report('a', [2]);
  expect(await db.database.rows('SELECT lost_shard FROM lost_shards')).toEqual([{ lost_shard: 2 }]);
});
