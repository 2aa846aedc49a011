import type { MigrationInterface, QueryRunner } from 'typeorm';

const TEXT = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/** Stops and releases of the ledger by operators. Processes of the previous release do not obey them. */
export class LedgerStops1763864000000 implements MigrationInterface {
  readonly name = 'LedgerStops1763864000000';

  async up(runner: QueryRunner): Promise<void> {
    if (!(await runner.hasColumn('authority', 'stops')))
      await runner.query(
        "ALTER TABLE authority ADD COLUMN stops INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'stops and releases; odd: the ledger is stopped'",
      );
    await runner.query(`CREATE TABLE IF NOT EXISTS ledger_stops (
      seq BIGINT NOT NULL AUTO_INCREMENT,
      stop_number INT UNSIGNED NOT NULL COMMENT 'odd for a stop, even for a release',
      changed_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
      changed_by VARCHAR(259) ${TEXT} NOT NULL,
      reason VARCHAR(255) ${TEXT} NOT NULL,
      correlation_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
      salt BINARY(16) NULL COMMENT 'of the hash in the log; null: erased, or not in the log',
      PRIMARY KEY (seq)
    ) ENGINE=InnoDB`);
  }

  /** Fails while the ledger is stopped, because an older release would continue. */
  async down(runner: QueryRunner): Promise<void> {
    if (await runner.hasColumn('authority', 'stops')) {
      const stopped = (await runner.query('SELECT 1 FROM authority WHERE stops % 2 = 1 LIMIT 1')) as unknown[];
      if (stopped.length > 0) throw new Error('the ledger is stopped');
      await runner.query('ALTER TABLE authority DROP COLUMN stops');
    }
    await runner.query('DROP TABLE IF EXISTS ledger_stops');
  }
}
