import type { BusinessCalendar } from '../../domain/business-calendar.ts';
import type { Database, Session } from '../connection/pool.ts';

const DAY_MS = 86_400_000;
/** The maximum age of the first business day of a calendar. */
const BEHIND_MS = 3 * DAY_MS;
/** Days that begin within two days never change, so a calendar may be used for one day. */
const VALID_MS = DAY_MS;

interface StartColumns {
  start_ms: number;
  month_start_ms: number;
}

/** The business calendar as of now, by MySQL's clock. */
export async function readCalendar(from: Pick<Session | Database, 'rows'>): Promise<BusinessCalendar> {
  const rows = await from.rows<StartColumns & { now_ms: number }>(
    `SELECT start_ms, month_start_ms, n.now_ms FROM business_days
     JOIN (SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now_ms) n
     WHERE start_ms > n.now_ms - ${BEHIND_MS} ORDER BY start_ms`,
  );
  return { days: rows.map(windowsOf), validUntil: (rows[0]?.now_ms ?? 0) + VALID_MS };
}

/** The business days that cover a span of time; days that have begun never change. */
export async function calendarBetween(
  from: Pick<Session | Database, 'rows'>,
  earliest: number,
  latest: number,
): Promise<BusinessCalendar> {
  const rows = await from.rows<StartColumns>(
    'SELECT start_ms, month_start_ms FROM business_days WHERE start_ms > ? AND start_ms < ? ORDER BY start_ms',
    [earliest - BEHIND_MS, latest + BEHIND_MS],
  );
  return { days: rows.map(windowsOf), validUntil: Number.POSITIVE_INFINITY };
}

const windowsOf = (row: StartColumns) => ({ dayStart: row.start_ms, monthStart: row.month_start_ms });
