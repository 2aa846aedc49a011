import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The runs of the self-check of the sealed log. Every statement is idempotent. */
export class Audit1763878000000 implements MigrationInterface {
  readonly name = 'Audit1763878000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(RUNS);
    await runner.query("INSERT IGNORE INTO job_leases (job) VALUES ('audit')");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DELETE FROM job_leases WHERE job = 'audit'");
    await runner.query('DROP TABLE IF EXISTS audit_runs');
  }
}

const RUNS = `CREATE TABLE IF NOT EXISTS audit_runs (
  \`id\` BIGINT NOT NULL AUTO_INCREMENT,
  started_at DATETIME(3) NOT NULL,
  finished_at DATETIME(3) NOT NULL,
  clean TINYINT(1) NOT NULL,
  complete TINYINT(1) NOT NULL COMMENT '0: the time was over, and the next run continues',
  checked_position BIGINT NOT NULL COMMENT 'the log was compared with the books up to here',
  checked_hash BINARY(32) NOT NULL,
  checked_sealed_at DATETIME(3) NOT NULL,
  walk_position BIGINT NULL COMMENT 'the hashes were walked again up to here; null: the next walk begins at the beginning',
  walk_hash BINARY(32) NULL,
  walk_sealed_at DATETIME(3) NULL,
  walked_at DATETIME(3) NULL COMMENT 'when all hashes were last walked',
  report MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'JSON',
  PRIMARY KEY (\`id\`)
) ENGINE=InnoDB`;
