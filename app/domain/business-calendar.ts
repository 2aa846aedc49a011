import type { Windows } from './limits.ts';
import { Problem } from './problem.ts';

/** A business day, which ends when the next one starts. */
export interface BusinessDay extends Windows {
  /** `YYYY-MM-DD`: the date on which most of the day falls. */
  day: string;
}

/** Business days, oldest first. The last one only marks the end of the one before it. */
export interface BusinessCalendar {
  days: readonly Windows[];
  /** From this time on, ms since 1970, the calendar must be read again, because it may have been changed. */
  validUntil: number;
}

/**
 * A store's clock counts as unsure if it is further ahead of a pod's than this, ms: the same as UNSURE_MS in
 * includes/limits.lua.
 */
const CLOCK_AHEAD_MS_MAX = 5_000;

/** The windows into which a time falls, or null if the calendar does not cover it: windows are never guessed. */
export function windowsAt(calendar: BusinessCalendar | null, time: number): Windows | null {
  if (!calendar || time >= calendar.validUntil) return null;
  const { days } = calendar;
  const next = days.findIndex(({ dayStart }) => dayStart > time);
  return (next > 0 && days[next - 1]) || null;
}

/** Why a transfer that counts in windows cannot be decided now. */
export type Unwindowed = 'clock_unsure' | 'calendar_unavailable';

/**
 * The windows of a call. @param time the time of the store that decides @param podNow the time of the pod that makes
 * the call
 */
export function windowsOfCall(calendar: BusinessCalendar | null, time: number, podNow: number): Windows | Unwindowed {
  if (time - podNow > CLOCK_AHEAD_MS_MAX) return 'clock_unsure';
  return windowsAt(calendar, time) ?? 'calendar_unavailable';
}

export function unwindowed(why: Unwindowed): Problem {
  return new Problem(
    why,
    why === 'clock_unsure'
      ? 'the clock of the store is too far ahead of the pod to determine the business day of the transfer'
      : 'the business calendar does not cover the time of the transfer',
  );
}
