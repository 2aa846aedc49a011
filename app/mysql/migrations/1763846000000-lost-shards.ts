import type { MigrationInterface, QueryRunner } from 'typeorm';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';

/**
 * Records which pods cannot serve which shards, so that a pod can distinguish its own problems from those of a shard.
 * Adds a table that only processes of a ledger with several shards use.
 */
export class LostShards1763846000000 implements MigrationInterface {
  readonly name = 'LostShards1763846000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE IF NOT EXISTS lost_shards (
      process_id VARCHAR(64) ${TEXT} NOT NULL,
      lost_shard SMALLINT UNSIGNED NOT NULL,
      reported_at DATETIME(3) NOT NULL,
      PRIMARY KEY (process_id, lost_shard)
    ) ENGINE=InnoDB`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS lost_shards');
  }
}
