import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { windowsAt } from '../../domain/business-calendar.ts';
import { migratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { SqlCalendarStore } from './calendar-store.ts';

const DAY_MS = 86_400_000;
const UTC = { timeZone: 'UTC', cutoff: '00:00' };

let db: TestDatabase;
let store: SqlCalendarStore;
beforeAll(async () => {
  db = await migratedDatabase();
  store = new SqlCalendarStore(db.database);
});
afterAll(() => db.drop());
beforeEach(() => db.database.rows('DELETE FROM business_days'));

const rows = () =>
  db.database.rows<{ day: string; start_ms: number; month_start_ms: number; cutoff: string }>(
    "SELECT DATE_FORMAT(`day`, '%Y-%m-%d') AS `day`, start_ms, month_start_ms, cutoff FROM business_days ORDER BY start_ms",
  );
const now = async () => {
  const [row] = await db.database.rows<{ now: number }>('SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now');
  return row?.now ?? 0;
};

it('the calendar contains the current day, the current month, and the next 400 days', async () => {
  await store.extend(UTC);
  const time = await now();
  const calendar = await store.read();
  const today = Math.floor(time / DAY_MS) * DAY_MS;
  const month = Date.parse(`${new Date(time).toISOString().slice(0, 7)}-01`);
  expect(windowsAt(calendar, time)).toEqual({ dayStart: today, monthStart: month });
  expect(calendar.validUntil - time).toBeGreaterThan(DAY_MS - 60_000);
  expect(calendar.validUntil - time).toBeLessThan(DAY_MS + 60_000);
  expect(calendar.days.at(-1)?.dayStart).toBeGreaterThan(time + 400 * DAY_MS);
});

it('the calendar is written once, even if many keepers write it at the same time, and is extended later', async () => {
  await Promise.all(Array.from({ length: 4 }, () => new SqlCalendarStore(db.database).extend(UTC)));
  const whole = await rows();
  expect(new Set(whole.map(({ day }) => day)).size).toBe(whole.length);
  await db.database.rows('DELETE FROM business_days WHERE start_ms > ?', [(await now()) + 100 * DAY_MS]);
  await store.extend(UTC);
  expect(await rows()).toEqual(whole);
});

it('the calendar follows new settings from the first day that begins more than two days from now', async () => {
  await store.extend(UTC);
  const before = await rows();
  const time = await now();
  await store.extend({ timeZone: 'UTC', cutoff: '18:00' });
  const after = await rows();
  const fixed = before.filter(({ start_ms }) => start_ms <= time + 2 * DAY_MS);
  expect(after.slice(0, fixed.length)).toEqual(fixed);
  const [first, ...later] = after.slice(fixed.length);
  expect(first?.start_ms).toBeGreaterThan(fixed.at(-1)?.start_ms ?? 0);
  for (const one of [first, ...later])
    expect([one?.cutoff, (one?.start_ms ?? 0) % DAY_MS]).toEqual(['18:00', DAY_MS * 0.75]);
  const dates = after.map(({ day }) => day);
  expect(dates).toEqual([...new Set(dates)].sort());
});
