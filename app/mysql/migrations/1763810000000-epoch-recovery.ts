import type { MigrationInterface, QueryRunner } from 'typeorm';

const NAME = 'CHARACTER SET ascii COLLATE ascii_bin';
const TEXT = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/**
 * Adds the state that a keeper needs to recover an epoch in pages of bounded size: its progress, and which in-doubt
 * attempts have a known outcome after all. This migration only adds tables and columns, and every statement is
 * idempotent.
 */
export class EpochRecovery1763810000000 implements MigrationInterface {
  readonly name = 'EpochRecovery1763810000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLE);
    for (const { table, column, type } of COLUMNS) {
      if (!(await hasColumn(runner, table, column)))
        await runner.query(`ALTER TABLE \`${table}\` ADD COLUMN \`${column}\` ${type}`);
    }
    for (const { table, index, columns } of INDEXES) {
      if (!(await hasIndex(runner, table, index)))
        await runner.query(`CREATE INDEX \`${index}\` ON \`${table}\` (${columns})`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS `epoch_recovery`');
    for (const { table, index } of INDEXES) {
      if (await hasIndex(runner, table, index)) await runner.query(`ALTER TABLE \`${table}\` DROP INDEX \`${index}\``);
    }
    for (const { table, column } of COLUMNS) {
      if (await hasColumn(runner, table, column))
        await runner.query(`ALTER TABLE \`${table}\` DROP COLUMN \`${column}\``);
    }
  }
}

const exists = async (runner: QueryRunner, sql: string, values: string[]): Promise<boolean> =>
  ((await runner.query(sql, values)) as unknown[]).length > 0;

const hasColumn = (runner: QueryRunner, table: string, column: string): Promise<boolean> =>
  exists(
    runner,
    'SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND `table_name` = ? AND `column_name` = ?',
    [table, column],
  );

const hasIndex = (runner: QueryRunner, table: string, index: string): Promise<boolean> =>
  exists(
    runner,
    'SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND `table_name` = ? AND index_name = ?',
    [table, index],
  );

const TABLE = `CREATE TABLE IF NOT EXISTS \`epoch_recovery\` (
  \`shard\` INT NOT NULL,
  \`authority_epoch\` BIGINT NOT NULL COMMENT 'a row of another epoch of the authority means nothing',
  \`cache_epoch\` BIGINT NOT NULL,
  \`phase\` VARCHAR(16) ${NAME} NOT NULL,
  \`position\` BIGINT NOT NULL COMMENT 'the phase is done up to this seq',
  \`doubt_position\` VARCHAR(255) ${NAME} NOT NULL DEFAULT '' COMMENT 'the last attempt in doubt that is done, JSON',
  \`bound\` BIGINT NOT NULL COMMENT 'the seq at which the phase ends',
  \`posted\` BIGINT NOT NULL DEFAULT 0,
  \`held\` BIGINT NOT NULL DEFAULT 0 COMMENT 'what waits for the journal, or is given up',
  \`accepted_by\` VARCHAR(259) ${TEXT} NULL COMMENT 'the operator who has accepted the loss',
  \`reason\` VARCHAR(255) ${TEXT} NULL,
  \`started_at\` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (\`shard\`)
) ENGINE=InnoDB`;

const COLUMNS = [
  {
    table: 'drained_doubts',
    column: 'received',
    type: "TINYINT(1) NOT NULL DEFAULT 0 COMMENT 'its outcome is among the drained entries'",
  },
];

const INDEXES = [
  {
    table: 'drained_doubts',
    index: 'doubt_id',
    columns: '`epoch`, `kind`, `id`, `account_id`, `other_account_id`',
  },
  { table: 'frozen_accounts', index: 'frozen_since', columns: '`frozen_at`, `account_id`' },
];
