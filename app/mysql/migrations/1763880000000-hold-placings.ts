import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Adds the placing of a hold to the row of the hold. Every column is nullable or has a default, and is the last one, so
 * adding it is instant; the index is built while the table is in use. Builds between two releases wrote placings as
 * rows of `hold_events`. Those rows stay there, and more may be written during an upgrade, so placings are read from
 * both tables.
 */
export class HoldPlacings1763880000000 implements MigrationInterface {
  readonly name = 'HoldPlacings1763880000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const [column, type] of Object.entries(COLUMNS)) {
      if (!(await runner.hasColumn('holds', column)))
        await runner.query(`ALTER TABLE holds ADD COLUMN ${column} ${type}`);
    }
    if (!(await hasIndex(runner)))
      await runner.query(
        `CREATE UNIQUE INDEX ${INDEX} ON holds (account_id, placed_version) ALGORITHM=INPLACE LOCK=NONE`,
      );
  }

  /** Fails if a version is already in `hold_events`, before anything is dropped. */
  async down(runner: QueryRunner): Promise<void> {
    if (await runner.hasColumn('holds', 'placed_version')) await runner.query(INTO_EVENTS);
    if (await hasIndex(runner)) await runner.query(`DROP INDEX ${INDEX} ON holds`);
    for (const column of Object.keys(COLUMNS)) {
      if (await runner.hasColumn('holds', column)) await runner.query(`ALTER TABLE holds DROP COLUMN ${column}`);
    }
  }
}

const INDEX = 'hold_placing';
/** The version comes first, because without it, the others mean nothing. */
const COLUMNS = {
  placed_version: "BIGINT NULL COMMENT 'the version of the account that placing the hold created; null: refused'",
  placed_balance: "BIGINT NULL COMMENT 'of the account, after the hold was placed'",
  placed_held: 'BIGINT NULL',
  placed_settings_version: 'INT UNSIGNED NULL',
  placed_counted: "TINYINT(1) NOT NULL DEFAULT 0 COMMENT 'whether the windows of the account counted the amount'",
};

/** When a hold was accepted, ms since 1970; it expires 7 days later unless its request named another time. */
const ACCEPTED_MS = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', h.accepted_at) DIV 1000";
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;
const COUNTED = 'h.placed_counted * h.placed_amount';
/** Has no effect on placings that an earlier run has moved. */
const INTO_EVENTS = `INSERT INTO hold_events (account_id, version, kind, hold_id, currency, balance_after, held_after,
    held_change, settings_version, hold_amount, expires_at_ms, revision, counted_at_ms, counted_day, counted_month,
    day_change, month_change, accepted_at, accepted_after_ms, persisted_at, \`user\`, correlation_id, epoch, seq)
  SELECT h.account_id, h.placed_version, 'PLACED', h.hold_id, h.currency, h.placed_balance, h.placed_held, h.placed_amount,
    h.placed_settings_version, h.placed_amount, COALESCE(h.asked_expires_at_ms, ${ACCEPTED_MS} + ${WEEK_MS}), 1,
    IF(h.placed_counted, ${ACCEPTED_MS}, 0), ${COUNTED}, ${COUNTED}, ${COUNTED}, ${COUNTED}, h.accepted_at,
    h.accepted_after_ms, h.persisted_at, h.\`user\`, h.correlation_id, h.epoch, h.seq
  FROM holds h LEFT JOIN hold_events e ON e.hold_id = h.hold_id AND e.revision = 1
  WHERE h.placed_version IS NOT NULL AND e.hold_id IS NULL`;

async function hasIndex(runner: QueryRunner): Promise<boolean> {
  const found = (await runner.query(
    `SELECT 1 FROM information_schema.statistics
     WHERE table_schema = DATABASE() AND \`table_name\` = 'holds' AND index_name = '${INDEX}'`,
  )) as unknown[];
  return found.length > 0;
}
