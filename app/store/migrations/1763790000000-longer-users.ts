import type { MigrationInterface, QueryRunner } from 'typeorm';

const TEXT = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL';
/** `jwt:` and the 255 characters that a subject may have (OpenID Connect Core, 2). */
const WIDE = 'VARCHAR(259)';
const NARROW = 'VARCHAR(64)';

/** Every column that takes a user of the API. */
const COLUMNS = [
  { table: 'transfers', column: '`user`', more: '' },
  { table: 'account_changes', column: '`user`', more: '' },
  { table: 'accounts', column: 'opened_by', more: "DEFAULT ''" },
  { table: 'authority_log', column: 'changed_by', more: '' },
  { table: 'dropped_entries', column: 'accepted_by', more: '' },
];

/**
 * Room for the users of JWTs. In utf8mb4 a VARCHAR of 64 characters has two bytes for its length already, so a longer one is a
 * change of metadata alone: no row is written, nobody waits, and processes of the version before notice nothing. With `INPLACE` and
 * `LOCK=NONE` a server that would do it otherwise refuses instead.
 */
export class LongerUsers1763790000000 implements MigrationInterface {
  readonly name = 'LongerUsers1763790000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const { table, column, more } of COLUMNS) {
      await runner.query(`ALTER TABLE ${table} MODIFY ${column} ${WIDE} ${TEXT} ${more}, ALGORITHM=INPLACE, LOCK=NONE`);
    }
  }

  /** Fails on a user that would have to be cut. */
  async down(runner: QueryRunner): Promise<void> {
    for (const { table, column, more } of COLUMNS) {
      await runner.query(`ALTER TABLE ${table} MODIFY ${column} ${NARROW} ${TEXT} ${more}`);
    }
  }
}
