import type { MigrationInterface, QueryRunner } from 'typeorm';

const NAME = 'CHARACTER SET ascii COLLATE ascii_bin';
const TEXT = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/**
 * Processes of the previous release enforce neither expiry nor restrictions. If a key has either, its rights are
 * therefore in `granted_scopes`, and its `scopes` are empty, so that those processes let it do nothing.
 */
const COLUMNS = [
  { column: 'key_id', type: `VARCHAR(64) ${NAME} NULL COMMENT 'null until the key is first listed'` },
  { column: 'name', type: `VARCHAR(140) ${TEXT} NULL` },
  {
    column: 'granted_scopes',
    type: `VARCHAR(255) ${NAME} NULL COMMENT 'the scopes, if the key expires or is restricted'`,
  },
  { column: 'account_prefixes', type: `VARCHAR(2048) ${NAME} NULL COMMENT 'separated by spaces; null: all accounts'` },
  { column: 'expires_at', type: 'DATETIME(3) NULL' },
  { column: 'created_by', type: `VARCHAR(259) ${TEXT} NULL` },
  { column: 'replaces', type: `VARCHAR(64) ${NAME} NULL` },
  { column: 'last_used_at', type: 'DATETIME(3) NULL' },
  { column: 'changed_at', type: 'DATETIME(3) NULL ON UPDATE CURRENT_TIMESTAMP(3)' },
];
const INDEXES = [
  { kind: 'UNIQUE INDEX', index: 'api_keys_by_id', column: 'key_id' },
  { kind: 'INDEX', index: 'api_keys_by_change', column: 'changed_at' },
];

/** API keys that are managed over HTTP, and the append-only log of their management. */
export class ApiKeyManagement1763860000000 implements MigrationInterface {
  readonly name = 'ApiKeyManagement1763860000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const { column, type } of COLUMNS)
      if (!(await runner.hasColumn('api_keys', column)))
        await runner.query(`ALTER TABLE api_keys ADD COLUMN \`${column}\` ${type}`);
    for (const { kind, index, column } of INDEXES)
      if (!(await hasIndex(runner, index))) await runner.query(`CREATE ${kind} ${index} ON api_keys (${column})`);
    await runner.query(`CREATE TABLE IF NOT EXISTS api_key_log (
      seq BIGINT NOT NULL AUTO_INCREMENT,
      logged_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
      \`action\` VARCHAR(16) ${NAME} NOT NULL,
      key_id VARCHAR(64) ${NAME} NOT NULL,
      \`user\` VARCHAR(259) ${TEXT} NOT NULL COMMENT 'who asked for it',
      user_key_id VARCHAR(64) ${NAME} NULL,
      correlation_id VARCHAR(128) ${NAME} NULL,
      content TEXT ${TEXT} NOT NULL COMMENT 'JSON',
      PRIMARY KEY (seq)
    ) ENGINE=InnoDB`);
  }

  /** Keys that expire or are restricted keep their empty scopes: an older release lets them do nothing. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS api_key_log');
    for (const { index } of INDEXES)
      if (await hasIndex(runner, index)) await runner.query(`DROP INDEX ${index} ON api_keys`);
    for (const { column } of COLUMNS)
      if (await runner.hasColumn('api_keys', column))
        await runner.query(`ALTER TABLE api_keys DROP COLUMN \`${column}\``);
  }
}

async function hasIndex(runner: QueryRunner, index: string): Promise<boolean> {
  const found = (await runner.query(
    `SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND \`table_name\` = 'api_keys'
       AND index_name = ?`,
    [index],
  )) as unknown[];
  return found.length > 0;
}
