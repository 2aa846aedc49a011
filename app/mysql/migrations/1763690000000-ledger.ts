import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Ids compare byte by byte: a collation that equates `abc` and `ABC` would break the flush. */
const ID = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';
const NAME = 'CHARACTER SET ascii COLLATE ascii_bin';

/**
 * The ledger's tables. A transfer is one row that contains both of its postings (each side's version and balance
 * after): a separate table of postings cost the flush a third of its rate, and could disagree with it. The view
 * `postings` returns the sides one by one. Every statement is idempotent, because an interrupted migration is run
 * again.
 */
export class Ledger1763690000000 implements MigrationInterface {
  readonly name = 'Ledger1763690000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const object of ['VIEW postings', ...TABLES.map((table) => `TABLE ${table}`)]) {
      await runner.query(`DROP ${object}`);
    }
  }
}

const TABLES = [
  'account_changes',
  'transfers',
  'accounts',
  'reconciliations',
  'api_keys',
  'pods',
  'keepers',
  'authority_log',
  'flush_cursor',
  'authority',
];

const UP = [
  `CREATE TABLE IF NOT EXISTS accounts (
    account_id ${ID} NOT NULL,
    currency CHAR(3) ${NAME} NOT NULL,
    \`external\` TINYINT(1) NOT NULL DEFAULT 0,
    \`name\` VARCHAR(140) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    balance BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL DEFAULT 0,
    overdraft_limit BIGINT NOT NULL DEFAULT 0,
    \`status\` ENUM('ACTIVE','SUSPENDED','FROZEN','CLOSED') NOT NULL DEFAULT 'ACTIVE',
    settings_version INT UNSIGNED NOT NULL DEFAULT 1,
    previous_version BIGINT NOT NULL DEFAULT 0 COMMENT 'what the last flush found: its optimistic lock',
    previous_balance BIGINT NOT NULL DEFAULT 0,
    opening_overdraft_limit BIGINT NOT NULL DEFAULT 0,
    opened_by VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    opened_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (account_id)
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS transfers (
    transaction_id ${ID} NOT NULL,
    kind ENUM('TRANSFER','REVERSAL') NOT NULL,
    \`status\` ENUM('POSTED','REJECTED') NOT NULL,
    refusal VARCHAR(32) ${NAME} NULL,
    source_account ${ID} NOT NULL,
    destination_account ${ID} NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) ${NAME} NOT NULL,
    source_version BIGINT NULL,
    source_balance BIGINT NULL,
    source_settings_version INT UNSIGNED NULL,
    destination_version BIGINT NULL,
    destination_balance BIGINT NULL,
    destination_settings_version INT UNSIGNED NULL,
    client_timestamp DATETIME(3) NULL,
    accepted_at DATETIME(3) NOT NULL,
    persisted_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    \`user\` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    correlation_id VARCHAR(128) ${NAME} NOT NULL,
    \`reference\` VARCHAR(140) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    metadata TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    reverses ${ID} NULL,
    epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (transaction_id),
    UNIQUE KEY source_posting (source_account, source_version),
    UNIQUE KEY destination_posting (destination_account, destination_version),
    CONSTRAINT transfer_source FOREIGN KEY (source_account) REFERENCES accounts (account_id),
    CONSTRAINT transfer_destination FOREIGN KEY (destination_account) REFERENCES accounts (account_id)
  ) ENGINE=InnoDB`,
  // The view has the privileges of the user who reads it. With those of its creator, it would stop working when that
  // user is dropped, for example in a password rotation.
  `CREATE OR REPLACE SQL SECURITY INVOKER VIEW postings AS
    SELECT source_account AS account_id, source_version AS version, -amount AS amount, source_balance AS balance_after,
      source_settings_version AS settings_version, kind, transaction_id, destination_account AS counterparty, currency,
      client_timestamp, accepted_at, persisted_at, correlation_id, \`user\`
    FROM transfers WHERE \`status\` = 'POSTED'
    UNION ALL
    SELECT destination_account, destination_version, amount, destination_balance, destination_settings_version, kind,
      transaction_id, source_account, currency, client_timestamp, accepted_at, persisted_at, correlation_id, \`user\`
    FROM transfers WHERE \`status\` = 'POSTED'`,
  `CREATE TABLE IF NOT EXISTS account_changes (
    change_id ${ID} NOT NULL,
    account_id ${ID} NOT NULL,
    settings_version INT UNSIGNED NOT NULL,
    \`status\` ENUM('ACTIVE','SUSPENDED','FROZEN','CLOSED') NOT NULL,
    overdraft_limit BIGINT NOT NULL,
    accepted_at DATETIME(3) NOT NULL,
    persisted_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    \`user\` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    correlation_id VARCHAR(128) ${NAME} NOT NULL,
    epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (change_id),
    UNIQUE KEY account_settings (account_id, settings_version),
    CONSTRAINT change_account FOREIGN KEY (account_id) REFERENCES accounts (account_id)
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS authority (
    shard INT NOT NULL,
    epoch BIGINT NOT NULL,
    \`mode\` ENUM('CACHE','CLOSING','DIRECT','REBUILDING') NOT NULL,
    cache_epoch BIGINT NULL COMMENT 'the epoch whose journal counts, or waits to be settled',
    redis_node VARCHAR(128) ${NAME} NULL,
    replid VARCHAR(64) ${NAME} NULL,
    marker VARCHAR(64) ${NAME} NULL,
    changed_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (shard)
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS authority_log (
    epoch BIGINT NOT NULL,
    \`mode\` VARCHAR(16) ${NAME} NOT NULL,
    changed_by VARCHAR(64) ${NAME} NOT NULL,
    reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    changed_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (epoch)
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS flush_cursor (
    shard INT NOT NULL,
    epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    id_time_max BIGINT NOT NULL DEFAULT 0 COMMENT 'largest UUIDv7 time of any id in MySQL, ms',
    committed_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (shard)
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS pods (
    pod_id VARCHAR(64) ${NAME} NOT NULL,
    epoch BIGINT NOT NULL,
    redis_seen TINYINT(1) NOT NULL DEFAULT 1,
    observed_seq BIGINT NOT NULL DEFAULT 0,
    retired_seq BIGINT NULL,
    registered_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    heartbeat_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (pod_id),
    KEY pod_epoch (epoch)
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS keepers (
    keeper_id VARCHAR(64) ${NAME} NOT NULL,
    started_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    heartbeat_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (keeper_id)
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS api_keys (
    key_hash CHAR(64) ${NAME} NOT NULL COMMENT 'SHA-256 of the key, hex: keys are random, so no salt is needed',
    \`user\` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    scopes VARCHAR(255) ${NAME} NOT NULL,
    created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    revoked_at DATETIME(3) NULL,
    PRIMARY KEY (key_hash)
  ) ENGINE=InnoDB`,
  `CREATE TABLE IF NOT EXISTS reconciliations (
    \`id\` BIGINT NOT NULL AUTO_INCREMENT,
    started_at DATETIME(3) NOT NULL,
    finished_at DATETIME(3) NOT NULL,
    clean TINYINT(1) NOT NULL,
    report MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (\`id\`)
  ) ENGINE=InnoDB`,
  `INSERT IGNORE INTO authority (shard, epoch, \`mode\`) VALUES (0, 0, 'DIRECT')`,
  `INSERT IGNORE INTO flush_cursor (shard, epoch, seq) VALUES (0, 0, 0)`,
];
