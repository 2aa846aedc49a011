/**
 * The limits of an account, in the order in which they are packed and checked. A refusal names the one that was
 * exceeded.
 */
export const LIMITS = ['transferMax', 'dailyDebitMax', 'monthlyDebitMax', 'dailyCreditMax', 'balanceMax'] as const;
export type LimitName = (typeof LIMITS)[number];

/** Minor units, ≥ 0; null: none. */
export type Limits = Readonly<Record<LimitName, number | null>>;

/**
 * What the windows of an account have counted, minor units. A window is a business day or a month of business days, and is
 * named by its start, ms since 1970; 0: nothing has been counted yet.
 */
export interface Usage {
  /** The time since which the account has had limits, ms since 1970: nothing before that is counted. */
  countedSince: number;
  dayStart: number;
  dayDebit: number;
  dayCredit: number;
  monthStart: number;
  monthDebit: number;
}

/** The limits of an account that has at least one, with what they have counted. */
export interface AccountLimits extends Limits {
  usage: Usage;
}
