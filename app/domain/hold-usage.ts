import type { CountedHold, HoldAfter, HoldState } from './hold-types.ts';
import { leftOf } from './holds.ts';
import { type AccountLimits, counting, givingBack, isCountedIn, type Usage, usageIn, type Windows } from './limits.ts';

/**
 * Holds and the windows of limits. A hold counts as a debit when it is placed or raised, and its captures do not count
 * again. What is released without a capture is given back to each window in which it was counted, if that window is
 * still the account's latest. Captures take what was counted first; a lower amount releases what was counted last.
 */

const NOT_COUNTED: CountedHold = { at: 0, day: 0, month: 0 };

/** What happened to a hold: by how much `held` changed, and what a capture moved. */
interface Happened extends Pick<HoldAfter, 'hold' | 'heldChange'> {
  moved: number;
}

/**
 * The hold after an event, with the amounts that windows count, and how the event changes their usage.
 * @param before null if the hold is being placed
 */
export function counted(
  before: HoldState | null,
  { hold, heldChange, moved }: Happened,
  limits: AccountLimits | null,
  { windows, now }: { windows: Windows | null; now: number },
): Pick<HoldAfter, 'hold' | 'usageChange'> {
  const was = before?.counted ?? NOT_COUNTED;
  if (heldChange > 0) {
    if (!limits) return { hold };
    if (!windows) throw new RangeError('limits need the windows of the call');
    const { dayStart, monthStart } = usageIn(limits.usage, windows);
    const kept = (start: number, amount: number) => (isCountedIn(start, was.at, limits.usage) ? amount : 0);
    return {
      hold: {
        ...hold,
        counted: {
          at: now,
          day: kept(dayStart, was.day) + heldChange,
          month: kept(monthStart, was.month) + heldChange,
        },
      },
      usageChange: { day: heldChange, month: heldChange },
    };
  }
  if (was.at === 0) return { hold };
  const left = (before ? leftOf(before) : 0) - moved;
  const day = Math.min(was.day, left);
  const month = Math.min(was.month, left);
  const released = 0 - heldChange - moved;
  const back = { day: Math.min(day, released), month: Math.min(month, released) };
  return {
    hold: { ...hold, counted: { at: was.at, day: day - back.day, month: month - back.month } },
    ...((back.day > 0 || back.month > 0) && { usageChange: { day: 0 - back.day, month: 0 - back.month } }),
  };
}

/** The usage of an account after an event of one of its holds. @param windowsOf the windows in which the event was accepted */
export function usageAfterEvent(
  usage: Usage,
  { hold, usageChange }: Pick<HoldAfter, 'hold' | 'usageChange'>,
  windowsOf: () => Windows,
): Usage {
  if (!usageChange) return usage;
  const { day, month } = usageChange;
  if (day > 0) return counting(usage, windowsOf(), { debit: day });
  return givingBack(usage, hold.counted?.at ?? 0, { day: 0 - day, month: 0 - month });
}
