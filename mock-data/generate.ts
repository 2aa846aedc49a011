import type { Bank } from './bank.ts';
import { type BankOptions, layBank, openBank } from './bank.ts';
import { accountId, type Branch, employerOf, isEmployed, isTenant, landlordOf, rentOf, salaryOf } from './branch.ts';
import { daysFrom, HOUR_MS, isFirstOfMonth, isLastWorkingDay, monthOf, weekdayOf } from './calendar.ts';
import { type Draft, EverydayLife, receive, spend } from './everyday.ts';
import type { Line, Source, TransferLine } from './lines.ts';
import { toDecimal } from './money.ts';
import { habitWeights } from './profile.ts';

/** The hour (UTC) in which the bank books salaries and rents; `HABITS` leaves it free, so times never decrease. */
const BOOKING_HOUR = 4;

/** A whole bank as a stream of lines: same options, same bytes (unless ids follow the wall clock). */
export function generate(options: BankOptions): Source & { bank: string } {
  const bank = layBank(options);
  return { bank: bank.name, transfersTotal: bank.openings + options.transfers, lines: linesOf(bank) };
}

function* linesOf(bank: Bank): Generator<Line> {
  yield* openBank(bank);
  const { startMs, days, transfers } = bank.options;
  const everyday = new Everyday(bank, Math.max(0, transfers - countBookings(bank)));
  let left = transfers;
  for (const dayMs of daysFrom(startMs, days)) {
    for (let hour = 0; hour < 24; hour++) {
      const lines = hour === BOOKING_HOUR ? bookings(bank, dayMs) : everyday.hour(dayMs, hour);
      for (const line of lines) {
        if (left-- === 0) return;
        yield line;
      }
    }
  }
}

/** Distributes exactly the given number of transfers over all hours, in proportion to the weights of the hours. */
class Everyday {
  private readonly bank: Bank;
  private readonly life: EverydayLife;
  private readonly total: number;
  private readonly weights: Float64Array[] = [];
  private readonly weightTotal: number;
  private weightPassed = 0;
  private made = 0;

  constructor(bank: Bank, total: number) {
    this.bank = bank;
    this.total = total;
    this.life = new EverydayLife(bank);
    for (let weekday = 0; weekday < 7; weekday++) {
      for (let hour = 0; hour < 24; hour++) this.weights.push(habitWeights(weekday, hour));
    }
    let sum = 0;
    for (const dayMs of daysFrom(bank.options.startMs, bank.options.days)) {
      for (let hour = 0; hour < 24; hour++) sum += this.weightsAt(dayMs, hour).at(-1) ?? 0;
    }
    this.weightTotal = sum;
  }

  *hour(dayMs: number, hour: number): Generator<TransferLine> {
    const weights = this.weightsAt(dayMs, hour);
    this.weightPassed += weights.at(-1) ?? 0;
    // The sum is computed in the same order both times, so the last hour reaches exactly 1.
    const due = Math.round((this.weightPassed / this.weightTotal) * this.total) - this.made;
    this.made += due;
    for (let index = 0; index < due; index++) {
      // The moments are spread evenly, with jitter inside each slot: they look random, and are in order without
      // sorting.
      const momentMs = Math.floor(dayMs + (hour + (index + this.bank.random.uniform()) / due) * HOUR_MS);
      const draft = this.life.next(weights);
      yield transferLine(this.bank, draft, momentMs);
    }
  }

  private weightsAt(dayMs: number, hour: number): Float64Array {
    return this.weights[weekdayOf(dayMs) * 24 + hour] ?? new Float64Array(1);
  }
}

/** Salaries on the last working day, rents on the first of the month: one per millisecond of the booking hour. */
function* bookings(bank: Bank, dayMs: number): Generator<TransferLine> {
  let index = 0;
  for (const draft of bookingDrafts(bank, dayMs)) {
    yield transferLine(bank, draft, dayMs + BOOKING_HOUR * HOUR_MS + Math.min(index++, HOUR_MS - 1));
  }
}

function* bookingDrafts(bank: Bank, dayMs: number): Generator<Draft> {
  const payday = isLastWorkingDay(dayMs);
  const rentDay = isFirstOfMonth(dayMs);
  if (!payday && !rentDay) return;
  for (const { branch, purse } of bank.branches) {
    for (let customer = branch.firstActive; customer < branch.customers; customer++) {
      if (payday && isEmployed(branch, customer, bank.employedShare)) {
        const amount = salaryOf(branch, customer);
        receive(purse, customer, amount);
        yield salary(branch, customer, amount, monthOf(dayMs));
      }
      if (rentDay && isTenant(branch, customer, bank.tenantShare)) {
        yield rent(branch, customer, spend(branch, purse, customer, rentOf(branch, customer)), monthOf(dayMs));
      }
    }
  }
}

function salary(branch: Branch, customer: number, amount: number, month: string): Draft {
  return {
    branch,
    source: accountId(branch, 'e', employerOf(branch, customer)),
    destination: accountId(branch, 'c', customer),
    amount,
    order: 'destination',
    expect: 'POSTED',
    reference: `Salary ${month}`,
  };
}

/** A standing order: it is attempted whether or not it is covered, and may then be refused, as in reality. */
function rent(branch: Branch, customer: number, covered: boolean, month: string): Draft {
  return {
    branch,
    source: accountId(branch, 'c', customer),
    destination: accountId(branch, 'l', landlordOf(branch, customer)),
    amount: rentOf(branch, customer),
    order: 'source',
    expect: covered ? 'POSTED' : 'insufficient_funds',
    reference: `Rent ${month}`,
  };
}

function countBookings(bank: Bank): number {
  const days = [...daysFrom(bank.options.startMs, bank.options.days)];
  const paydays = days.filter(isLastWorkingDay).length;
  const rentDays = days.filter(isFirstOfMonth).length;
  let count = 0;
  for (const { branch } of bank.branches) {
    for (let customer = branch.firstActive; customer < branch.customers; customer++) {
      if (isEmployed(branch, customer, bank.employedShare)) count += paydays;
      if (isTenant(branch, customer, bank.tenantShare)) count += rentDays;
    }
  }
  return count;
}

function transferLine(bank: Bank, draft: Draft, momentMs: number): TransferLine {
  const { currency } = draft.branch;
  return {
    kind: 'transfer',
    expect: draft.expect,
    order: draft.order,
    body: {
      transactionId: bank.ids.next(momentMs),
      sourceAccount: draft.source,
      destinationAccount: draft.destination,
      amount: toDecimal(draft.amount, currency),
      currency,
      timestamp: new Date(momentMs).toISOString(),
      reference: draft.reference,
    },
  };
}
