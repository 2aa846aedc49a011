import { type CronExpression, CronExpressionParser } from 'cron-parser';

/** Whether this is a cron expression with five fields, or six including seconds. */
export function isCron(text: string): boolean {
  if (![5, 6].includes(text.trim().split(/\s+/).length)) return false;
  try {
    CronExpressionParser.parse(text);
    return true;
  } catch {
    return false;
  }
}

export function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

export interface Slot {
  /** The scheduled wall-clock time, such as `2026-03-29T02:30:00`: it sorts by time, and identifies the run. */
  name: string;
  /** How long ago the scheduled time was, on the wall clock, ms. */
  ageMs: number;
}

/**
 * The latest scheduled time that is due, by the wall clock of a zone. The schedule is evaluated using only wall-clock
 * times: a time that daylight saving time skips is due when the clock jumps over it, and one that occurs twice is a
 * single slot. So no night is skipped and none has two runs, regardless of the process's time zone.
 */
export function latestSlot(cron: string, timeZone: string, nowMs: number): Slot {
  const wall = wallClock(timeZone, nowMs);
  // `prev` is exclusive, but a slot is due at its exact second.
  const schedule = scheduleOf(cron);
  schedule.reset(new Date(wall + 1));
  const slot = schedule.prev().getTime();
  return { name: new Date(slot).toISOString().slice(0, 19), ageMs: wall - slot };
}

/** The wall-clock time of a zone, as ms since 1970, treated as if it were UTC. */
export function wallClock(timeZone: string, nowMs: number): number {
  const parts = formatOf(timeZone).formatToParts(nowMs);
  const of = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((part) => part.type === type)?.value);
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
}

// Each schedule and each formatter is created once: creating one costs many times as much as using it, and a process
// has one schedule in one zone.
const schedules = new Map<string, CronExpression>();
const formats = new Map<string, Intl.DateTimeFormat>();

function scheduleOf(cron: string): CronExpression {
  const schedule = schedules.get(cron) ?? CronExpressionParser.parse(cron, { tz: 'UTC' });
  schedules.set(cron, schedule);
  return schedule;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  return format;
}
