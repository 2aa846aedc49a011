import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Stores the rule format: in the names of the modes, for the epoch that is being recovered, and as the highest format
 * that each process supports (0.1.0 does not write that column, so its rows have the default 1).
 *
 * A ledger that was never used begins in format 2, in the next epoch of the authority, so that a keeper of 0.1.0 that
 * has read the old row cannot move the authority. Any other ledger stays in format 1 until an operator moves it.
 */
export class RuleFormat1763830000000 implements MigrationInterface {
  readonly name = 'RuleFormat1763830000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE authority MODIFY \`mode\` ENUM(${MODES_1},${MODES_2}) NOT NULL`);
    for (const { table, column, type } of COLUMNS) {
      if (!(await runner.hasColumn(table, column))) {
        await runner.query(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
      }
    }
    await runner.query(`UPDATE authority SET epoch = 1, \`mode\` = 'DIRECT_2', changed_at = NOW(3)
      WHERE shard = 0 AND epoch = 0 AND \`mode\` = 'DIRECT' AND ${NEVER_USED}`);
    await runner.query(`INSERT IGNORE INTO authority_log (epoch, \`mode\`, changed_by, reason)
      SELECT epoch, \`mode\`, 'migration', 'a new ledger begins in format 2' FROM authority
      WHERE shard = 0 AND epoch = 1 AND \`mode\` = 'DIRECT_2'`);
  }

  /** Fails while the ledger is in format 2: an older release could not work with it. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`UPDATE authority SET epoch = 0, \`mode\` = 'DIRECT'
      WHERE shard = 0 AND epoch = 1 AND \`mode\` = 'DIRECT_2' AND ${NEVER_USED}`);
    await runner.query(`ALTER TABLE authority MODIFY \`mode\` ENUM(${MODES_1}) NOT NULL`);
    await runner.query("DELETE FROM authority_log WHERE epoch = 1 AND `mode` = 'DIRECT_2'");
    for (const { table, column } of COLUMNS) {
      if (await runner.hasColumn(table, column)) await runner.query(`ALTER TABLE ${table} DROP COLUMN ${column}`);
    }
  }
}

const MODES_1 = "'CACHE','CLOSING','DIRECT','REBUILDING'";
/** The new values are at the end of the list, so that no row has to be written. */
const MODES_2 = "'CACHE_2','CLOSING_2','DIRECT_2','REBUILDING_2'";

const NEVER_USED = ['accounts', 'processes', 'keepers', 'pods']
  .map((table) => `NOT EXISTS (SELECT 1 FROM ${table})`)
  .join(' AND ');

const FORMAT_MAX = "TINYINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'the highest rule format that it supports'";
const COLUMNS = [
  {
    table: 'authority',
    column: 'cache_format',
    type: "TINYINT UNSIGNED NULL COMMENT 'the rule format of cache_epoch; null: 1'",
  },
  { table: 'processes', column: 'format_max', type: FORMAT_MAX },
  { table: 'keepers', column: 'format_max', type: FORMAT_MAX },
];
