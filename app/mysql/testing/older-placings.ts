import type { Database } from '../connection/pool.ts';

/** Stores placings of holds as a build before decision 070 does: as events, and not in the rows of the holds. */
export async function placeByEvents(database: Database, holdIds: readonly string[]): Promise<void> {
  await database.rows(INTO_EVENTS, [holdIds]);
  await database.rows(
    `UPDATE holds SET placed_version = NULL, placed_balance = NULL, placed_held = NULL, placed_settings_version = NULL,
       placed_counted = 0 WHERE hold_id IN (?)`,
    [holdIds],
  );
}

const ACCEPTED_MS = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', accepted_at) DIV 1000";
const COUNTED = 'placed_counted * placed_amount';
const INTO_EVENTS = `INSERT INTO hold_events (account_id, version, kind, hold_id, currency, balance_after, held_after,
    held_change, settings_version, hold_amount, expires_at_ms, revision, counted_at_ms, counted_day, counted_month,
    day_change, month_change, accepted_at, accepted_after_ms, persisted_at, \`user\`, correlation_id, epoch, seq)
  SELECT account_id, placed_version, 'PLACED', hold_id, currency, placed_balance, placed_held, placed_amount,
    placed_settings_version, placed_amount, COALESCE(asked_expires_at_ms, ${ACCEPTED_MS} + 604800000), 1,
    placed_counted * (${ACCEPTED_MS}), ${COUNTED}, ${COUNTED}, ${COUNTED}, ${COUNTED}, accepted_at, accepted_after_ms,
    persisted_at, \`user\`, correlation_id, epoch, seq
  FROM holds WHERE hold_id IN (?)`;
