export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** 0 = Monday … 6 = Sunday, UTC. */
export function weekdayOf(dayMs: number): number {
  return (new Date(dayMs).getUTCDay() + 6) % 7;
}

export function isFirstOfMonth(dayMs: number): boolean {
  return new Date(dayMs).getUTCDate() === 1;
}

/**
 * Whether the day is the last day of its month that is neither a Saturday nor a Sunday. Public holidays are ignored:
 * they differ between the countries of the bank.
 */
export function isLastWorkingDay(dayMs: number): boolean {
  if (weekdayOf(dayMs) > 4) return false;
  const month = new Date(dayMs).getUTCMonth();
  for (let later = dayMs + DAY_MS; new Date(later).getUTCMonth() === month; later += DAY_MS) {
    if (weekdayOf(later) <= 4) return false;
  }
  return true;
}

/** "2025-01", for references. */
export function monthOf(dayMs: number): string {
  return new Date(dayMs).toISOString().slice(0, 7);
}

/** Midnights (ms since 1970, UTC) of `days` days from `startMs`. */
export function* daysFrom(startMs: number, days: number): Generator<number> {
  for (let day = 0; day < days; day++) yield startMs + day * DAY_MS;
}
