import type { MigrationInterface, QueryRunner } from 'typeorm';

const WIDE = 80;
const NARROW = 64;

/** Every column that stores the id of a transfer. */
const COLUMNS = [
  { table: 'transfers', column: 'transaction_id', more: 'NOT NULL' },
  { table: 'transfers', column: 'reverses', more: 'NULL' },
  { table: 'hold_captures', column: 'transaction_id', more: 'NOT NULL' },
  { table: 'drained_doubts', column: '`id`', more: 'NOT NULL' },
  { table: 'unsettled_ids', column: '`id`', more: 'NOT NULL' },
  { table: 'dropped_entries', column: 'entry_id', more: "NOT NULL COMMENT 'of the transfer or of the change'" },
];

/**
 * Makes room for the legs of transfers between shards, whose ids are those of the transfers with a suffix. A VARCHAR of
 * up to 255 ASCII characters has one length byte, so widening it changes only metadata: no row is written, nothing
 * waits, and processes of the previous release are not affected. With `INPLACE` and `LOCK=NONE`, a server that cannot
 * do it this way returns an error.
 */
export class LongerIds1763840000000 implements MigrationInterface {
  readonly name = 'LongerIds1763840000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const { table, column, more } of COLUMNS)
      await runner.query(`ALTER TABLE ${table} MODIFY ${column} ${id(WIDE)} ${more}, ALGORITHM=INPLACE, LOCK=NONE`);
    // The position contains an id and two accounts. This table has at most one row.
    await runner.query(`ALTER TABLE epoch_recovery MODIFY doubt_position ${position(512)}`);
  }

  /** Fails if an id would have to be truncated. */
  async down(runner: QueryRunner): Promise<void> {
    for (const { table, column, more } of COLUMNS)
      await runner.query(`ALTER TABLE ${table} MODIFY ${column} ${id(NARROW)} ${more}`);
    await runner.query(`ALTER TABLE epoch_recovery MODIFY doubt_position ${position(255)}`);
  }
}

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';
const id = (length: number): string => `VARCHAR(${length}) ${TEXT}`;
const position = (length: number): string =>
  `${id(length)} NOT NULL DEFAULT '' COMMENT 'the last attempt in doubt that is done, JSON'`;
