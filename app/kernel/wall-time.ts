import { wallClock } from './schedule.ts';

const DAY_MS = 86_400_000;

/**
 * The first moment, ms since 1970, at which the wall clock of a zone shows this time or a later one. If the clock skips
 * the time, this is the first moment after the gap; if the clock shows it twice, the first of the two. At most one
 * change of the zone's offset within a day is supported; no zone has had two.
 * @param wallMs the time on the wall clock, as if it were UTC
 */
export function firstMomentAt(timeZone: string, wallMs: number): number {
  const offsetAt = (time: number) => wallClock(timeZone, time) - Math.floor(time / 1000) * 1000;
  let [before, after] = [wallMs - DAY_MS, wallMs + DAY_MS];
  const [offset, laterOffset] = [offsetAt(before), offsetAt(after)];
  if (offset === laterOffset) return wallMs - offset;
  // `after` becomes the first second with the later offset.
  while (after - before > 1_000) {
    const middle = Math.floor((before + after) / 2_000) * 1_000;
    if (offsetAt(middle) === offset) before = middle;
    else after = middle;
  }
  const moment = wallMs - offset;
  return moment < after ? moment : Math.max(after, wallMs - laterOffset);
}
