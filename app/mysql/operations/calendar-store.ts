import type { BusinessCalendar, BusinessDay } from '../../domain/business-calendar.ts';
import { businessDays, type CalendarSettings } from '../../jobs/business-days.ts';
import type { CalendarStore } from '../../jobs/calendar-keeper.ts';
import type { Database, Session } from '../connection/pool.ts';
import { readCalendar } from '../rows/business-day-row.ts';

const DAY_MS = 86_400_000;
const DAYS_AHEAD = 400;
/**
 * Days that begin later than this, ms from now, may still change. A process may use a calendar only for a shorter time, so that
 * no process uses an outdated one.
 */
const FIXED_MS = 2 * DAY_MS;

interface DayColumns {
  day: string;
  start_ms: number;
  month_start_ms: number;
  time_zone: string;
  cutoff: string;
}

/** The business calendar, one row per day. */
export class SqlCalendarStore implements CalendarStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  /** Runs in one transaction, which waits for the transaction of another keeper. */
  async extend(settings: CalendarSettings): Promise<void> {
    await this.#database.rows("INSERT IGNORE INTO job_leases (job) VALUES ('calendar')");
    await this.#database.transaction(async (session) => {
      await session.rows("SELECT 1 FROM job_leases WHERE job = 'calendar' FOR UPDATE");
      const [now] = await session.rows<{ now_ms: number }>(
        'SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now_ms',
      );
      if (now) await extendFrom(session, settings, now.now_ms);
    });
  }

  read(): Promise<BusinessCalendar> {
    return readCalendar(this.#database);
  }
}

async function extendFrom(session: Session, settings: CalendarSettings, nowMs: number): Promise<void> {
  const rows = await session.rows<DayColumns>(
    `SELECT DATE_FORMAT(\`day\`, '%Y-%m-%d') AS \`day\`, start_ms, month_start_ms, time_zone, cutoff FROM business_days
     WHERE start_ms > ? ORDER BY start_ms`,
    [nowMs - FIXED_MS],
  );
  const other = rows.find((row) => row.start_ms > nowMs + FIXED_MS && !follows(row, settings));
  if (other) await session.run('DELETE FROM business_days WHERE start_ms >= ?', [other.start_ms]);
  const last = rows.filter((row) => !other || row.start_ms < other.start_ms).at(-1);
  const known = last ? { day: last.day, dayStart: last.start_ms, monthStart: last.month_start_ms } : null;
  const days = businessDays(settings, known, { from: nowMs, until: nowMs + DAYS_AHEAD * DAY_MS });
  if (days.length === 0) return;
  await session.run('INSERT INTO business_days (`day`, start_ms, month_start_ms, time_zone, cutoff) VALUES ?', [
    days.map((day: BusinessDay) => [day.day, day.dayStart, day.monthStart, settings.timeZone, settings.cutoff]),
  ]);
}

const follows = (row: DayColumns, { timeZone, cutoff }: CalendarSettings): boolean =>
  row.time_zone === timeZone && row.cutoff === cutoff;
