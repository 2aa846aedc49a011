import type { MigrationInterface, QueryRunner } from 'typeorm';

const TEXT = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL';
/** `jwt:` and the 255 characters that a subject may have (OpenID Connect Core, 2). */
const WIDE = 'VARCHAR(259)';
const NARROW = 'VARCHAR(64)';

/** Every column that stores a user of the API. */
const COLUMNS = [
  { table: 'transfers', column: '`user`', more: '' },
  { table: 'account_changes', column: '`user`', more: '' },
  { table: 'accounts', column: 'opened_by', more: "DEFAULT ''" },
  { table: 'authority_log', column: 'changed_by', more: '' },
  { table: 'dropped_entries', column: 'accepted_by', more: '' },
];

/**
 * Makes room for JWT users. In utf8mb4 a VARCHAR of 64 characters already has two length bytes, so widening it changes
 * only metadata: no row is written, nothing waits, and processes of the previous release are not affected. With
 * `INPLACE` and `LOCK=NONE`, a server that cannot do it this way returns an error.
 */
export class LongerUsers1763790000000 implements MigrationInterface {
  readonly name = 'LongerUsers1763790000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const { table, column, more } of COLUMNS) {
      await runner.query(`ALTER TABLE ${table} MODIFY ${column} ${WIDE} ${TEXT} ${more}, ALGORITHM=INPLACE, LOCK=NONE`);
    }
  }

  /** Fails if a user would have to be truncated. */
  async down(runner: QueryRunner): Promise<void> {
    for (const { table, column, more } of COLUMNS) {
      await runner.query(`ALTER TABLE ${table} MODIFY ${column} ${NARROW} ${TEXT} ${more}`);
    }
  }
}
