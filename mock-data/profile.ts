/**
 * The habits of customers: when they pay, for what, and how much. The figures are plausible, not measured: medians in
 * euros, spread as the sigma of a log-normal distribution. Hours are UTC, one digit of weight per hour from 00 to 23.
 * Nothing is paid between 04:00 and 05:00, the hour in which the bank books salaries and rents.
 */
export interface Habit {
  /** Share of everyday transfers, before weighting by hour and weekday. */
  share: number;
  /** 24 digits. */
  hours: string;
  /** Monday to Sunday. */
  weekdays: readonly [number, number, number, number, number, number, number];
  /** In euros; other currencies are scaled. */
  median: number;
  sigma: number;
  /** Amounts are multiples of this, in euros. */
  step: number;
  reference: string;
}

export const HABITS = {
  groceries: {
    share: 0.34,
    hours: '000000014656776556899730',
    weekdays: [0.9, 0.85, 0.9, 1, 1.3, 1.6, 0.35],
    median: 31,
    sigma: 0.75,
    step: 0.01,
    reference: 'Groceries',
  },
  card: {
    share: 0.42,
    hours: '211100124444788555688764',
    weekdays: [0.85, 0.85, 0.9, 1, 1.25, 1.3, 0.85],
    median: 23,
    sigma: 1.05,
    step: 0.01,
    reference: 'Card payment',
  },
  withdrawal: {
    share: 0.07,
    hours: '210000124566776667754432',
    weekdays: [0.9, 0.9, 0.9, 1, 1.4, 1.2, 0.6],
    median: 75,
    sigma: 0.6,
    step: 10,
    reference: 'Cash withdrawal',
  },
  friend: {
    share: 0.11,
    hours: '200000012333445444567985',
    weekdays: [0.9, 0.85, 0.85, 0.95, 1.2, 1.2, 1.05],
    median: 18,
    sigma: 0.85,
    step: 0.5,
    reference: 'Between friends',
  },
  deposit: {
    share: 0.04,
    hours: '000000001466654445310000',
    weekdays: [1.2, 1.1, 1, 1, 1.1, 0.4, 0.1],
    median: 140,
    sigma: 0.9,
    step: 5,
    reference: 'Cash deposit',
  },
  refund: {
    share: 0.02,
    hours: '000000002566665554320000',
    weekdays: [1.2, 1.1, 1, 1, 1, 0.8, 0.1],
    median: 27,
    sigma: 0.8,
    step: 0.01,
    reference: 'Refund',
  },
} as const satisfies Record<string, Habit>;

export type HabitName = keyof typeof HABITS;
export const HABIT_NAMES = Object.keys(HABITS) as HabitName[];

/** The probability that an everyday transfer is one that the service must refuse. */
export const REFUSED_SHARE = 0.005;
/**
 * Salaries and rents are at most these shares of all transfers, so that a short run does not consist of salaries alone.
 */
export const SALARIES_SHARE_MAX = 0.3;
export const RENTS_SHARE_MAX = 0.15;
export const EMPLOYED_SHARE = 0.75;
export const TENANT_SHARE = 0.5;
export const OVERDRAFT_SHARE = 0.2;
/** The share of customers who are under age; their accounts have limits. */
export const YOUNG_SHARE = 0.05;
/** The share of card payments in which the merchant first holds the money, and captures it later. */
export const HOLD_SHARE = 0.05;
/** The share of payments between friends that are shared bills. */
export const BILL_SHARE = 0.1;

/** The weight of each habit at an hour of a weekday (0 = Monday), as cumulative sums over `HABIT_NAMES`. */
export function habitWeights(weekday: number, hour: number): Float64Array {
  const cumulative = new Float64Array(HABIT_NAMES.length);
  let sum = 0;
  for (const [index, name] of HABIT_NAMES.entries()) {
    const habit: Habit = HABITS[name];
    sum += (habit.share * Number(habit.hours[hour]) * (habit.weekdays[weekday] ?? 0)) / digitSum(habit.hours);
    cumulative[index] = sum;
  }
  return cumulative;
}

function digitSum(digits: string): number {
  let sum = 0;
  for (const digit of digits) sum += Number(digit);
  return sum;
}
