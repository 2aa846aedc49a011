import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Adds holds, their events, and the columns that transfers need for captures. Every column has a default, and values
 * are added at the end of each enumeration, so that every change is instant whatever the size of the tables, and
 * processes of the previous release keep running.
 */
export class Holds1763833000000 implements MigrationInterface {
  readonly name = 'Holds1763833000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const { table, column, type } of COLUMNS) {
      if (!(await runner.hasColumn(table, column)))
        await runner.query(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
    }
    for (const { table, column, after } of ENUMS)
      await runner.query(`ALTER TABLE ${table} MODIFY ${column} ${enumOf(after)} NOT NULL`);
    for (const [table, columns] of Object.entries(TABLES))
      await runner.query(`CREATE TABLE IF NOT EXISTS ${table} (${columns}) ENGINE=InnoDB`);
    await runner.query("INSERT IGNORE INTO job_leases (job) VALUES ('hold-expiry')");
  }

  /** Fails if any row has one of the new kinds. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DELETE FROM job_leases WHERE job = 'hold-expiry'");
    for (const table of Object.keys(TABLES).reverse()) await runner.query(`DROP TABLE IF EXISTS ${table}`);
    for (const { table, column, before } of ENUMS)
      await runner.query(`ALTER TABLE ${table} MODIFY ${column} ${enumOf(before)} NOT NULL`);
    for (const { table, column } of COLUMNS) {
      if (await runner.hasColumn(table, column)) await runner.query(`ALTER TABLE ${table} DROP COLUMN ${column}`);
    }
  }
}

const NAME = 'CHARACTER SET ascii COLLATE ascii_bin';
const TEXT = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const ID = `VARCHAR(64) ${NAME}`;
const enumOf = (values: readonly string[]): string => `ENUM(${values.map((value) => `'${value}'`).join(',')})`;

const COLUMNS = [
  {
    table: 'accounts',
    column: 'previous_held',
    type: "BIGINT NOT NULL DEFAULT 0 COMMENT 'the held amount before the last flush that changed it: its optimistic lock'",
  },
  { table: 'transfers', column: 'hold_id', type: `${ID} NULL COMMENT 'of a capture'` },
  { table: 'transfers', column: 'held_after', type: "BIGINT NULL COMMENT 'of the source, after a capture'" },
  { table: 'transfers', column: 'held_change', type: 'BIGINT NULL' },
  {
    table: 'transfers',
    column: 'capture',
    type: `VARCHAR(255) ${NAME} NULL COMMENT 'the content of the capture, and the hold after it, JSON'`,
  },
];

const KINDS = ['transfers', 'account-change', 'group'];
const ENUMS = [
  { table: 'transfers', column: 'kind', before: ['TRANSFER', 'REVERSAL'], after: ['TRANSFER', 'REVERSAL', 'CAPTURE'] },
  ...['drained_entries', 'drained_doubts', 'unsettled_ids', 'dropped_entries'].map((table) => ({
    table,
    column: 'kind',
    before: KINDS,
    after: [...KINDS, 'holds', 'hold', 'hold-event'],
  })),
];

const DECIDED = `
  accepted_at DATETIME(3) NOT NULL,
  accepted_after_ms BIGINT NOT NULL COMMENT 'time from its receipt in a pod, by the clock of the pod, to accepted_at, ms',
  persisted_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  \`user\` VARCHAR(259) ${TEXT} NOT NULL,
  correlation_id VARCHAR(128) ${NAME} NOT NULL,
  epoch BIGINT NOT NULL,
  seq BIGINT NOT NULL`;
const COUNTED_AT =
  "counted_at_ms BIGINT NOT NULL DEFAULT 0 COMMENT 'when windows last counted an amount of it, ms since 1970; 0: never'";
const CHANGES = `
  day_change BIGINT NOT NULL DEFAULT 0 COMMENT 'change of the usage in the windows of that time; negative: given back',
  month_change BIGINT NOT NULL DEFAULT 0`;
const STATE = `
  hold_amount BIGINT NOT NULL DEFAULT 0,
  captured BIGINT NOT NULL DEFAULT 0,
  expires_at_ms BIGINT NOT NULL DEFAULT 0 COMMENT 'ms since 1970, by the time of the ledger',
  revision INT UNSIGNED NOT NULL DEFAULT 0,
  ${COUNTED_AT},
  counted_day BIGINT NOT NULL DEFAULT 0 COMMENT 'the part of the remaining amount that the business day of that time counts',
  counted_month BIGINT NOT NULL DEFAULT 0`;

const TABLES = {
  holds: `
    hold_id ${ID} NOT NULL,
    \`status\` ENUM('OPEN','CAPTURED','VOIDED','EXPIRED','REFUSED') NOT NULL,
    refusal VARCHAR(32) ${NAME} NULL,
    refused_by VARCHAR(80) ${NAME} NULL COMMENT 'the limit that refused it, its value, and what was left',
    account_id ${ID} NOT NULL,
    destination_account ${ID} NULL COMMENT 'null: each capture names one',
    currency CHAR(3) ${NAME} NOT NULL,
    placed_amount BIGINT NOT NULL,
    asked_expires_at_ms BIGINT NULL COMMENT 'as requested; null: the default',
    \`reference\` VARCHAR(140) ${TEXT} NULL,
    metadata TEXT ${TEXT} NULL,
    ${STATE},
    previous_revision INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'the revision before the last flush: its optimistic lock',
    ${DECIDED},
    PRIMARY KEY (hold_id),
    KEY hold_account (account_id, \`status\`, hold_id),
    KEY hold_due (\`status\`, expires_at_ms, hold_id),
    CONSTRAINT hold_account_exists FOREIGN KEY (account_id) REFERENCES accounts (account_id)`,
  hold_events: `
    account_id ${ID} NOT NULL,
    version BIGINT NOT NULL,
    kind ENUM('PLACED','CHANGED','VOIDED','EXPIRED') NOT NULL,
    event_id ${ID} NULL COMMENT 'null for a placing, which has the id of the hold',
    hold_id ${ID} NOT NULL,
    currency CHAR(3) ${NAME} NOT NULL,
    balance_after BIGINT NOT NULL,
    held_after BIGINT NOT NULL,
    held_change BIGINT NOT NULL,
    settings_version INT UNSIGNED NOT NULL,
    ${STATE},
    ${CHANGES},
    ${DECIDED},
    PRIMARY KEY (account_id, version),
    UNIQUE KEY hold_event (event_id),
    UNIQUE KEY hold_history (hold_id, revision),
    CONSTRAINT hold_event_account FOREIGN KEY (account_id) REFERENCES accounts (account_id)`,
  hold_captures: `
    hold_id ${ID} NOT NULL,
    revision INT UNSIGNED NOT NULL,
    transaction_id ${ID} NOT NULL,
    account_id ${ID} NOT NULL,
    version BIGINT NOT NULL COMMENT 'of the account of the hold',
    held_after BIGINT NOT NULL,
    ${COUNTED_AT},
    ${CHANGES},
    PRIMARY KEY (hold_id, revision),
    UNIQUE KEY capture_version (account_id, version)`,
};
