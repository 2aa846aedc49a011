import { randomBytes } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Gives the ledger an identity; running the migration again keeps that identity. Older releases do not read it, and can keep
 * running.
 */
export class LedgerIdentity1763820000000 implements MigrationInterface {
  readonly name = 'LedgerIdentity1763820000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE IF NOT EXISTS ledger_identity (
      shard INT NOT NULL,
      ledger_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
      PRIMARY KEY (shard)) ENGINE=InnoDB`);
    await runner.query('INSERT IGNORE INTO ledger_identity (shard, ledger_id) VALUES (0, ?)', [
      randomBytes(16).toString('hex'),
    ]);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS ledger_identity');
  }
}
