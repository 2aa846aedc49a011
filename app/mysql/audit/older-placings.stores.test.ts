import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { audit } from '../../audit/audit.ts';
import { systemClock } from '../../kernel/clock.ts';
import { DirectStore } from '../ledger/direct-store.ts';
import { FlushStore } from '../ledger/flush-store.ts';
import { SqlHistory } from '../ledger/history.ts';
import { SqlLedgerPages } from '../ledger/ledger-pages.ts';
import { LedgerReader } from '../ledger/ledger-reader.ts';
import { placingsOf } from '../rows/hold-rows.ts';
import { capturing, expectWholeHolds, holdSummary, placing, updating } from '../testing/direct-holds.ts';
import { placeByEvents } from '../testing/older-placings.ts';
import { migratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { MysqlAuditBooks } from './audit-books.ts';
import { DIRECT_EPOCH, sealAll, smallLedger } from './testing/small-ledger.ts';

/** The placed holds of the small ledger: h1, h2 by the flush; h4, h5 in direct mode. Limits count h2 and h5. */
const HOLDS = ['h1', 'h2', 'h4', 'h5'];
const ACCOUNTS = ['ada', 'bob', 'lea', 'world'];

let db: TestDatabase;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(() => smallLedger(db));

/** All pages of the histories, of one and of three versions, in both orders. */
async function histories(): Promise<object[]> {
  const history = new SqlHistory(db);
  const pages: object[] = [];
  for (const accountId of ACCOUNTS)
    for (const toward of ['newer', 'older'] as const)
      for (const more of [{ limit: 1 }, { limit: 3 }, { limit: 100, filter: { kinds: ['hold_placed'] as const } }]) {
        for (let position: number | null | undefined; position !== null; ) {
          const page = await history.page({ accountId, position: position ?? null, toward, ...more });
          pages.push(page);
          position = page.next;
        }
      }
  return pages;
}

async function reconciled(): Promise<object[]> {
  const { database } = db;
  const pages = new SqlLedgerPages({ database, reader: new LedgerReader(database), flush: new FlushStore(database) });
  const all: object[] = [];
  for await (const page of pages.histories()) all.push(...page);
  for await (const page of pages.holds()) all.push(...page);
  return all;
}

const audited = async () => {
  const { clean, faults, rows, olderRows } = await audit(new MysqlAuditBooks(db.database), { accountsMax: 2 });
  return { clean, faults, rows, olderRows };
};
const everything = async () => ({
  histories: await histories(),
  placings: await placingsOf(db.database, HOLDS),
  reconciled: await reconciled(),
  audited: await audited(),
});

describe('Placings that an earlier build has stored as events', () => {
  it.each([
    ['all', HOLDS],
    ['some', ['h2', 'h4']],
  ])('are read like those in the rows of holds: %s of them', async (_, holdIds) => {
    const before = await everything();
    expect(before.audited).toMatchObject({ clean: true });
    expect([...before.placings.keys()].sort()).toEqual(HOLDS);
    await placeByEvents(db.database, holdIds);
    expect(await everything()).toEqual(before);
    await expectWholeHolds(db.database);
  });

  it.each([
    ['accepted_at', 'accepted_at - INTERVAL 1 DAY'],
    ['accepted_after_ms', 'accepted_after_ms + 1'],
    ['user', "'eve'"],
    ['correlation_id', "'other'"],
    ['epoch', 'epoch + 1'],
    ['seq', 'seq + 1'],
    ['account_id', "'bob'"],
  ])('are compared with the rows of their holds: %s', async (column, value) => {
    await placeByEvents(db.database, ['h4']);
    expect(await audited()).toMatchObject({ clean: true });
    const [before] = await db.database.rows<{ was: string }>(
      `SELECT \`${column}\` AS was FROM holds WHERE hold_id = 'h4'`,
    );
    for (const table of ['holds', 'hold_events']) {
      const where = `WHERE hold_id = 'h4'${table === 'holds' ? '' : " AND kind = 'PLACED'"}`;
      await db.database.rows(`UPDATE ${table} SET \`${column}\` = ${value} ${where}`);
      const { clean, faults } = await audited();
      expect(clean).toBe(false);
      expect(faults.map(({ what }) => what)).toContain('hold h4');
      await db.database.rows(`UPDATE ${table} SET \`${column}\` = ? ${where}`, [before?.was]);
    }
    expect(await audited()).toMatchObject({ clean: true });
  });

  it('have the same outcome if they are repeated, and can be captured and voided', async () => {
    const store = new DirectStore({ database: db.database, clock: systemClock });
    const apply = async (...items: Parameters<typeof store.applyHolds>[1]) =>
      (await store.applyHolds(DIRECT_EPOCH, items)).map(holdSummary);
    expect(await apply(placing('h6', 'ada', 50))).toEqual(['PLACED']);
    await placeByEvents(db.database, [...HOLDS, 'h6']);
    expect(
      await apply(
        placing('h4', 'ada', 60),
        placing('h5', 'lea', 70),
        capturing('k3', { holdId: 'h6', source: 'ada', destination: 'bob' }),
        updating('void', 'h2', 'lea'),
        placing('h7', 'ada', 5),
      ),
    ).toEqual(['again PLACED', 'again PLACED', 'captured', 'VOIDED', 'PLACED']);
    await sealAll(db.database);
    await expectWholeHolds(db.database);
    expect(await audited()).toMatchObject({ clean: true, faults: [] });
  });
});
