import type { BookedHoldEvent, BookedTransfer, Books } from './books.ts';
import { leftOf } from './check-holds.ts';
import { append, type OpenedAccount } from './history.ts';
import type { Violations } from './violations.ts';

/**
 * Checks that the debits and holds of an account in a business day never exceed its limit, and that for the latest day,
 * their sum equals the usage that the account stores. A hold counts when it is placed or raised; a capture does not
 * count; an amount that is released without a capture no longer counts, and neither does money that comes back from
 * another shard. Reversals do not count. Independent of app/domain.
 */
export function checkLimits(accounts: readonly OpenedAccount[], books: Books, violations: Violations): void {
  const { businessDays } = books;
  if (!businessDays) return;
  const stored = new Map(books.accounts.map((account) => [account.accountId, account.counted]));
  const steps = stepsByAccount(books);
  for (const { accountId, dailyDebitMax } of accounts) {
    if (dailyDebitMax === undefined) continue;
    const days = new Days(businessDays);
    for (const step of (steps.get(accountId) ?? []).sort((a, b) => a.version - b.version)) {
      const { start, sum } = days.take(step);
      if (sum > dailyDebitMax)
        violations.add(
          'limits',
          `${accountId} paid out ${sum} on the business day from ${start}, but its limit is ${dailyDebitMax}`,
        );
    }
    const { dayStart = 0, dayDebit = 0 } = stored.get(accountId) ?? {};
    const latest = Math.max(dayStart, ...days.sums.keys());
    const paid = days.sums.get(latest) ?? 0;
    if (dayStart !== latest || dayDebit !== paid)
      violations.add(
        'limits',
        `${accountId} has a usage of ${dayDebit} on the business day from ${dayStart}, but paid out ${paid} on the latest business day, from ${latest}`,
      );
  }
}

interface Step {
  version: number;
  acceptedAt: number;
  /** The amount of a transfer; 0 for a hold. */
  paid: number;
  /** The hold after the step; null for a transfer that is not a capture. */
  hold: { holdId: string; left: number; captured: number } | null;
  /** The amount that came back from another shard, and the time at which it had left. */
  back?: { amount: number; leftAt: number };
}

function stepsByAccount({ transfers, holdEvents = [] }: Books): Map<string, Step[]> {
  const steps = new Map<string, Step[]>();
  const outs = new Map(transfers.flatMap((row) => (row.leg?.name === 'out' ? [[row.leg.of, row] as const] : [])));
  for (const row of transfers) {
    const step = stepOfTransfer(row);
    if (step) append(steps, row.content.source, step);
    const back = row.leg?.name === 'back' ? stepOfBack(row, outs.get(row.leg.of)) : null;
    if (back) append(steps, row.content.destination, back);
  }
  for (const event of holdEvents) append(steps, event.accountId, stepOfEvent(event));
  return steps;
}

function stepOfBack(
  { content, destination, acceptedAt }: BookedTransfer,
  out: BookedTransfer | undefined,
): Step | null {
  if (!destination || acceptedAt === null || !out || out.acceptedAt === null || out.isReversal) return null;
  const { version } = destination;
  return { version, acceptedAt, paid: 0, hold: null, back: { amount: content.amount, leftAt: out.acceptedAt } };
}

function stepOfTransfer({ content, source, acceptedAt, hold, isReversal }: BookedTransfer): Step | null {
  if (!source || acceptedAt === null || isReversal) return null;
  const { version } = source;
  if (!content.capture || !hold) return { version, acceptedAt, paid: content.amount, hold: null };
  const { holdId } = content.capture;
  return { version, acceptedAt, paid: 0, hold: { holdId, left: leftOf(hold.hold), captured: content.amount } };
}

const stepOfEvent = ({ version, acceptedAt, holdId, hold }: BookedHoldEvent): Step => ({
  version,
  acceptedAt,
  paid: 0,
  hold: { holdId, left: leftOf(hold), captured: 0 },
});

/** The remaining part of the amount of a hold that was counted on one business day. */
interface Part {
  start: number;
  amount: number;
}

class Days {
  readonly sums = new Map<number, number>();
  readonly #starts: readonly number[];
  /** The counted parts of each hold, in the order in which they were counted. */
  readonly #parts = new Map<string, Part[]>();

  constructor(starts: readonly number[]) {
    this.#starts = starts;
  }

  /**
   * @returns the start of the business day in which the step was accepted, and the sum that is counted for that day
   * afterwards
   */
  take({ acceptedAt, paid, hold, back }: Step): { start: number; sum: number } {
    const startOf = (time: number) => this.#starts.findLast((one) => one <= time) ?? 0;
    const start = startOf(acceptedAt);
    if (back) this.#count(startOf(back.leftAt), 0 - back.amount);
    if (paid > 0) this.#count(start, paid);
    if (hold) this.#takeHold(start, hold);
    return { start, sum: this.sums.get(start) ?? 0 };
  }

  #count(start: number, amount: number): void {
    this.sums.set(start, (this.sums.get(start) ?? 0) + amount);
  }

  #takeHold(start: number, { holdId, left, captured }: NonNullable<Step['hold']>): void {
    const parts = this.#parts.get(holdId) ?? [];
    this.#parts.set(holdId, parts);
    // A capture takes the parts that were counted first, and they stay counted.
    take(parts, captured, 'first');
    const released = parts.reduce((sum, { amount }) => sum + amount, 0) - left;
    if (released < 0) {
      parts.push({ start, amount: 0 - released });
      this.#count(start, 0 - released);
    }
    for (const part of take(parts, Math.max(0, released), 'last')) this.#count(part.start, 0 - part.amount);
  }
}

/** Removes an amount from the first or last parts. @returns the removed parts */
function take(parts: Part[], amount: number, end: 'first' | 'last'): Part[] {
  const taken: Part[] = [];
  for (let rest = amount; rest > 0; ) {
    const part = end === 'first' ? parts[0] : parts.at(-1);
    if (!part) break;
    const one = Math.min(part.amount, rest);
    taken.push({ start: part.start, amount: one });
    part.amount -= one;
    rest -= one;
    if (part.amount === 0) parts.splice(end === 'first' ? 0 : parts.length - 1, 1);
  }
  return taken;
}
