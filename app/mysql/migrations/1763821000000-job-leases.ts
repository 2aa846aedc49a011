import type { MigrationInterface, QueryRunner } from 'typeorm';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';

/**
 * Stores which process runs a job, until when, and for which scheduled time, so that the job runs once, no matter
 * how many keepers there are.
 */
export class JobLeases1763821000000 implements MigrationInterface {
  readonly name = 'JobLeases1763821000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE IF NOT EXISTS job_leases (
      job VARCHAR(64) ${TEXT} NOT NULL,
      holder VARCHAR(64) ${TEXT} NOT NULL DEFAULT '',
      leased_until DATETIME(3) NULL,
      begun_slot VARCHAR(32) ${TEXT} NOT NULL DEFAULT '' COMMENT 'the scheduled time of the latest run',
      done_slot VARCHAR(32) ${TEXT} NOT NULL DEFAULT '' COMMENT 'the scheduled time of the latest run that ended',
      PRIMARY KEY (job)) ENGINE=InnoDB`);
    await runner.query("INSERT IGNORE INTO job_leases (job) VALUES ('reconciliation')");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS job_leases');
  }
}
