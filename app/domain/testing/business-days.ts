import type { BusinessCalendar, BusinessDay } from '../business-calendar.ts';

const DAY_MS = 86_400_000;
const DAYS = 60;

/**
 * UTC business days that start shortly before a given time. Every tenth day begins a month, so that tests cross the
 * ends of months.
 */
export function businessDaysFrom(time: number, days = DAYS): BusinessDay[] {
  const first = Math.floor(time / DAY_MS) - 2;
  return Array.from({ length: days }, (_, n) => ({
    day: new Date((first + n) * DAY_MS).toISOString().slice(0, 10),
    dayStart: (first + n) * DAY_MS,
    monthStart: (first + n - (n % 10)) * DAY_MS,
  }));
}

export const calendarFrom = (time: number, days = DAYS): BusinessCalendar => ({
  days: businessDaysFrom(time, days),
  validUntil: Number.MAX_SAFE_INTEGER,
});
