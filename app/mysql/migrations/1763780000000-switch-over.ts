import type { MigrationInterface, QueryRunner } from 'typeorm';

const NAME = 'CHARACTER SET ascii COLLATE ascii_bin';
const ID = `VARCHAR(64) ${NAME}`;
const TEXT = 'MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const NAMED_BY = 'VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL';
const KIND = "ENUM('transfers','account-change')";

/**
 * Adds the tables and columns that are needed to move the authority between Redis and MySQL: for data that pods hand
 * over, for accounts and ids that wait for a journal, and for entries that an operator dropped. This migration only
 * adds tables and columns, so that processes of the previous version can keep running.
 *
 * MySQL commits each of these statements separately. Each of them is therefore idempotent: an interrupted migration is
 * simply run again.
 */
export class SwitchOver1763780000000 implements MigrationInterface {
  readonly name = 'SwitchOver1763780000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const { table, column, type } of COLUMNS) {
      if (!(await hasColumn(runner, table, column)))
        await runner.query(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
    }
    // The name of an operator who moves the authority may be in any alphabet.
    await runner.query(`ALTER TABLE authority_log MODIFY changed_by ${NAMED_BY}`);
    for (const [table, columns] of Object.entries(TABLES)) {
      await runner.query(`CREATE TABLE IF NOT EXISTS ${table} (${columns}) ENGINE=InnoDB`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of Object.keys(TABLES)) await runner.query(`DROP TABLE IF EXISTS ${table}`);
    for (const { table, column } of COLUMNS) {
      if (await hasColumn(runner, table, column)) await runner.query(`ALTER TABLE ${table} DROP COLUMN ${column}`);
    }
  }
}

async function hasColumn(runner: QueryRunner, table: string, column: string): Promise<boolean> {
  const found = (await runner.query(
    'SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND `table_name` = ? AND `column_name` = ?',
    [table, column],
  )) as unknown[];
  return found.length > 0;
}

const COLUMNS = [
  {
    table: 'authority',
    column: 'bound',
    type: "BIGINT NULL COMMENT 'the highest known seq of the unsettled epoch'",
  },
  {
    table: 'pods',
    column: 'drained_at',
    type: "DATETIME(3) NULL COMMENT 'since then, everything that the pod knows of its epoch is here'",
  },
];

const TABLES = {
  processes: `
    process_id ${ID} NOT NULL,
    redis_seen TINYINT(1) NOT NULL,
    redis_since DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    started_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    heartbeat_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (process_id)`,
  drained_entries: `
    epoch BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    kind ${KIND} NOT NULL,
    payload ${TEXT} NOT NULL,
    records MEDIUMBLOB NOT NULL,
    PRIMARY KEY (epoch, first_seq)`,
  drained_doubts: `
    epoch BIGINT NOT NULL,
    pod_id ${ID} NOT NULL,
    kind ${KIND} NOT NULL,
    \`id\` ${ID} NOT NULL,
    account_id ${ID} NOT NULL,
    other_account_id ${ID} NOT NULL DEFAULT '' COMMENT 'none for an account change',
    PRIMARY KEY (epoch, pod_id, kind, \`id\`, account_id, other_account_id) COMMENT 'one id may have been tried on other accounts'`,
  frozen_accounts: `
    account_id ${ID} NOT NULL,
    epoch BIGINT NOT NULL COMMENT 'the epoch of the cache whose journal it waits for',
    reason ENUM('in_doubt','held') NOT NULL,
    frozen_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (account_id)`,
  unsettled_ids: `
    kind ${KIND} NOT NULL,
    \`id\` ${ID} NOT NULL,
    epoch BIGINT NOT NULL COMMENT 'the epoch of the cache whose journal knows the outcome',
    account_id ${ID} NOT NULL,
    other_account_id ${ID} NULL,
    PRIMARY KEY (kind, \`id\`)`,
  dropped_entries: `
    \`id\` BIGINT NOT NULL AUTO_INCREMENT,
    authority_epoch BIGINT NOT NULL,
    cache_epoch BIGINT NOT NULL,
    kind ${KIND} NOT NULL,
    entry_id ${ID} NOT NULL COMMENT 'of the transfer or of the change',
    what ${TEXT} NOT NULL COMMENT 'everything that was known about it, JSON',
    accepted_by VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    dropped_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (\`id\`),
    KEY dropped_entry (kind, entry_id)`,
};
