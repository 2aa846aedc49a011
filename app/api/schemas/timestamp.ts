const RFC_3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/**
 * Milliseconds since 1970 of an RFC 3339 date-time, or null if it is invalid. Finer fractions are truncated to
 * milliseconds.
 *
 * Stricter than `Date.parse`, which reads 31 February as 3 March. Leap seconds and times before 1970 are rejected:
 * milliseconds since 1970 cannot represent the former, and the ledger has no use for the latter.
 */
export function parseTimestamp(text: string): number | null {
  const parts = RFC_3339.exec(text);
  if (parts === null) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  const ms = Date.parse(text);
  return ms >= 0 ? ms : null;
}

let latestMs = 0;
let latest = '1970-01-01T00:00:00.000Z';

/**
 * RFC 3339 in UTC with milliseconds: `2026-01-02T03:04:05.678Z`. The latest result is cached: a batch has one time for
 * all items.
 */
export function formatTimestamp(ms: number): string {
  if (ms !== latestMs) {
    latest = new Date(ms).toISOString();
    latestMs = ms;
  }
  return latest;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
