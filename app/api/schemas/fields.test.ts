import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTimestamp, parseTimestamp } from './fields.ts';

describe('parseTimestamp', () => {
  it('reads whatever formatTimestamp wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (ms) => {
        expect(parseTimestamp(formatTimestamp(ms))).toBe(ms);
      }),
    );
  });
  it('reads times that alternate', () => {
    const few = fc.array(fc.constantFrom(0, 1, 999, 604_800_000, 1_769_860_800_123), { maxLength: 20 });
    fc.assert(
      fc.property(few, (times) => {
        expect(times.map((ms) => parseTimestamp(formatTimestamp(ms)))).toEqual(times);
      }),
    );
  });
  it('accepts offsets, and truncates fractions to milliseconds', () => {
    expect(parseTimestamp('2026-01-31T13:30:00+01:30')).toBe(Date.UTC(2026, 0, 31, 12));
    expect(parseTimestamp('2026-01-31T12:00:00.1239Z')).toBe(Date.UTC(2026, 0, 31, 12, 0, 0, 123));
    expect(parseTimestamp('2024-02-29T00:00:00Z')).toBe(Date.UTC(2024, 1, 29));
    expect(parseTimestamp('2000-02-29T00:00:00Z')).toBe(Date.UTC(2000, 1, 29));
  });
  it.each([
    ['a day that does not exist', '2026-02-29T00:00:00Z'],
    ['a leap day in a century year without one', '2100-02-29T00:00:00Z'],
    ['31 April', '2026-04-31T00:00:00Z'],
    ['day zero', '2026-01-00T00:00:00Z'],
    ['month 13', '2026-13-01T00:00:00Z'],
    ['month zero', '2026-00-01T00:00:00Z'],
    ['hour 24', '2026-01-01T24:00:00Z'],
    ['minute 60', '2026-01-01T00:60:00Z'],
    ['a leap second', '2016-12-31T23:59:60Z'],
    ['no zone', '2026-01-01T00:00:00'],
    ['no seconds', '2026-01-01T00:00Z'],
    ['an offset of a day', '2026-01-01T00:00:00+24:00'],
    ['a time before 1970', '1969-12-31T23:59:59Z'],
    ['milliseconds as text', '1769860800000'],
    ['a date alone', '2026-01-01'],
    ['nothing', ''],
  ])('rejects %s', (_what, text) => {
    expect(parseTimestamp(text)).toBeNull();
  });
});
