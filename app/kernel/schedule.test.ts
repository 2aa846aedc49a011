import { afterEach, describe, expect, it } from 'vitest';
import { isCron, isTimeZone, latestSlot } from './schedule.ts';

const MINUTE_MS = 60_000;
/** In these tests, every scheduled time and every clock change is at a multiple of this. */
const CHECK_EVERY_MS = 5 * MINUTE_MS;
const zoneBefore = process.env['TZ'];
afterEach(() => {
  if (zoneBefore === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zoneBefore;
});

/**
 * The slots that a keeper sees if it checks every five minutes: in order, without repetitions, and with the time at
 * which each was first seen.
 */
function slotsSeen(cron: string, zone: string, from: string, days: number): [name: string, at: string][] {
  const seen: [string, string][] = [];
  let done = '';
  const start = Date.parse(from);
  for (let at = start; at < start + days * 24 * 60 * MINUTE_MS; at += CHECK_EVERY_MS) {
    const { name } = latestSlot(cron, zone, at);
    if (name > done && done !== '') seen.push([name, new Date(at).toISOString().slice(0, 16)]);
    if (name > done) done = name;
  }
  return seen;
}

describe.each(['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Kiritimati'])(
  'In a process whose TZ is %s, a schedule',
  (tz) => {
    it('runs once a night in UTC, through both daylight saving changes', () => {
      process.env['TZ'] = tz;
      for (const month of ['03-27', '10-23', '04-03']) {
        const seen = slotsSeen('0 3 * * *', 'UTC', `2026-${month}T12:00:00Z`, 4);
        expect(seen.map(([, at]) => at.slice(11))).toEqual(['03:00', '03:00', '03:00', '03:00']);
      }
    });
    it('runs when the clock jumps over its time at the start of daylight saving time', () => {
      process.env['TZ'] = tz;
      expect(slotsSeen('30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00:00Z', 3)).toEqual([
        ['2026-03-28T02:30:00', '2026-03-28T01:30'],
        ['2026-03-29T02:30:00', '2026-03-29T01:00'],
        ['2026-03-30T02:30:00', '2026-03-30T00:30'],
      ]);
    });
    it('runs once if its time occurs twice at the end of daylight saving time', () => {
      process.env['TZ'] = tz;
      expect(slotsSeen('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 3)).toEqual([
        ['2026-10-25T02:30:00', '2026-10-25T00:30'],
        ['2026-10-26T02:30:00', '2026-10-26T01:30'],
        ['2026-10-27T02:30:00', '2026-10-27T01:30'],
      ]);
    });
  },
);

describe('A schedule', () => {
  it('is due at its exact second, and reports how long ago that was', () => {
    const at = Date.parse('2026-06-01T03:00:00Z');
    expect(latestSlot('0 3 * * *', 'UTC', at)).toEqual({ name: '2026-06-01T03:00:00', ageMs: 0 });
    expect(latestSlot('0 3 * * *', 'UTC', at - 1).name).toBe('2026-05-31T03:00:00');
    expect(latestSlot('0 3 * * *', 'UTC', at + 90_000).ageMs).toBe(90_000);
  });
  it.each(['0 3 * * *', '*/5 * * * *', '0 0 3 * * 1-5'])('accepts %j', (text) => expect(isCron(text)).toBe(true));
  it.each(['daily', '', '0 3 * *', '61 3 * * *', '0 3 * * * * *'])('rejects %j', (text) =>
    expect(isCron(text)).toBe(false),
  );
  it('requires an existing time zone', () => {
    expect([isTimeZone('Europe/Berlin'), isTimeZone('UTC'), isTimeZone('Europe/Nowhere')]).toEqual([true, true, false]);
  });
});
