import type { MigrationInterface, QueryRunner } from 'typeorm';

const LEDGER_ID = "CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''";
/** The tables whose only row is read or written by every change of a balance. */
const TABLES = ['authority', 'flush_cursor'] as const;

/**
 * A ledger may consist of several shards, each with a database of its own. The identity defines which shard a database
 * is, and the rows of the authority and of the cursor are found by it, so that a transaction in the database of another
 * shard finds no row. An existing database becomes shard 0 of 1.
 *
 * Processes of the previous release look these rows up by `shard = 0`. There is exactly one such row per table, and
 * those processes insert no others.
 */
export class ShardIdentity1763842000000 implements MigrationInterface {
  readonly name = 'ShardIdentity1763842000000';

  async up(runner: QueryRunner): Promise<void> {
    if (!(await runner.hasColumn('ledger_identity', 'shards')))
      await runner.query('ALTER TABLE ledger_identity ADD COLUMN shards INT NOT NULL DEFAULT 1');
    for (const table of TABLES) {
      if (!(await runner.hasColumn(table, 'ledger_id')))
        await runner.query(`ALTER TABLE ${table} ADD COLUMN ledger_id ${LEDGER_ID}`);
      await runner.query(
        `UPDATE ${table} SET ledger_id = (SELECT ledger_id FROM ledger_identity) WHERE ledger_id = ''`,
      );
      if (!(await isInKey(runner, table)))
        await runner.query(`ALTER TABLE ${table} DROP PRIMARY KEY, ADD PRIMARY KEY (ledger_id, shard)`);
    }
  }

  /** Fails if the database is one of several shards: an older release could not work with it. */
  async down(runner: QueryRunner): Promise<void> {
    if (await runner.hasColumn('ledger_identity', 'shards')) {
      const several = (await runner.query('SELECT 1 FROM ledger_identity WHERE shards > 1')) as unknown[];
      if (several.length > 0) throw new Error('this database is one of several shards');
    }
    for (const table of TABLES) {
      if (await isInKey(runner, table))
        await runner.query(`ALTER TABLE ${table} DROP PRIMARY KEY, ADD PRIMARY KEY (shard)`);
      if (await runner.hasColumn(table, 'ledger_id')) await runner.query(`ALTER TABLE ${table} DROP COLUMN ledger_id`);
    }
    if (await runner.hasColumn('ledger_identity', 'shards'))
      await runner.query('ALTER TABLE ledger_identity DROP COLUMN shards');
  }
}

async function isInKey(runner: QueryRunner, table: string): Promise<boolean> {
  const found = (await runner.query(
    `SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND \`table_name\` = ?
       AND index_name = 'PRIMARY' AND \`column_name\` = 'ledger_id'`,
    [table],
  )) as unknown[];
  return found.length > 0;
}
