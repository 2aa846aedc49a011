import { describe, expect, it } from 'vitest';
import { businessDays, type CalendarSettings } from './business-days.ts';

const HOUR_MS = 3_600_000;

/** The starts of the business days that begin with a given date, in UTC. */
function starts(settings: CalendarSettings, from: string, count: number): string[] {
  const time = Date.parse(from);
  const days = businessDays(settings, null, { from: time, until: time + count * 24 * HOUR_MS });
  return days
    .filter(({ day }) => day >= from.slice(0, 10))
    .slice(0, count)
    .map(({ day, dayStart }) => `${day} ${new Date(dayStart).toISOString().slice(0, 19)}`);
}

describe('business days', () => {
  it('begin at midnight UTC by default', () => {
    expect(starts({ timeZone: 'UTC', cutoff: '00:00' }, '2026-02-28T12:00:00Z', 2)).toEqual([
      '2026-02-28 2026-02-28T00:00:00',
      '2026-03-01 2026-03-01T00:00:00',
    ]);
  });

  it('begin at midnight in their zone, in winter and in summer', () => {
    expect(starts({ timeZone: 'Europe/Berlin', cutoff: '00:00' }, '2026-03-28T12:00:00Z', 3)).toEqual([
      '2026-03-28 2026-03-27T23:00:00',
      '2026-03-29 2026-03-28T23:00:00',
      '2026-03-30 2026-03-29T22:00:00',
    ]);
    expect(starts({ timeZone: 'Asia/Kolkata', cutoff: '00:00' }, '2026-01-01T12:00:00Z', 1)).toEqual([
      '2026-01-01 2025-12-31T18:30:00',
    ]);
  });

  it('have the date on which most of each day falls', () => {
    expect(starts({ timeZone: 'UTC', cutoff: '17:30' }, '2026-01-31T12:00:00Z', 2)).toEqual([
      '2026-01-31 2026-01-30T17:30:00',
      '2026-02-01 2026-01-31T17:30:00',
    ]);
    expect(starts({ timeZone: 'UTC', cutoff: '11:59' }, '2026-01-31T12:00:00Z', 1)).toEqual([
      '2026-01-31 2026-01-31T11:59:00',
    ]);
  });

  it('begin at the first moment after a cutoff that does not exist', () => {
    // 02:00 to 03:00 does not exist in Berlin on March 29; in Santiago, midnight does not exist on September 6.
    expect(starts({ timeZone: 'Europe/Berlin', cutoff: '02:30' }, '2026-03-29T12:00:00Z', 2)).toEqual([
      '2026-03-29 2026-03-29T01:00:00',
      '2026-03-30 2026-03-30T00:30:00',
    ]);
    expect(starts({ timeZone: 'America/Santiago', cutoff: '00:00' }, '2026-09-06T12:00:00Z', 1)).toEqual([
      '2026-09-06 2026-09-06T04:00:00',
    ]);
  });

  it('begin at the first cutoff if it occurs twice', () => {
    expect(starts({ timeZone: 'Europe/Berlin', cutoff: '02:30' }, '2026-10-25T12:00:00Z', 2)).toEqual([
      '2026-10-25 2026-10-25T00:30:00',
      '2026-10-26 2026-10-26T01:30:00',
    ]);
  });

  it('skip a date that the time zone skips', () => {
    expect(starts({ timeZone: 'Pacific/Apia', cutoff: '00:00' }, '2011-12-29T12:00:00Z', 2)).toEqual([
      '2011-12-29 2011-12-29T10:00:00',
      '2011-12-31 2011-12-30T10:00:00',
    ]);
  });

  it('have the start of their month, which is the start of its first day', () => {
    const from = Date.parse('2026-03-15T12:00:00Z');
    const days = businessDays({ timeZone: 'UTC', cutoff: '00:00' }, null, { from, until: from + 40 * 24 * HOUR_MS });
    expect(days[0]).toMatchObject({ day: '2026-03-01' });
    for (const { day, monthStart } of days) expect(monthStart).toBe(Date.parse(`${day.slice(0, 7)}-01T00:00:00Z`));
  });

  it('continue after a day that has other settings, and never begin before that day', () => {
    const last = { day: '2026-03-15', dayStart: Date.parse('2026-03-15T00:00:00Z'), monthStart: 1 };
    const span = { from: last.dayStart, until: last.dayStart + 48 * HOUR_MS };
    const [next] = businessDays({ timeZone: 'UTC', cutoff: '18:00' }, last, span);
    expect(next).toEqual({ day: '2026-03-16', dayStart: Date.parse('2026-03-15T18:00:00Z'), monthStart: 1 });
    const ahead = { ...last, dayStart: Date.parse('2026-03-16T06:00:00Z') };
    const [later] = businessDays({ timeZone: 'UTC', cutoff: '00:00' }, ahead, span);
    expect(later).toMatchObject({ day: '2026-03-17' });
  });
});
