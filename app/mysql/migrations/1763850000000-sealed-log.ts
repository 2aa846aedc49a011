import type { MigrationInterface, QueryRunner } from 'typeorm';

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';

/**
 * The sealed log: everything that has been committed since the ledger switched to format 2, and the salts of the
 * personal data, which is stored in the books. The columns are nullable and last, so adding them is instant whatever
 * the size of the table, and a process of the previous release need not write them.
 */
export class SealedLog1763850000000 implements MigrationInterface {
  readonly name = 'SealedLog1763850000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of SALTED) {
      if (!(await runner.hasColumn(table, 'salt'))) await runner.query(`ALTER TABLE ${table} ADD COLUMN salt ${SALT}`);
    }
    await runner.query(SEALED);
    await runner.query(UNSEALED);
    await runner.query(HEAD);
    await runner.query('INSERT IGNORE INTO sealed_head (ledger_id, shard) SELECT ledger_id, shard FROM flush_cursor');
  }

  /** Fails once anything has been sealed, because an older release would continue without the log. */
  async down(runner: QueryRunner): Promise<void> {
    if (await runner.hasTable('sealed')) {
      const sealed = (await runner.query('SELECT 1 FROM sealed LIMIT 1')) as unknown[];
      if (sealed.length > 0)
        throw new Error('the sealed log of this ledger contains entries, so this migration cannot be reverted');
    }
    for (const table of ['sealed_head', 'unsealed', 'sealed']) await runner.query(`DROP TABLE IF EXISTS ${table}`);
    for (const table of SALTED) {
      if (await runner.hasColumn(table, 'salt')) await runner.query(`ALTER TABLE ${table} DROP COLUMN salt`);
    }
  }
}

const SALT = "BINARY(16) NULL COMMENT 'of the hash in the log; null: erased, or not in the log'";
const SALTED = [
  'transfers',
  'transfer_groups',
  'holds',
  'hold_events',
  'account_changes',
  'accounts',
  'authority_log',
  'dropped_entries',
] as const;

const SEALED = `CREATE TABLE IF NOT EXISTS sealed (
  \`position\` BIGINT NOT NULL COMMENT 'from 1, without gaps',
  \`format\` TINYINT UNSIGNED NOT NULL COMMENT 'of the row and of its hash',
  epoch BIGINT NOT NULL,
  first_seq BIGINT NOT NULL COMMENT 'a hint: a late recovery has seqs below those of earlier rows',
  last_seq BIGINT NOT NULL,
  entries INT UNSIGNED NOT NULL,
  bytes INT UNSIGNED NOT NULL COMMENT 'of the payload before compression',
  payload MEDIUMBLOB NOT NULL,
  previous_hash BINARY(32) NOT NULL,
  \`hash\` BINARY(32) NOT NULL,
  sealed_at DATETIME(3) NOT NULL COMMENT 'never decreases',
  PRIMARY KEY (\`position\`)
) ENGINE=InnoDB`;

/** Entries that have no position yet: one row per transaction, deleted when a row of \`sealed\` contains them. */
const UNSEALED = `CREATE TABLE IF NOT EXISTS unsealed (
  \`id\` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  epoch BIGINT NOT NULL,
  payload MEDIUMBLOB NOT NULL,
  noted_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (\`id\`)
) ENGINE=InnoDB`;

const HEAD = `CREATE TABLE IF NOT EXISTS sealed_head (
  ledger_id CHAR(32) ${ASCII} NOT NULL,
  shard INT NOT NULL,
  \`position\` BIGINT NOT NULL DEFAULT 0,
  \`hash\` BINARY(32) NOT NULL DEFAULT '' COMMENT 'of that row; zeros if there is none',
  sealed_at DATETIME(3) NOT NULL DEFAULT '1970-01-01 00:00:00.000',
  states_after VARCHAR(64) ${ASCII} NOT NULL DEFAULT '' COMMENT 'accounts up to this id are in the log',
  states_done_at DATETIME(3) NULL COMMENT 'when all accounts were last found to be in the log',
  PRIMARY KEY (ledger_id, shard)
) ENGINE=InnoDB`;
