import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { smallLedger } from '../../mysql/audit/testing/small-ledger.ts';
import { MysqlSealedLog } from '../../mysql/ledger/sealed-log-reader.ts';
import { MysqlSearchIndex } from '../../mysql/search/mysql-search-index.ts';
import { SqlSearch } from '../../mysql/search/sql-search.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { Projector } from '../../search/projector.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await migratedDatabase();
  await smallLedger(db);
});
afterAll(() => db.drop());

const STEPS_MAX = 1_000;

it('An index that is ahead of the log after a restore of the ledger is not used until it is rebuilt', async () => {
  const { database } = db;
  const index = new MysqlSearchIndex({ books: database, index: database });
  const search = new SqlSearch({ books: database, index: database, requireActive() {} });
  const log = new MysqlSealedLog(database);
  const restarts: string[] = [];
  const projector = new Projector({
    ...{ index, clock: systemClock, hasPending: false },
    events: { moved() {}, restarted: (because) => void restarts.push(because) },
  });
  const untilReady = async () => {
    for (let step = 0; step < STEPS_MAX; step++) {
      await projector.step();
      const { state, position } = await index.state();
      if (state === 'READY' && position === (await log.head()).position) return;
    }
    throw new Error('the index does not become ready');
  };
  const query = { filter: {}, order: 'asc', after: null, limit: 200 } as const;
  await untilReady();
  expect((await search.transfers(query)).items.length).toBeGreaterThan(10);

  const { position } = await log.head();
  await database.rows('DELETE FROM sealed WHERE `position` = ?', [position]);
  await database.rows(
    `UPDATE sealed_head SET \`position\` = ?, \`hash\` = (SELECT \`hash\` FROM sealed WHERE \`position\` = ?)`,
    [position - 1, position - 1],
  );
  await expect(search.transfers(query)).rejects.toMatchObject({ code: 'search_not_ready' });
  await untilReady();
  expect(restarts).toEqual(['other_log']);
  expect((await search.transfers(query)).items.length).toBeGreaterThan(10);

  // Another log of the same length.
  await database.rows(`UPDATE sealed_head SET \`hash\` = REPEAT(x'ab', 32)`);
  await expect(search.transfers(query)).rejects.toMatchObject({ code: 'search_not_ready' });
  await untilReady();
  expect(restarts).toEqual(['other_log', 'other_log']);
});
