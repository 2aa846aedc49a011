import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Stores the size of each drained entry together with the entry, so that a page can be chosen without reading the
 * payloads. Adding a generated column would copy the table, which is large in the middle of a recovery; some unreleased
 * versions had such a column.
 */
export class DrainedBytes1763822000000 implements MigrationInterface {
  readonly name = 'DrainedBytes1763822000000';

  async up(runner: QueryRunner): Promise<void> {
    const found = await columnIn(runner);
    if (found?.is_generated) await runner.query('ALTER TABLE drained_entries DROP COLUMN payload_bytes');
    if (!found || found.is_generated)
      await runner.query(`ALTER TABLE drained_entries ADD COLUMN payload_bytes ${TYPE}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    if (await columnIn(runner)) await runner.query('ALTER TABLE drained_entries DROP COLUMN payload_bytes');
  }
}

const TYPE = "INT UNSIGNED NULL COMMENT 'null from a pod of an older release'";

async function columnIn(runner: QueryRunner): Promise<{ is_generated: number } | undefined> {
  const [column] = (await runner.query(
    `SELECT COALESCE(generation_expression, '') <> '' AS is_generated FROM information_schema.columns
     WHERE table_schema = DATABASE() AND \`table_name\` = 'drained_entries' AND \`column_name\` = 'payload_bytes'`,
  )) as { is_generated: string }[];
  return column && { is_generated: Number(column.is_generated) };
}
