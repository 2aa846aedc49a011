import { afterAll, beforeAll, expect, it } from 'vitest';
import { migratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { UnsettledStore } from './unsettled-store.ts';

const MIB = 1024 * 1024;

let db: TestDatabase;
let store: UnsettledStore;
beforeAll(async () => {
  db = await migratedDatabase();
  store = new UnsettledStore(db.database);
});
afterAll(() => db.drop());

/** The `what` of each entry has about this many bytes. */
async function giveUp(bytes: readonly number[]): Promise<void> {
  await db.database.rows('DELETE FROM dropped_entries');
  for (const [index, length] of bytes.entries()) {
    await db.database.rows(
      `INSERT INTO dropped_entries (authority_epoch, cache_epoch, kind, entry_id, what, accepted_by, reason)
       VALUES (2, 1, 'transfers', ?, ?, 'ops', 'the node was destroyed')`,
      [`t${index}`, JSON.stringify({ note: 'x'.repeat(length) })],
    );
  }
}
const listed = async (itemsMax = 1_000) => {
  const { total, items } = (await store.report(itemsMax)).dropped;
  return { total, ids: items.map(({ entryId }) => entryId) };
};

it('dropped entries are listed latest first, limited by number and by size, together with their total number', async () => {
  await giveUp([10, 10, 10]);
  expect(await listed()).toEqual({ total: 3, ids: ['t2', 't1', 't0'] });
  expect(await listed(2)).toEqual({ total: 3, ids: ['t2', 't1'] });
  await giveUp(Array(100).fill(18_000));
  const { total, ids } = await listed();
  expect([total, ids.length, ids[0]]).toEqual([100, Math.floor(MIB / 18_011), 't99']);
});

it('at least one entry is listed, no matter how large it is', async () => {
  await giveUp([10, 2 * MIB]);
  expect(await listed()).toEqual({ total: 2, ids: ['t1'] });
  await giveUp([]);
  expect(await listed()).toEqual({ total: 0, ids: [] });
});
