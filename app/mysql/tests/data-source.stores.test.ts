import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { createDataSource, migrate } from '../schema/data-source.ts';
import { ApiKeyEntity } from '../schema/entities.ts';
import { emptyDatabase } from '../testing/test-database.ts';

const MIGRATIONS = [
  'Ledger1763690000000',
  'SwitchOver1763780000000',
  'LongerUsers1763790000000',
  'LedgerTime1763800000000',
  'EpochRecovery1763810000000',
  'LedgerIdentity1763820000000',
  'JobLeases1763821000000',
  'DrainedBytes1763822000000',
  'RuleFormat1763830000000',
  'Limits1763831000000',
  'Groups1763832000000',
  'Holds1763833000000',
  'LongerIds1763840000000',
  'Crossings1763841000000',
  'ShardIdentity1763842000000',
  'LostShards1763846000000',
  'SealedLog1763850000000',
  'Batches1763854000000',
  'ApiKeyManagement1763860000000',
  'LedgerStops1763864000000',
  'Webhooks1763870000000',
  'Search1763875000000',
  'Audit1763878000000',
  'HoldPlacings1763880000000',
];

let db: Awaited<ReturnType<typeof emptyDatabase>>;
beforeEach(async () => {
  db = await emptyDatabase();
});
afterEach(() => db.drop());

async function query<Row>(sql: string): Promise<Row[]> {
  const connection = await createConnection(db.url);
  try {
    const [rows] = await connection.query<RowDataPacket[]>(sql);
    return rows as Row[];
  } finally {
    await connection.end();
  }
}
const tables = () =>
  query<{ name: string; type: string }>(
    // The aliases are needed because MySQL would return the column names in upper case.
    'SELECT table_name AS name, table_type AS type FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1',
  );

/** Every column of every table, and every index. */
const schema = async () => ({
  columns: await query<object>(
    `SELECT table_name, column_name, column_type, is_nullable, collation_name FROM information_schema.columns
     WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position`,
  ),
  indexes: await query<object>(
    `SELECT table_name, index_name, seq_in_index, column_name FROM information_schema.statistics
     WHERE table_schema = DATABASE() ORDER BY 1, 2, 3`,
  ),
});

/** A runner that reports each modifying statement before running it. */
function listening(runner: QueryRunner, onStatement: (sql: string) => void): QueryRunner {
  const query = async (sql: string, values?: unknown[]) => {
    if (!sql.startsWith('SELECT')) onStatement(sql);
    return runner.query(sql, values);
  };
  return Object.create(runner, { query: { value: query } }) as QueryRunner;
}

/**
 * Runs a migration that dies after the first statement that it has not reached before. @returns whether it died
 * @param reached the statements that earlier runs have reached
 */
async function dies(migration: MigrationInterface, runner: QueryRunner, reached: Set<string>): Promise<boolean> {
  const before = reached.size;
  const mortal = listening(runner, (sql) => {
    if (reached.size > before) throw new Error('died');
    reached.add(sql);
  });
  return migration.up(mortal).then(
    () => false,
    (error: Error) => {
      expect(error.message).toBe('died');
      return true;
    },
  );
}

/**
 * Changes that do not affect a process of the previous version: new tables, views and keys, and columns that need
 * not be written.
 */
const EXPANDS =
  /^(CREATE TABLE IF NOT EXISTS|CREATE OR REPLACE SQL SECURITY INVOKER VIEW|CREATE INDEX|CREATE UNIQUE INDEX (?:api_keys_by_id|hold_placing)|INSERT IGNORE)\b|^ALTER TABLE `?\w+`? ADD COLUMN (?!.*\bNOT NULL\b(?!.*\bDEFAULT\b))/s;
/** Columns that were widened, or that accept additional values; each was checked by hand. */
const WIDENS = new Set([
  'ALTER TABLE transfers MODIFY `user`',
  'ALTER TABLE account_changes MODIFY `user`',
  'ALTER TABLE accounts MODIFY opened_by',
  'ALTER TABLE authority_log MODIFY changed_by',
  'ALTER TABLE dropped_entries MODIFY accepted_by',
  ...['drained_entries', 'drained_doubts', 'unsettled_ids', 'dropped_entries'].map(
    (table) => `ALTER TABLE ${table} MODIFY kind`,
  ),
  'ALTER TABLE authority MODIFY `mode`',
  'ALTER TABLE transfers MODIFY kind',
  'ALTER TABLE transfers MODIFY transaction_id',
  'ALTER TABLE transfers MODIFY reverses',
  'ALTER TABLE hold_captures MODIFY transaction_id',
  'ALTER TABLE drained_doubts MODIFY `id`',
  'ALTER TABLE unsettled_ids MODIFY `id`',
  'ALTER TABLE dropped_entries MODIFY entry_id',
  'ALTER TABLE epoch_recovery MODIFY doubt_position',
]);
/** This statement affects only a ledger that is at epoch 0 and that no process has ever used. */
const BEGINS = /^UPDATE authority SET epoch = 1, .* epoch = 0 .*NOT EXISTS \(SELECT 1 FROM processes\)/s;

