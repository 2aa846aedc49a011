import type { MigrationInterface, QueryRunner } from 'typeorm';

const NAME = 'CHARACTER SET ascii COLLATE ascii_bin';
const ID = `VARCHAR(64) ${NAME}`;
const TEXT = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/**
 * Groups of transfers. Values are added at the end of an enumeration, and columns at the end of a table, so every
 * statement is instant whatever the size of the table. Every statement is idempotent.
 */
export class Groups1763832000000 implements MigrationInterface {
  readonly name = 'Groups1763832000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLE);
    for (const { table, column, type } of COLUMNS) {
      if (!(await runner.hasColumn(table, column)))
        await runner.query(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
    }
    for (const table of KINDS) {
      if (!(await knowsGroups(runner, table)))
        await runner.query(`ALTER TABLE ${table} MODIFY kind ENUM('transfers','account-change','group') NOT NULL`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of KINDS) {
      if (!(await knowsGroups(runner, table))) continue;
      await runner.query(`DELETE FROM ${table} WHERE kind = 'group'`);
      await runner.query(`ALTER TABLE ${table} MODIFY kind ENUM('transfers','account-change') NOT NULL`);
    }
    for (const { table, column } of COLUMNS) {
      if (await runner.hasColumn(table, column)) await runner.query(`ALTER TABLE ${table} DROP COLUMN ${column}`);
    }
    await runner.query('DROP TABLE IF EXISTS transfer_groups');
  }
}

async function knowsGroups(runner: QueryRunner, table: string): Promise<boolean> {
  const found = (await runner.query(
    `SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND \`table_name\` = ?
       AND \`column_name\` = 'kind' AND column_type LIKE '%''group''%'`,
    [table],
  )) as unknown[];
  return found.length > 0;
}

/** The members of a posted group are rows of `transfers`; the members of a refused group are not transfers. */
const TABLE = `CREATE TABLE IF NOT EXISTS transfer_groups (
  group_id ${ID} NOT NULL,
  \`status\` ENUM('POSTED','REJECTED') NOT NULL,
  refusal VARCHAR(32) ${NAME} NULL,
  refused_index SMALLINT UNSIGNED NULL COMMENT 'the index of the transfer that was refused, from 0',
  refused_by VARCHAR(80) ${NAME} NULL COMMENT 'the limit that caused the refusal, its value, and what was left',
  transaction_ids MEDIUMTEXT ${NAME} NULL COMMENT 'of a posted group, JSON: its transfers in order',
  orders MEDIUMTEXT ${TEXT} NULL COMMENT 'of a refused group: its request, as in the journal',
  split MEDIUMTEXT ${TEXT} NULL COMMENT 'of a split: its request, JSON',
  accepted_at DATETIME(3) NOT NULL,
  accepted_after_ms BIGINT NULL COMMENT 'time from its receipt in the pod, by the clock of the pod, to accepted_at, ms',
  persisted_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  epoch BIGINT NOT NULL,
  seq BIGINT NOT NULL COMMENT 'of its first transfer',
  PRIMARY KEY (group_id)
) ENGINE=InnoDB`;

const COLUMNS = [
  { table: 'transfers', column: 'group_id', type: `${ID} NULL COMMENT 'the group that it is a member of'` },
  {
    table: 'drained_doubts',
    column: 'seqs',
    type: "INT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'the maximum number of seqs that the attempt may have written'",
  },
  {
    table: 'drained_doubts',
    column: 'group_id',
    type: `${ID} NULL COMMENT 'the group that decides whether this id was taken'`,
  },
];

/** The tables with a column for the kind of the id or entry in each row. */
const KINDS = ['drained_entries', 'drained_doubts', 'unsettled_ids', 'dropped_entries'];
