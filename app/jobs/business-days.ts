import type { BusinessDay } from '../domain/business-calendar.ts';
import { wallClock } from '../kernel/schedule.ts';
import { firstMomentAt } from '../kernel/wall-time.ts';

/** When business days end. */
export interface CalendarSettings {
  timeZone: string;
  /** `HH:MM` on the wall clock of the zone. */
  cutoff: string;
}

const DAY_MS = 86_400_000;
const NOON_MINUTES = 12 * 60;

/**
 * The business days of a zone after `last`, oldest first, up to the first one that starts after `until`. If `last` is
 * null, they begin with the month before `from`, so that the month of `from` is complete.
 */
export function businessDays(
  settings: CalendarSettings,
  last: BusinessDay | null,
  { from, until }: { from: number; until: number },
): BusinessDay[] {
  const days: BusinessDay[] = [];
  let date = last ? Date.parse(last.day) + DAY_MS : firstOfMonth(wallClock(settings.timeZone, from) - DAY_MS);
  for (let previous = last; previous === null || previous.dayStart <= until; date += DAY_MS) {
    const dayStart = startOf(settings, date);
    // Skips a date that the zone skips, or that, after a change of the settings, would begin before the previous one.
    if (dayStart === null || (previous && dayStart <= previous.dayStart)) continue;
    const day = new Date(date).toISOString().slice(0, 10);
    const sameMonth = previous?.day.slice(0, 7) === day.slice(0, 7);
    previous = { day, dayStart, monthStart: previous && sameMonth ? previous.monthStart : dayStart };
    days.push(previous);
  }
  return days;
}

const firstOfMonth = (wallMs: number): number => {
  const date = new Date(wallMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
};

/**
 * A business day has the date on which most of it falls: one that starts at noon or later belongs to the next date.
 * Null for a date that the zone skips.
 */
function startOf({ timeZone, cutoff }: CalendarSettings, date: number): number | null {
  const minutes = Number(cutoff.slice(0, 2)) * 60 + Number(cutoff.slice(3));
  const wall = date + minutes * 60_000 - (minutes >= NOON_MINUTES ? DAY_MS : 0);
  const start = firstMomentAt(timeZone, wall);
  return wallClock(timeZone, start) - wall < DAY_MS ? start : null;
}
