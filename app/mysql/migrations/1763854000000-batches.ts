import type { MigrationInterface, QueryRunner } from 'typeorm';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';
const UNICODE = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/** Records of the outcomes of batches that have an id: two tables that the ledger itself does not use. */
export class Batches1763854000000 implements MigrationInterface {
  readonly name = 'Batches1763854000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(BATCHES);
    await runner.query(ITEMS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS batch_items');
    await runner.query('DROP TABLE IF EXISTS transfer_batches');
  }
}

/** A record that has expired has no id, so that it is no longer found; its items are deleted a few at a time. */
const BATCHES = `CREATE TABLE IF NOT EXISTS transfer_batches (
  batch_key BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  posted_by VARBINARY(1036) NOT NULL COMMENT 'the user whose batch it is; as bytes, because text is equal to itself with spaces at its end',
  batch_id VARCHAR(64) ${TEXT} NULL COMMENT 'null once it has expired',
  first_recorded_at DATETIME(3) NOT NULL,
  last_recorded_at DATETIME(3) NOT NULL,
  posted INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'the number of items in each state',
  rejected INT UNSIGNED NOT NULL DEFAULT 0,
  failed INT UNSIGNED NOT NULL DEFAULT 0,
  undecided INT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (batch_key),
  UNIQUE KEY batch_of_user (posted_by, batch_id),
  KEY idle_batch (last_recorded_at),
  KEY expired_batch (batch_id)
) ENGINE=InnoDB`;

const ITEMS = `CREATE TABLE IF NOT EXISTS batch_items (
  batch_key BIGINT UNSIGNED NOT NULL,
  transaction_id VARCHAR(64) ${TEXT} NOT NULL,
  state ENUM('POSTED','REJECTED','FAILED','UNDECIDED') NOT NULL COMMENT 'the first two are outcomes, which the ledger has',
  problem_code VARCHAR(40) ${TEXT} NULL COMMENT 'null if it was posted',
  problem TEXT ${UNICODE} NULL COMMENT 'its detail and errors, as JSON',
  source_account VARCHAR(64) ${TEXT} NULL COMMENT 'of FAILED and UNDECIDED, if valid: where to look for the transfer',
  recorded_at DATETIME(3) NOT NULL,
  PRIMARY KEY (batch_key, transaction_id),
  KEY item_state (batch_key, state, transaction_id)
) ENGINE=InnoDB`;
