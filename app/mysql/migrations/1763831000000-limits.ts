import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Adds held amounts and limits to accounts, together with the usage of their windows. Every column has a default, so
 * that processes of the previous release can keep running without writing them; adding them is instant whatever the
 * size of the tables.
 */
export class Limits1763831000000 implements MigrationInterface {
  readonly name = 'Limits1763831000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const [table, columns] of COLUMNS) {
      if (await runner.hasColumn(table, columns[0][0])) continue;
      const additions = columns.map(([column, type]) => `ADD COLUMN ${column} ${type}`);
      await runner.query(`ALTER TABLE ${table} ${additions.join(', ')}`);
    }
    await runner.query(BUSINESS_DAYS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE IF EXISTS business_days');
    for (const [table, columns] of COLUMNS) {
      if (!(await runner.hasColumn(table, columns[0][0]))) continue;
      const removals = columns.map(([column]) => `DROP COLUMN ${column}`);
      // Copies the table, because MariaDB keeps space in each row for every column that was ever
      // dropped in place.
      await runner.query(`ALTER TABLE ${table} ${removals.join(', ')}, ALGORITHM=COPY`);
    }
  }
}

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';
const LIMIT = 'BIGINT NULL';
const COUNTED = 'BIGINT NOT NULL DEFAULT 0';

type Column = [column: string, type: string];
/** One statement per table, which takes effect as a whole or not at all. */
const COLUMNS: [table: string, columns: [Column, ...Column[]]][] = [
  [
    'accounts',
    [
      ['held', `${COUNTED} COMMENT 'reserved by open holds: part of the balance, but not available'`],
      ['transfer_max', LIMIT],
      ['daily_debit_max', LIMIT],
      ['monthly_debit_max', LIMIT],
      ['daily_credit_max', LIMIT],
      ['balance_max', LIMIT],
      ['counted_since_ms', `${COUNTED} COMMENT 'time since which the account has had limits, ms since 1970'`],
      ['day_start_ms', `${COUNTED} COMMENT 'the business day whose debits and credits are counted'`],
      ['day_debit', COUNTED],
      ['day_credit', COUNTED],
      ['month_start_ms', COUNTED],
      ['month_debit', COUNTED],
      ['opening_limits', `VARCHAR(255) ${TEXT} NULL COMMENT 'JSON'`],
    ],
  ],
  ['account_changes', [['limits', `VARCHAR(255) ${TEXT} NULL COMMENT 'JSON; null: unchanged'`]]],
  [
    'transfers',
    [
      [
        'counted',
        "TINYINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'which side the windows have counted: 1 = the debit, 2 = the credit, 3 = both'",
      ],
      [
        'refused_by',
        `VARCHAR(80) ${TEXT} NULL COMMENT 'the limit that caused the refusal, its value, and what was left'`,
      ],
    ],
  ],
];

const BUSINESS_DAYS = `CREATE TABLE IF NOT EXISTS business_days (
  \`day\` DATE NOT NULL,
  start_ms BIGINT NOT NULL COMMENT 'ms since 1970; the day ends where the next one starts',
  month_start_ms BIGINT NOT NULL COMMENT 'start of the first business day of its month',
  time_zone VARCHAR(64) ${TEXT} NOT NULL,
  cutoff CHAR(5) ${TEXT} NOT NULL,
  PRIMARY KEY (start_ms),
  UNIQUE KEY business_day (\`day\`)) ENGINE=InnoDB`;
