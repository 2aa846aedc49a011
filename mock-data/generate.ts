import { type Bank, type BankOptions, layBank, openBank, type Purse } from './bank.ts';
import {
  accountId,
  type Branch,
  employerOf,
  isEmployed,
  isTenant,
  landlordOf,
  payrollFeeOf,
  rentOf,
  salaryOf,
} from './branch.ts';
import { daysFrom, HOUR_MS, isFirstOfMonth, isLastWorkingDay, monthOf, weekdayOf } from './calendar.ts';
import { CardHolds } from './card-holds.ts';
import { type Draft, EverydayLife, equalParts, receive, spend } from './everyday.ts';
import {
  type GroupLine,
  type Line,
  type PaymentLine,
  type Source,
  type SplitLine,
  type TransferLine,
  weightOf,
} from './lines.ts';
import { toDecimal } from './money.ts';
import { habitWeights } from './profile.ts';

/**
 * The hour (UTC) in which the bank books salaries and rents; `HABITS` has no payments in this hour, so times never
 * decrease.
 */
const BOOKING_HOUR = 4;
/** The number of salaries in one group, in which the fee is the tenth transfer. */
const PAYROLL_SALARIES = 9;

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
        const weight = weightOf(line);
        if (weight > left) {
          if (line.kind === 'group' && left > 0) yield firstOf(line, left);
          return;
        }
        left -= weight;
        yield line;
      }
    }
  }
}

/** Distributes exactly the given number of transfers over all hours, in proportion to the weights of the hours. */
class Everyday {
  private readonly bank: Bank;
  private readonly life: EverydayLife;
  private readonly holds: CardHolds;
  private readonly total: number;
  private readonly weights: Float64Array[] = [];
  private readonly weightTotal: number;
  private weightPassed = 0;
  private made = 0;

  constructor(bank: Bank, total: number) {
    this.bank = bank;
    this.total = total;
    this.life = new EverydayLife(bank);
    this.holds = new CardHolds(bank);
    for (let weekday = 0; weekday < 7; weekday++) {
      for (let hour = 0; hour < 24; hour++) this.weights.push(habitWeights(weekday, hour));
    }
    let sum = 0;
    for (const dayMs of daysFrom(bank.options.startMs, bank.options.days)) {
      for (let hour = 0; hour < 24; hour++) sum += this.weightsAt(dayMs, hour).at(-1) ?? 0;
    }
    this.weightTotal = sum;
  }

  *hour(dayMs: number, hour: number): Generator<PaymentLine> {
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
      if (draft.holds) yield* this.holds.place(draft, draft.holds, momentMs);
      else if (draft.friends) yield splitLine(this.bank, draft, draft.friends, momentMs);
      else yield transferLine(this.bank, draft, momentMs);
    }
  }

  private weightsAt(dayMs: number, hour: number): Float64Array {
    return this.weights[weekdayOf(dayMs) * 24 + hour] ?? new Float64Array(1);
  }
}

/** Salaries on the last working day, rents on the first of the month: one per millisecond of the booking hour. */
function* bookings(bank: Bank, dayMs: number): Generator<PaymentLine> {
  let index = 0;
  const nextMs = () => dayMs + BOOKING_HOUR * HOUR_MS + Math.min(index++, HOUR_MS - 1);
  for (const { branch, purse } of bank.branches) {
    if (isLastWorkingDay(dayMs)) yield* payrolls(bank, branch, purse, monthOf(dayMs), nextMs);
    if (!isFirstOfMonth(dayMs)) continue;
    for (let customer = branch.firstActive; customer < branch.customers; customer++) {
      if (!isTenant(branch, customer, bank.tenantShare)) continue;
      const covered = spend(branch, purse, customer, rentOf(branch, customer));
      yield transferLine(bank, rent(branch, customer, covered, monthOf(dayMs)), nextMs());
    }
  }
}

/** Each employer pays its employees in groups, with one fee for each group: the whole group is posted, or nothing. */
function* payrolls(
  bank: Bank,
  branch: Branch,
  purse: Purse,
  month: string,
  nextMs: () => number,
): Generator<GroupLine> {
  const employees = Array.from({ length: branch.employers }, (): number[] => []);
  for (let customer = branch.firstActive; customer < branch.customers; customer++) {
    if (isEmployed(branch, customer, bank.employedShare)) employees[employerOf(branch, customer)]?.push(customer);
  }
  for (const [employer, all] of employees.entries()) {
    for (let from = 0; from < all.length; from += PAYROLL_SALARIES) {
      const paid = all.slice(from, from + PAYROLL_SALARIES);
      for (const customer of paid) receive(purse, customer, salaryOf(branch, customer));
      yield payrollLine(bank, branch, { employer, paid, month }, nextMs());
    }
  }
}

function payrollLine(
  bank: Bank,
  branch: Branch,
  { employer, paid, month }: { employer: number; paid: readonly number[]; month: string },
  momentMs: number,
): GroupLine {
  const common = {
    sourceAccount: accountId(branch, 'e', employer),
    currency: branch.currency,
    timestamp: new Date(momentMs).toISOString(),
  };
  const salaries = paid.map((customer) => ({
    ...common,
    destinationAccount: accountId(branch, 'c', customer),
    amount: toDecimal(salaryOf(branch, customer), branch.currency),
    reference: `Salary ${month}`,
  }));
  const fee = {
    ...common,
    destinationAccount: accountId(branch, 'fees', 0),
    amount: toDecimal(payrollFeeOf(branch) * paid.length, branch.currency),
    reference: `Fee for the payroll ${month}`,
  };
  return {
    kind: 'group',
    expect: 'POSTED',
    ordered: salaries.map(({ destinationAccount }) => destinationAccount),
    body: { groupId: bank.ids.next(momentMs), transfers: [...salaries, fee] },
  };
}

/**
 * Keeps the first salaries of a payroll that would exceed the requested number of transfers. The fee stays as it is.
 */
function firstOf({ body, ordered, ...line }: GroupLine, count: number): GroupLine {
  const transfers = [...body.transfers.slice(0, count), ...body.transfers.slice(-1)];
  return { ...line, ordered: ordered.slice(0, count), body: { ...body, transfers } };
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

function splitLine(bank: Bank, draft: Draft, friends: readonly string[], momentMs: number): SplitLine {
  const { currency } = draft.branch;
  return {
    kind: 'split',
    expect: draft.expect,
    parts: equalParts(draft.amount, friends.length).map((part) => toDecimal(part, currency)),
    body: {
      groupId: bank.ids.next(momentMs),
      sourceAccount: draft.source,
      amount: toDecimal(draft.amount, currency),
      currency,
      timestamp: new Date(momentMs).toISOString(),
      reference: draft.reference,
      destinations: friends.map((account) => ({ account, share: 1 })),
    },
  };
}