/**
 * These statements add the identity to the rows and keys of two tables that have one row each. The previous version
 * finds that row by its shard, and inserts none.
 */
const IDENTIFIES =
  /^(UPDATE (authority|flush_cursor) SET ledger_id = \(SELECT ledger_id FROM ledger_identity\) WHERE ledger_id = ''|ALTER TABLE (authority|flush_cursor) DROP PRIMARY KEY, ADD PRIMARY KEY \(ledger_id, shard\))$/;

/** Enough time for many schema changes, each of which takes five times as long on MySQL as on MariaDB. */
const STATEMENTS_MS_MAX = 900_000;

describe('Migrations', () => {
  it('run once: a second run changes nothing', async () => {
    expect(await migrate(db.url)).toEqual(MIGRATIONS);
    await query("UPDATE authority SET epoch = 7, mode = 'CACHE'");
    expect(await migrate(db.url)).toEqual([]);
    expect(await query('SELECT epoch, mode FROM authority')).toEqual([{ epoch: 7, mode: 'CACHE' }]);
  });

  it('wait for one another if several start at once', async () => {
    const done = await Promise.all([migrate(db.url), migrate(db.url), migrate(db.url)]);
    expect(done.flat()).toEqual(MIGRATIONS);
  });

  it('wait for a table in use without blocking others', async () => {
    await migrate(db.url);
    class Next1999999999000 implements MigrationInterface {
      readonly name = 'Next1999999999000';
      async up(runner: QueryRunner): Promise<void> {
        await runner.query('ALTER TABLE accounts ADD COLUMN next INT NULL');
      }
      async down(): Promise<void> {}
    }
    const reader = await createConnection(db.url);
    await reader.query('START TRANSACTION');
    await reader.query('SELECT * FROM accounts');
    const migrating = migrate(db.url, [Next1999999999000]);
    const waits = "SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock%'";
    const isWaiting = async () => (await query(waits)).length > 0;
    await until('it waits for the table', isWaiting);
    // These statements queue behind the migration while it waits; if it never gave up, they would
    // wait forever.
    for (let time = 0; time < 2; time++) await query('SELECT * FROM accounts');
    await until('it is retried', isWaiting);
    await reader.query('COMMIT');
    expect(await migrating).toEqual(['Next1999999999000']);
    await reader.end();
  });

  it('start with MySQL as the authority, in the highest format, and an empty cursor', async () => {
    await migrate(db.url);
    expect(await query('SELECT shard, epoch, mode, cache_epoch FROM authority')).toEqual([
      { shard: 0, epoch: 1, mode: 'DIRECT_2', cache_epoch: null },
    ]);
    expect(await query('SELECT shard, epoch, seq, id_time_max FROM flush_cursor')).toEqual([
      { shard: 0, epoch: 0, seq: 0, id_time_max: 0 },
    ]);
  });

  it('give every table a primary key, as servers with sql_require_primary_key require', async () => {
    await migrate(db.url);
    const tablesWith = (condition: string) =>
      query<{ name: string }>(
        `SELECT t.table_name AS name FROM information_schema.tables t
         WHERE t.table_schema = DATABASE() AND t.table_type = 'BASE TABLE' AND ${condition}`,
      );
    const hasPrimaryKey = `EXISTS (SELECT 1 FROM information_schema.statistics s
      WHERE s.table_schema = t.table_schema AND s.table_name = t.table_name AND s.index_name = 'PRIMARY')`;
    expect((await tablesWith(hasPrimaryKey)).length).toBeGreaterThan(15);
    expect(await tablesWith(`NOT ${hasPrimaryKey}`)).toEqual([]);
  });

  it('can be reverted completely, and applied again', async () => {
    await migrate(db.url);
    const before = await tables();
    const dataSource = await createDataSource(db.url).initialize();
    for (const _ of MIGRATIONS) await dataSource.undoLastMigration();
    await dataSource.destroy();
    expect(await tables()).toEqual([{ name: 'schema_migrations', type: 'BASE TABLE' }]);
    expect(await migrate(db.url)).toEqual(MIGRATIONS);
    expect(await tables()).toEqual(before);
  });

  it(
    'continue after a crash at any statement',
    async () => {
      const dataSource = await createDataSource(db.url).initialize();
      const runner = dataSource.createQueryRunner();
      const wanted: object[] = [];
      for (const migration of dataSource.migrations) {
        await migration.up(runner);
        wanted.push(await schema());
      }
      for (const migration of dataSource.migrations.toReversed()) await migration.down(runner);
      expect(await schema()).not.toEqual(wanted[0]);
      for (const [i, migration] of dataSource.migrations.entries()) {
        const reached = new Set<string>();
        let crashes = 0;
        while (await dies(migration, runner, reached)) crashes += 1;
        expect(crashes).toBe(reached.size - 1);
        expect(await schema()).toEqual(wanted[i]);
      }
      await runner.release();
      await dataSource.destroy();
    },
    STATEMENTS_MS_MAX,
  );

  it('only add, so that the previous version keeps working next to the new one (docs/deployment.md, Upgrade)', async () => {
    const dataSource = await createDataSource(db.url).initialize();
    const runner = dataSource.createQueryRunner();
    const [first, ...later] = dataSource.migrations;
    await first?.up(runner);
    const statements: string[] = [];
    for (const migration of later) await migration.up(listening(runner, (sql) => void statements.push(sql)));
    await runner.release();
    await dataSource.destroy();
    expect(statements.length).toBeGreaterThan(0);
    expect(
      statements.filter(
        (sql) =>
          !EXPANDS.test(sql) &&
          !BEGINS.test(sql) &&
          !IDENTIFIES.test(sql) &&
          !WIDENS.has(sql.replace(/ (VARCHAR|ENUM).*/s, '')),
      ),
    ).toEqual([]);
  });

  it('leave older placings of holds in the events, and when reverted, move all others there', async () => {
    await migrate(db.url);
    const dataSource = await createDataSource(db.url).initialize();
    const runner = dataSource.createQueryRunner();
    const migration = dataSource.migrations.find(({ name }) => name === 'HoldPlacings1763880000000');
    await migration?.down(runner);
    const decided = "'2026-01-31 12:00:00.123', 5, '2026-01-31 12:00:00.200', 'u', 'c', 1";
    const decidedColumns = 'accepted_at, accepted_after_ms, persisted_at, `user`, correlation_id, epoch, seq';
    await query("INSERT INTO accounts (account_id, currency) VALUES ('ada', 'EUR')");
    await query(
      `INSERT INTO holds (hold_id, \`status\`, account_id, currency, placed_amount, asked_expires_at_ms, hold_amount,
         ${decidedColumns})
       VALUES ('h1', 'OPEN', 'ada', 'EUR', 30, NULL, 40, ${decided}, 1), ('h2', 'REFUSED', 'ada', 'EUR', 9, NULL, 0, ${decided}, 2),
         ('h3', 'OPEN', 'ada', 'EUR', 5, 1999999999999, 5, ${decided}, 3), ('h4', 'OPEN', 'ada', 'EUR', 2, NULL, 2, ${decided}, 5)`,
    );
    const week = Date.UTC(2026, 1, 7, 12, 0, 0, 123);
    const at = Date.UTC(2026, 0, 31, 12, 0, 0, 123);
    await query(
      `INSERT INTO hold_events (account_id, version, kind, event_id, hold_id, currency, balance_after, held_after,
         held_change, settings_version, hold_amount, expires_at_ms, revision, counted_at_ms, counted_day, counted_month,
         day_change, month_change, ${decidedColumns})
       VALUES ('ada', 7, 'PLACED', NULL, 'h1', 'EUR', 100, 32, 30, 3, 30, ${week}, 1, ${at}, 30, 30, 30, 30, ${decided}, 1),
         ('ada', 8, 'CHANGED', 'e1', 'h1', 'EUR', 100, 42, 10, 3, 40, ${week}, 2, ${at}, 40, 40, 10, 10, ${decided}, 4),
         ('ada', 9, 'PLACED', NULL, 'h3', 'EUR', 100, 47, 5, 3, 5, 1999999999999, 1, 0, 0, 0, 0, 0, ${decided}, 3),
         ('ada', 10, 'PLACED', NULL, 'h4', 'EUR', 100, 49, 2, 3, 2, ${week}, 1, 0, 0, 0, 0, 0, ${decided}, 5)`,
    );
    const events = () => query('SELECT * FROM hold_events ORDER BY account_id, version');
    const before = await events();
    const holds = await query<Record<string, unknown>>('SELECT * FROM holds ORDER BY hold_id');
    await migration?.up(runner);
    expect(await events()).toEqual(before);
    const nothing = { placed_version: null, placed_balance: null, placed_held: null, placed_settings_version: null };
    expect(await query('SELECT * FROM holds ORDER BY hold_id')).toEqual(
      holds.map((hold) => ({ ...hold, ...nothing, placed_counted: 0 })),
    );

    // As if all but the last one had been placed since.
    await query("DELETE FROM hold_events WHERE kind = 'PLACED' AND hold_id <> 'h4'");
    await query(
      "UPDATE holds SET placed_version = 7, placed_balance = 100, placed_held = 32, placed_settings_version = 3, placed_counted = 1 WHERE hold_id = 'h1'",
    );
    await query(
      "UPDATE holds SET placed_version = 10, placed_balance = 100, placed_held = 47, placed_settings_version = 3 WHERE hold_id = 'h3'",
    );
    const columns = Object.keys(nothing).length + 1 + Object.keys(holds[0] ?? {}).length;
    await expect(migration?.down(runner)).rejects.toThrow(/Duplicate entry/);
    expect(Object.keys((await query('SELECT * FROM holds'))[0] ?? {})).toHaveLength(columns);
    await query("UPDATE holds SET placed_version = 9 WHERE hold_id = 'h3'");
    const dying = listening(runner, (sql) => {
      if (!sql.startsWith('INSERT')) throw new Error('died');
    });
    await expect(migration?.down(dying)).rejects.toThrow('died');
    await migration?.down(runner);
    expect(await events()).toEqual(before);
    expect(await query('SELECT * FROM holds ORDER BY hold_id')).toEqual(holds);
    await runner.release();
    await dataSource.destroy();
  });

  it('of the second version only add: the reads and writes of the previous version keep working', async () => {
    await migrate(db.url);
    await query("INSERT INTO pods (pod_id, epoch) VALUES ('p', 1) ON DUPLICATE KEY UPDATE epoch = VALUES(epoch)");
    await query(
      "UPDATE authority SET epoch = 1, mode = 'CLOSING', cache_epoch = 1, redis_node = '', replid = '', marker = ''",
    );
    expect(await query('SELECT drained_at, redis_seen FROM pods')).toEqual([{ drained_at: null, redis_seen: 1 }]);
    expect(await query('SELECT bound FROM authority')).toEqual([{ bound: null }]);
  });

  it('release the lock when they fail, and report what failed', async () => {
    await query('CREATE TABLE postings (id INT)');
    await expect(migrate(db.url)).rejects.toThrow(/postings' is not (of type 'VIEW'|VIEW)/);
    await query('DROP TABLE postings');
    expect(await migrate(db.url)).toEqual(MIGRATIONS);
  });
});

describe('The URL of MySQL', () => {
  it('applies with all its parameters: if it requests TLS, a migration fails unless the server has a valid certificate', async () => {
    await expect(migrate(`${db.url}?ssl={"rejectUnauthorized":true}`)).rejects.toThrow(
      /secure connection|self-signed certificate/,
    );
    expect(await migrate(`${db.url}?charset=utf8mb4`)).toEqual(MIGRATIONS);
  });
});

describe('The entities', () => {
  it('match the migrated schema in type, length, precision and nullability of every listed column', async () => {
    await migrate(db.url);
    const dataSource = await createDataSource(db.url).initialize();
    const runner = dataSource.createQueryRunner();
    let compared = 0;
    for (const { tableName, columns } of dataSource.entityMetadatas) {
      const table = await runner.getTable(tableName);
      for (const column of columns) {
        const stored = table?.columns.find(({ name }) => name === column.databaseName);
        expect(stored, `${tableName}.${column.databaseName}`).toBeDefined();
        const said = dataSource.driver.normalizeType(column);
        expect([column.databaseName, said]).toEqual([column.databaseName, stored?.type]);
        expect([column.databaseName, column.isNullable]).toEqual([column.databaseName, stored?.isNullable]);
        expect([column.databaseName, column.isPrimary]).toEqual([column.databaseName, stored?.isPrimary]);
        if (column.length !== '')
          expect([column.databaseName, column.length]).toEqual([column.databaseName, stored?.length]);
        if (column.precision != null)
          expect([column.databaseName, column.precision]).toEqual([column.databaseName, stored?.precision]);
        if (column.enum) expect([column.databaseName, column.enum]).toEqual([column.databaseName, stored?.enum]);
        if (column.unsigned) expect(stored?.unsigned).toBe(true);
        compared += 1;
      }
    }
    expect(compared).toBe(22);
    await runner.release();
    await dataSource.destroy();
  });

  it('can write a row and read it back, as administration does', async () => {
    await migrate(db.url);
    const dataSource = await createDataSource(db.url).initialize();
    const keys = dataSource.getRepository(ApiKeyEntity);
    const revokedAt = new Date(Date.UTC(2026, 0, 31, 12, 0, 0, 123));
    await keys.insert({ keyHash: 'f'.repeat(64), user: 'ada', scopes: 'ops', revokedAt });
    expect(await keys.findOneBy({ user: 'ada' })).toMatchObject({ keyHash: 'f'.repeat(64), scopes: 'ops', revokedAt });
    await dataSource.destroy();
  });
});
