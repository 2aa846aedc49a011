/**
 * A point at which the cost of a transfer is measured. The first points vary the number of accounts, with little
 * history; the others vary the amount of history, with the same accounts.
 */
export interface Point {
  name: string;
  accounts: number;
  /** The number of transfers that are in MySQL before the measurement starts. */
  history: number;
}

const THOUSAND = 1_000;
const HUNDRED_THOUSAND = 100_000;
const TEN_MILLION = 10_000_000;

export const POINTS: readonly Point[] = [
  { name: 'accounts-1e3', accounts: THOUSAND, history: HUNDRED_THOUSAND },
  { name: 'accounts-1e5', accounts: HUNDRED_THOUSAND, history: HUNDRED_THOUSAND },
  { name: 'accounts-1e7', accounts: TEN_MILLION, history: HUNDRED_THOUSAND },
  { name: 'history-1e7', accounts: HUNDRED_THOUSAND, history: TEN_MILLION },
];
