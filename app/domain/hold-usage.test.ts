import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { windowsAt } from './business-calendar.ts';
import type { HoldState } from './hold-types.ts';
import { counted, usageAfterEvent } from './hold-usage.ts';
import { decideCapture, decideChange, decidePlacing, decideVoid, type HoldStep } from './holds.ts';
import { type AccountLimits, changedLimits, debitRefusalOf, givingBack, type Usage, usageIn } from './limits.ts';
import { calendarFrom } from './testing/business-days.ts';
import { assertCovering } from './testing/covering.ts';
import { NO_LIMITS, NO_USAGE } from './testing/limits.ts';
import { accountOf } from './testing/orders.ts';

const HOUR_MS = 3_600_000;
const BEGIN = Date.UTC(2026, 0, 31, 9);
/** The maximum number of events in a history, and the maximum time between two of them. */
const EVENTS_MAX = 60;
const LATER_HOURS_MAX = 240;
const CALENDAR = calendarFrom(BEGIN, 10 + (EVENTS_MAX * LATER_HOURS_MAX) / 24);
const windowsOf = (time: number) => {
  const windows = windowsAt(CALENDAR, time);
  if (!windows) throw new Error('the calendar must cover every history');
  return windows;
};
const LIMITS = { ...NO_LIMITS, transferMax: 100, dailyDebitMax: 150, monthlyDebitMax: 400 };

describe('givingBack', () => {
  const usage: Usage = { ...NO_USAGE, countedSince: 10, dayStart: 20, dayDebit: 7, monthStart: 10, monthDebit: 9 };

  it.each<[string, number, Partial<Usage>]>([
    ['both windows in which it was counted', 20, { dayDebit: 2, monthDebit: 3 }],
    ['the month alone if it was counted on an earlier day of that month', 19, { monthDebit: 3 }],
    ['neither if it was counted before the account had these limits', 9, {}],
  ])('reduces %s', (_, at, after) => {
    expect(givingBack(usage, at, { day: 5, month: 6 })).toEqual({ ...usage, ...after });
  });

  it('never reduces a sum that has reached the end of the exact range', () => {
    const full = { ...usage, dayDebit: Number.MAX_SAFE_INTEGER };
    expect(givingBack(full, 20, { day: 5, month: 6 })).toEqual({ ...full, monthDebit: 3 });
  });
});

/**
 * The simplest way to count: each unit of a hold has the time at which it was counted, or null. Captures take the units that
 * were reserved first; a lower amount releases the ones that were reserved last.
 */
class Units {
  readonly #of = new Map<number, (number | null)[]>();
  /** Everything that counts as a debit, with its time. */
  #debits: number[] = [];

  add(n: number, amount: number, time: number | null): void {
    const units = Array.from({ length: amount }, () => time);
    this.#of.set(n, [...(this.#of.get(n) ?? []), ...units]);
    if (time !== null) this.#debits.push(...(units as number[]));
  }
  capture(n: number, amount: number): void {
    this.#of.get(n)?.splice(0, amount);
  }
  release(n: number, amount: number): void {
    const units = this.#of.get(n) ?? [];
    for (const time of units.splice(units.length - amount, amount)) {
      const at = time === null ? -1 : this.#debits.indexOf(time);
      if (at >= 0) this.#debits.splice(at, 1);
    }
  }
  /** Counting starts over: amounts counted before are never given back. */
  beginAgain(): void {
    this.#debits = [];
  }
  since(start: number): number {
    return this.#debits.filter((time) => time >= start).length;
  }
}

const anyEvent = fc.record({
  what: fc.constantFrom('place', 'place', 'place', 'change', 'change', 'capture', 'capture', 'void', 'limits'),
  n: fc.nat(4),
  amount: fc.option(fc.integer({ min: 1, max: 110 })),
  final: fc.boolean(),
  laterHours: fc.constantFrom(1, 1, 1, 2, 13, 30, LATER_HOURS_MAX),
});
type Event = typeof anyEvent extends fc.Arbitrary<infer E> ? E : never;

function stepOf({ what, amount, final }: Event, hold: HoldState | undefined, now: number) {
  const account = { ...accountOf('a', { balance: 1_000_000 }), held: 0 };
  const step = (() => {
    if (what === 'place')
      return hold?.status === 'OPEN'
        ? null
        : decidePlacing({ amount: amount ?? 10, currency: 'EUR', expiresAt: now + 1e12 }, account, null, now);
    if (!hold) return null;
    if (what === 'change')
      return decideChange(hold, { amount, expiresAt: null, expectedRevision: hold.revision }, account, now);
    if (what === 'capture') return decideCapture(hold, { amount, final }, account, accountOf('b'), now);
    return what === 'void' ? decideVoid(hold) : null;
  })();
  return step === null || typeof step === 'string' ? null : (step as HoldStep & { amount?: number });
}

it('in any history, the usage equals the result of counting each unit separately, and no window is exceeded', async () => {
  const seen = new Set<string>();
  const property = fc.property(fc.array(anyEvent, { maxLength: EVENTS_MAX }), (events) => {
    const holds = new Map<number, HoldState>();
    const units = new Units();
    let limits: AccountLimits | null = { ...LIMITS, usage: { ...NO_USAGE, countedSince: BEGIN } };
    let now = BEGIN;
    for (const event of events) {
      now += event.laterHours * HOUR_MS;
      if (event.what === 'limits') {
        const begins: boolean = limits === null;
        limits = changedLimits(limits, begins ? LIMITS : NO_LIMITS, now);
        if (begins) units.beginAgain();
        continue;
      }
      const before = event.what === 'place' ? undefined : holds.get(event.n);
      const step = stepOf(event, event.what === 'place' ? holds.get(event.n) : before, now);
      if (!step) continue;
      const happened = { hold: step.hold, heldChange: step.heldChange, moved: step.amount ?? 0 };
      const windows = windowsOf(now);
      const isRaise = step.heldChange > 0;
      if (isRaise && debitRefusalOf({ limits }, step.hold.amount, step.heldChange, windows)) continue;
      const after = counted(before ?? null, happened, limits, { windows, now });
      holds.set(event.n, after.hold);
      const usageBefore: Usage | undefined = limits?.usage;
      if (limits) limits = { ...limits, usage: usageAfterEvent(limits.usage, after, () => windows) };
      if (isRaise) units.add(event.n, step.heldChange, limits ? now : null);
      else {
        units.capture(event.n, happened.moved);
        units.release(event.n, 0 - step.heldChange - happened.moved);
      }
      if (!limits) continue;
      const { dayDebit, monthDebit, dayStart, monthStart } = limits.usage;
      expect([event, dayDebit, monthDebit]).toEqual([event, units.since(dayStart), units.since(monthStart)]);
      const current = usageIn(limits.usage, windows);
      expect(current.dayDebit).toBeLessThanOrEqual(150);
      expect(current.monthDebit).toBeLessThanOrEqual(400);
      const back = [dayDebit < (usageBefore?.dayDebit ?? 0), monthDebit < (usageBefore?.monthDebit ?? 0)];
      if (!isRaise) seen.add(`${event.what} gives back to ${back}`);
    }
  });
  const all = ['capture', 'change', 'void'].flatMap((what) =>
    ['false,false', 'false,true', 'true,true'].map((back) => `${what} gives back to ${back}`),
  );
  await assertCovering(property, { numRuns: 2_000 }, () => all.filter((one) => !seen.has(one)));
});
