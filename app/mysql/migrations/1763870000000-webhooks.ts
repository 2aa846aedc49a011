import type { MigrationInterface, QueryRunner } from 'typeorm';

const NAME = 'CHARACTER SET ascii COLLATE ascii_bin';
const TEXT = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/** Webhooks, with the lease of the process that delivers to each, and the latest attempts. */
export class Webhooks1763870000000 implements MigrationInterface {
  readonly name = 'Webhooks1763870000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(WEBHOOKS);
    await runner.query(DELIVERIES);
    // Whoever creates a webhook locks this row, so that webhooks are created one at a time and counted exactly.
    await runner.query("INSERT IGNORE INTO job_leases (job) VALUES ('webhook-creation')");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DELETE FROM job_leases WHERE job = 'webhook-creation'");
    await runner.query('DROP TABLE IF EXISTS webhook_deliveries');
    await runner.query('DROP TABLE IF EXISTS webhooks');
  }
}

const WEBHOOKS = `CREATE TABLE IF NOT EXISTS webhooks (
  webhook_id VARCHAR(64) ${NAME} NOT NULL,
  \`owner\` VARCHAR(259) ${TEXT} NOT NULL COMMENT 'the user who created it',
  granted_by VARCHAR(64) ${NAME} NULL COMMENT 'the API key with which it was created or resumed',
  account_prefixes VARCHAR(2048) ${NAME} NULL COMMENT 'separated by spaces; null: all accounts',
  request_hash BINARY(32) NOT NULL COMMENT 'of the content of its creation',
  \`url\` VARCHAR(2048) ${NAME} NOT NULL,
  \`description\` VARCHAR(140) ${TEXT} NULL,
  accounts VARCHAR(2048) ${NAME} NULL COMMENT 'separated by spaces; null: all',
  event_types VARCHAR(1024) ${NAME} NULL COMMENT 'separated by spaces; null: all',
  details TINYINT(1) NOT NULL DEFAULT 0,
  secrets TEXT ${NAME} NOT NULL COMMENT 'JSON; each secret is encrypted',
  \`state\` ENUM('ACTIVE','PAUSED','STOPPED') NOT NULL DEFAULT 'ACTIVE',
  stop_reason VARCHAR(32) ${NAME} NULL,
  \`position\` TEXT ${NAME} NOT NULL COMMENT 'everything up to here was delivered, or is not wanted',
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  revision BIGINT NOT NULL DEFAULT 1 COMMENT 'increases with every change by users',
  lease_holder VARCHAR(64) ${NAME} NULL,
  leased_until DATETIME(3) NULL,
  fence BIGINT NOT NULL DEFAULT 0 COMMENT 'increases with every new holder',
  failures INT NOT NULL DEFAULT 0 COMMENT 'attempts that have failed since the last success',
  failing_since DATETIME(3) NULL,
  next_attempt_at DATETIME(3) NULL,
  last_success_at DATETIME(3) NULL,
  succeeded BIGINT NOT NULL DEFAULT 0,
  failed BIGINT NOT NULL DEFAULT 0,
  test_id VARCHAR(64) ${NAME} NULL COMMENT 'a test event that is to be sent',
  salt BINARY(16) NULL,
  PRIMARY KEY (webhook_id),
  KEY webhooks_of_owner (\`owner\`)
) ENGINE=InnoDB`;

/** A ring of slots for each webhook: a new attempt replaces an old one, so nothing has to be deleted. */
const DELIVERIES = `CREATE TABLE IF NOT EXISTS webhook_deliveries (
  webhook_id VARCHAR(64) ${NAME} NOT NULL,
  slot SMALLINT NOT NULL,
  attempt BIGINT NOT NULL,
  attempted_at DATETIME(3) NOT NULL,
  message_id VARCHAR(64) ${NAME} NOT NULL,
  kind ENUM('events','test') NOT NULL,
  \`events\` INT NOT NULL,
  from_position TEXT ${NAME} NOT NULL,
  to_position TEXT ${NAME} NOT NULL,
  response_status SMALLINT NULL,
  failure VARCHAR(32) ${NAME} NULL,
  duration_ms INT NOT NULL,
  PRIMARY KEY (webhook_id, slot),
  KEY by_attempt (webhook_id, attempt)
) ENGINE=InnoDB`;
