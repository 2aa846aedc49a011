import type { MigrationInterface, QueryRunner } from 'typeorm';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';
const ID = `VARCHAR(80) ${TEXT}`;
const ACCOUNT_ID = `VARCHAR(64) ${TEXT}`;

/**
 * Transfers between shards: adds the columns of legs, and the table of transfers that have left this shard. The columns are
 * nullable and last, so adding them is instant whatever the size of the table, and a process of the previous release, which
 * creates no legs, need not write them.
 */
export class Crossings1763841000000 implements MigrationInterface {
  readonly name = 'Crossings1763841000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const { column, type } of COLUMNS) {
      if (!(await runner.hasColumn('transfers', column)))
        await runner.query(`ALTER TABLE transfers ADD COLUMN ${column} ${type}`);
    }
    await runner.query(TABLE);
    await runner.query(TURNS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS crossing_turns');
    await runner.query('DROP TABLE IF EXISTS crossings');
    for (const { column } of COLUMNS) {
      if (await runner.hasColumn('transfers', column))
        await runner.query(`ALTER TABLE transfers DROP COLUMN ${column}`);
    }
  }
}

const COLUMNS = [
  {
    column: 'leg',
    type: "ENUM('OUT','IN','BACK','RETURNS') NULL COMMENT 'of a transfer between shards; null for any other transfer'",
  },
  { column: 'client_source', type: `${ACCOUNT_ID} NULL COMMENT 'of a leg: the accounts that the client named'` },
  { column: 'client_destination', type: `${ACCOUNT_ID} NULL` },
  {
    column: 'other_shard',
    type: "SMALLINT UNSIGNED NULL COMMENT 'of a leg: the shard at the other end of the transfer'",
  },
  {
    column: 'counted_at_ms',
    type: "BIGINT NULL COMMENT 'of BACK: when windows counted the debit that it gives back, ms since 1970'",
  },
];

/** Rows are never deleted. */
const TABLE = `CREATE TABLE IF NOT EXISTS crossings (
  transaction_id ${ID} NOT NULL,
  state ENUM('OPEN','DONE','RETURNED') NOT NULL DEFAULT 'OPEN',
  to_shard SMALLINT UNSIGNED NOT NULL COMMENT 'the shard of the destination',
  destination_account ${ACCOUNT_ID} NOT NULL,
  currency CHAR(3) ${TEXT} NOT NULL,
  amount BIGINT NOT NULL,
  opened_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  closed_at DATETIME(3) NULL,
  destination_version BIGINT NULL COMMENT 'of DONE: the destination after the transfer',
  destination_balance BIGINT NULL,
  refusal VARCHAR(32) ${TEXT} NULL COMMENT 'of RETURNED: why the destination refused it',
  refused_by VARCHAR(80) ${TEXT} NULL COMMENT 'the limit that refused it, its value, and what was left',
  PRIMARY KEY (transaction_id),
  KEY open_crossing (state, to_shard, opened_at, transaction_id)
) ENGINE=InnoDB`;

/** The courier that currently handles the crossings toward a shard. */
const TURNS = `CREATE TABLE IF NOT EXISTS crossing_turns (
  to_shard SMALLINT UNSIGNED NOT NULL,
  holder VARCHAR(64) ${TEXT} NOT NULL,
  until_at DATETIME(3) NOT NULL,
  PRIMARY KEY (to_shard)
) ENGINE=InnoDB`;
