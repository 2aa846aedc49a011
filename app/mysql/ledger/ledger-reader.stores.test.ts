import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { batchOf } from '../../journal/flush-batch.ts';
import { account, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { until } from '../../kernel/testing/until.ts';
import type { OwnRow, Sql } from '../connection/own-ledger.ts';
import { Database } from '../connection/pool.ts';
import {
  InterruptedDatabase,
  migratedDatabase,
  openIn,
  poolOptions,
  type TestDatabase,
} from '../testing/test-database.ts';
import { FlushStore } from './flush-store.ts';
import { SqlLedgerPages } from './ledger-pages.ts';
import { LedgerReader } from './ledger-reader.ts';

const MANY = 3000;
const accountIds = Array.from({ length: MANY }, (_, n) => `account-${String(n).padStart(5, '0')}`);
const ids = Array.from({ length: MANY }, (_, n) => `transfer-${n}`);

/** Records the statements that are run. */
class SpiedDatabase extends Database {
  readonly statements: { sql: Sql; values: unknown[] }[] = [];
  override rows<Row>(sql: Sql, values: unknown[] = []): Promise<Row[]> {
    this.statements.push({ sql, values });
    return super.rows(sql, values);
  }
}

let db: TestDatabase;
let spied: SpiedDatabase;
let reader: LedgerReader;
beforeAll(async () => {
  db = await migratedDatabase();
  await db.reset();
  spied = new SpiedDatabase(poolOptions(db.url));
  reader = new LedgerReader(spied);
  const accounts = [account('world'), ...accountIds.map((id) => account(id))];
  await openIn(db.database, accounts);
  const epoch = await modelEpoch(accounts);
  for (let from = 0; from < MANY; from += 1000) {
    const some = ids.slice(from, from + 1000);
    await epoch.apply(
      ...some.map((id, n) => order(id, { destination: accountIds[from + n] ?? '', amount: from + n + 1 })),
    );
  }
  await new FlushStore(db.database).commit(batchOf(await epoch.entries(), 1, 0), 1);
  await db.database.rows('ANALYZE TABLE accounts, transfers');
});
afterAll(async () => {
  await spied[Symbol.asyncDispose]();
  await db.drop();
});

interface Explained {
  table: string;
  type: string;
  key: string | null;
  rows: string;
}
async function explained(): Promise<Explained[]> {
  const last = spied.statements.at(-1);
  const { sql = '', values } = last ?? {};
  const text = (own: OwnRow) => (typeof sql === 'string' ? sql : sql(own));
  return db.database.rows<Explained>((own) => `EXPLAIN FORMAT=TRADITIONAL ${text(own)}`, values);
}

describe('LedgerReader', () => {
  it('reads accounts, and omits missing ones', async () => {
    const { accounts, stamp } = await reader.loadAccounts(['account-00001', 'nobody', 'world']);
    expect(stamp).toEqual({ epoch: 1, cursor: MANY });
    expect([...accounts.keys()].sort()).toEqual(['account-00001', 'world']);
    expect(accounts.get('account-00001')).toEqual(account('account-00001', { balance: 2, version: 1 }));
    expect(accounts.get('world')).toMatchObject({ external: true, version: MANY });
  });

  it('returns the cursor even if nothing is found', async () => {
    const stamps = { stamp: { epoch: 1, cursor: MANY }, authority: { epoch: 1, mode: 'CACHE', recovered: true } };
    expect(await reader.loadAccounts(['nobody'])).toEqual({
      ...stamps,
      accounts: new Map(),
      acceptedUpTo: 0,
      readAt: expect.any(Number),
      frozen: new Set(),
    });
    expect(await reader.findOutcomes(['nothing'])).toEqual({ ...stamps, outcomes: new Map(), unsettled: new Set() });
  });

  it('finds accounts by their primary key, never by a table scan', async () => {
    await reader.loadAccounts(accountIds.slice(0, 200));
    const plan = await explained();
    // The cursor and the authority cost nothing: each is read by its key before the statement is planned.
    for (const one of ['c', 'u'])
      expect(plan.find(({ table }) => table === one)).toMatchObject({ key: 'PRIMARY', type: 'const' });
    const accounts = plan.find(({ table }) => table === 'a');
    expect(accounts).toMatchObject({ key: 'PRIMARY' });
    expect(['range', 'eq_ref', 'ref']).toContain(accounts?.type);
    expect(Number(accounts?.rows)).toBeLessThanOrEqual(400);
  });

  it('finds outcomes by their primary key, never by a table scan', async () => {
    await reader.findOutcomes(ids.slice(0, 200));
    const plan = await explained();
    const transfers = plan.find(({ table }) => table === 'transfers');
    expect(transfers).toMatchObject({ key: 'PRIMARY' });
    expect(['range', 'eq_ref', 'ref']).toContain(transfers?.type);
    expect(Number(transfers?.rows)).toBeLessThanOrEqual(400);
  });

  it('returns rows and cursor as of a single point in time while the flush continues', async () => {
    await db.reset();
    const accounts = [account('world'), account('ada')];
    await openIn(db.database, accounts);
    const epoch = await modelEpoch(accounts);
    const store = new FlushStore(db.database);
    const ROUNDS = 60;
    let flushing = true;
    const seen = new Set<number>();
    const flush = (async () => {
      for (let seq = 0; seq < ROUNDS; seq++) {
        await epoch.apply(order(`m${seq + 1}`, { amount: 1 }));
        await store.commit(batchOf(await epoch.entries(seq), 1, seq), 1);
        if (seq % 12 === 0) await until('the reader has seen another state', () => seen.size > seq / 12);
      }
    })().finally(() => {
      flushing = false;
    });
    const all = Array.from({ length: ROUNDS }, (_, n) => `m${n + 1}`);
    while (flushing) {
      const loaded = await reader.loadAccounts(['ada', 'world']);
      const { cursor } = loaded.stamp;
      expect(loaded.accounts.get('ada')).toMatchObject({ version: cursor, balance: cursor });
      expect(loaded.accounts.get('world')).toMatchObject({ version: cursor, balance: cursor === 0 ? 0 : -cursor });
      const found = await reader.findOutcomes(all);
      expect(found.outcomes.size).toBe(found.stamp.cursor);
      seen.add(cursor);
    }
    await flush;
    expect(seen.size).toBeGreaterThan(3);
  });

  it('reports a schema that is not migrated', async () => {
    await db.database.rows('DELETE FROM flush_cursor');
    await expect(reader.loadAccounts(['ada'])).rejects.toThrow('not migrated');
    await expect(new FlushStore(db.database).cursor()).rejects.toThrow('not migrated');
    await db.database.rows(
      'INSERT INTO flush_cursor (ledger_id, shard, epoch, seq) SELECT ledger_id, 0, 1, 0 FROM ledger_identity',
    );
  });
});

describe('The authority', () => {
  const FROZEN = ['ada', 'nobody'];
  const UNSETTLED = ['held-1', 'held-2'];
  beforeEach(async () => {
    await db.reset(5, 'DIRECT');
    await openIn(db.database, [account('world'), account('ada'), account('bob')]);
  });
  async function freeze(): Promise<void> {
    await db.database.rows(
      "INSERT INTO frozen_accounts (account_id, epoch, reason) VALUES ('ada', 3, 'held'), ('nobody', 3, 'held')",
    );
    await db.database.rows('INSERT INTO unsettled_ids (kind, id, epoch, account_id) VALUES ?', [
      [...UNSETTLED.map((id) => ['transfers', id, 3, 'ada']), ['account-change', 'change', 3, 'ada']],
    ]);
  }

  it.each([
    ['CACHE', 5, true],
    ['CLOSING', 3, false],
    ['CLOSING', null, false],
    ['DIRECT', null, true],
    ['DIRECT', 3, false],
    ['REBUILDING', null, true],
  ] as const)(
    'reports for %s with the cache epoch %s whether it is recovered: %s',
    async (mode, cacheEpoch, recovered) => {
      await db.database.rows('UPDATE authority SET mode = ?, cache_epoch = ?', [mode, cacheEpoch]);
      const authority = { epoch: 5, mode, recovered };
      expect(await reader.loadAccounts(['ada'])).toMatchObject({ authority, frozen: new Set() });
      expect(await reader.findOutcomes(['t'])).toMatchObject({ authority, unsettled: new Set() });
    },
  );

  it('is returned with only those accounts and ids that wait for a journal and were requested', async () => {
    await freeze();
    await db.database.rows('UPDATE authority SET cache_epoch = 3');
    const loaded = await reader.loadAccounts(['ada', 'bob']);
    expect(loaded.frozen).toEqual(new Set(['ada']));
    expect([...loaded.accounts.keys()].sort()).toEqual(['ada', 'bob']);
    expect((await reader.loadAccounts(['bob', ...FROZEN])).frozen).toEqual(new Set(FROZEN));
    expect((await reader.findOutcomes(['held-1', 'other', 'change'])).unsettled).toEqual(new Set(['held-1']));
    expect((await reader.findOutcomes(['other'])).unsettled).toEqual(new Set());
  });

  it('and everything returned with it come from a single point in time, even if the epoch is recovered in between', async () => {
    const database = new InterruptedDatabase(poolOptions(db.url));
    const recovered = async () => {
      await db.database.rows('UPDATE authority SET epoch = 6, cache_epoch = NULL');
      for (const table of ['frozen_accounts', 'unsettled_ids']) await db.database.rows(`DELETE FROM ${table}`);
      await db.database.rows('UPDATE accounts SET version = 6');
    };
    const between = new LedgerReader(database);
    const LAST = 1;
    database.before = async (statement) => {
      if (statement === LAST) await recovered();
    };
    const before = { epoch: 5, mode: 'DIRECT', recovered: false };
    for (const read of [
      async () => {
        const { authority, accounts, frozen } = await between.loadAccounts(['ada']);
        expect({ authority, frozen }).toEqual({ authority: before, frozen: new Set(['ada']) });
        expect(accounts.get('ada')).toMatchObject({ version: 0 });
      },
      async () => {
        const { authority, unsettled } = await between.findOutcomes(UNSETTLED);
        expect({ authority, unsettled }).toEqual({ authority: before, unsettled: new Set(UNSETTLED) });
      },
    ]) {
      await db.database.rows('UPDATE authority SET epoch = 5, cache_epoch = 3');
      await db.database.rows('UPDATE accounts SET version = 0');
      await freeze();
      await read();
      expect(await reader.loadAccounts(['ada'])).toMatchObject({
        authority: { epoch: 6, recovered: true },
        frozen: new Set(),
      });
    }
    await database[Symbol.asyncDispose]();
  });
});

describe('SqlLedgerPages', () => {
  it('sends no query to MySQL if no account is requested', async () => {
    const pages = new SqlLedgerPages({ database: spied, reader, flush: new FlushStore(spied) });
    const before = spied.statements.length;
    expect(await pages.accounts([])).toEqual(new Map());
    expect(spied.statements).toHaveLength(before);
    expect(await pages.balanceAt('ada', 99_999)).toBeNull();
  });
});
