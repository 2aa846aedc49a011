import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Times come from the store that decides. The columns are nullable and last, so adding them is instant whatever the size of the
 * table, and processes of the previous release can keep running without writing them.
 */
export class LedgerTime1763800000000 implements MigrationInterface {
  readonly name = 'LedgerTime1763800000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const { table, column, type } of COLUMNS) {
      if (!(await runner.hasColumn(table, column))) {
        await runner.query(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
      }
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const { table, column } of COLUMNS) {
      if (await runner.hasColumn(table, column)) await runner.query(`ALTER TABLE ${table} DROP COLUMN ${column}`);
    }
  }
}

const COLUMNS = [
  {
    table: 'accounts',
    column: 'last_accepted_ms',
    type: "BIGINT NULL COMMENT 'latest acceptance on this account by the clock of a store, ms since 1970'",
  },
  {
    table: 'transfers',
    column: 'accepted_after_ms',
    type: "BIGINT NULL COMMENT 'time from its receipt in the pod, by the clock of the pod, to accepted_at, ms'",
  },
  {
    table: 'drained_entries',
    column: 'accepted_ms',
    type: "BIGINT NULL COMMENT 'when the ledger accepted it, ms since 1970; null from a pod of an older release'",
  },
];
