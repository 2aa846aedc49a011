import type { MigrationInterface, QueryRunner } from 'typeorm';

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';

/**
 * The index of transfers and accounts. It contains nothing that is not also in the books, and is filled only if search
 * is enabled. The same tables can be in a database of their own.
 */
export class Search1763875000000 implements MigrationInterface {
  readonly name = 'Search1763875000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of SEARCH_TABLES) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['search_cursor', 'search_accounts', 'search_transfers'])
      await runner.query(`DROP TABLE IF EXISTS ${table}`);
  }
}

/** All of these statements are idempotent. */
export const SEARCH_TABLES = [
  `CREATE TABLE IF NOT EXISTS search_transfers (
    term BINARY(8) NOT NULL COMMENT 'zeros: every transfer; otherwise a digest of what it can be found by',
    at_ms BIGINT NOT NULL COMMENT 'when it was accepted, ms since 1970',
    transaction_id VARCHAR(64) ${ASCII} NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) ${ASCII} NOT NULL,
    \`status\` ENUM('POSTED','REJECTED','PENDING') NOT NULL,
    kind ENUM('TRANSFER','REVERSAL','CAPTURE') NOT NULL,
    PRIMARY KEY (term, at_ms, transaction_id)
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS search_accounts (
    account_id VARCHAR(64) ${ASCII} NOT NULL,
    currency CHAR(3) ${ASCII} NOT NULL,
    \`status\` ENUM('ACTIVE','SUSPENDED','FROZEN','CLOSED') NOT NULL,
    PRIMARY KEY (account_id),
    KEY search_status (\`status\`, account_id),
    KEY search_currency (currency, account_id)
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS search_cursor (
    ledger_id CHAR(32) ${ASCII} NOT NULL,
    shard INT NOT NULL,
    moves BIGINT NOT NULL DEFAULT 0 COMMENT 'changes with every transaction that changes the index: its optimistic lock',
    state ENUM('EMPTYING','FILLING','READY') NOT NULL DEFAULT 'EMPTYING',
    \`position\` BIGINT NOT NULL DEFAULT 0 COMMENT 'of the last row of the log that the index contains',
    \`hash\` BINARY(32) NOT NULL DEFAULT '' COMMENT 'of that row; zeros if there is none',
    sealed_at DATETIME(3) NOT NULL DEFAULT '1970-01-01 00:00:00.000',
    filled_accounts VARCHAR(64) ${ASCII} NOT NULL DEFAULT '' COMMENT 'while filling: accounts up to this id are in the index',
    filled_transfers VARCHAR(80) ${ASCII} NOT NULL DEFAULT '' COMMENT 'while filling: transfers up to this id',
    PRIMARY KEY (ledger_id, shard)
  ) ENGINE=InnoDB`,
] as const;
