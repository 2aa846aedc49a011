import type { Currency } from './money.ts';
import { OVERDRAFT_SHARE, YOUNG_SHARE } from './profile.ts';
import { trait } from './random.ts';

/**
 * The part of the bank in one currency. Its members are determined by their numbers alone, so only what changes is
 * stored. Account ids are `<bank>-<currency>-<role><number>`.
 */
export interface Branch {
  currency: Currency;
  /** Minor units per euro of the profile: round figures, so that a step of ten euros stays a round amount. */
  scale: number;
  prefix: string;
  /** The seed for `trait`; it differs between branches, because every branch has its own customers. */
  seed: number;
  employers: number;
  landlords: number;
  merchants: number;
  /**
   * Customers 0 … frozen − 1 are frozen; the suspended and then the closed ones follow; all from `firstActive` on are
   * ordinary.
   */
  customers: number;
  frozen: number;
  suspended: number;
  firstActive: number;
}

export type Role = 'cash' | 'banks' | 'fees' | 'e' | 'l' | 'm' | 'c';

export const ACCOUNTS_MIN = 60;
const BRANCH_ACCOUNTS_MIN = 20;
/** Cash, other banks, and the bank's own account for fees. */
const OWN_ACCOUNTS = 3;
const SCALES: Record<Currency, number> = { EUR: 100, CZK: 2000, JPY: 100 };

/**
 * Divides `accounts` over the currencies (85 % EUR, 10 % CZK, 5 % JPY) and the roles. The sum is exactly `accounts`.
 */
export function layBranches(bank: string, seed: number, accounts: number): Branch[] {
  const czk = Math.max(BRANCH_ACCOUNTS_MIN, Math.round(accounts * 0.1));
  const jpy = Math.max(BRANCH_ACCOUNTS_MIN, Math.round(accounts * 0.05));
  return [
    layBranch(bank, seed, 'EUR', accounts - czk - jpy),
    layBranch(bank, seed + 1, 'CZK', czk),
    layBranch(bank, seed + 2, 'JPY', jpy),
  ];
}

function layBranch(bank: string, seed: number, currency: Currency, accounts: number): Branch {
  const employers = Math.max(1, Math.floor(accounts / 100));
  const landlords = Math.max(1, Math.floor(accounts / 200));
  const merchants = Math.max(3, Math.floor(accounts / 40));
  const odd = Math.max(1, Math.floor(accounts / 500));
  return {
    currency,
    scale: SCALES[currency],
    prefix: `${bank}-${currency}`,
    seed,
    employers,
    landlords,
    merchants,
    customers: accounts - OWN_ACCOUNTS - employers - landlords - merchants,
    frozen: odd,
    suspended: odd,
    firstActive: 3 * odd,
  };
}

export function accountId(branch: Branch, role: Role, index: number): string {
  if (role === 'cash' || role === 'banks' || role === 'fees') return `${branch.prefix}-${role}`;
  return `${branch.prefix}-${role}${String(index).padStart(6, '0')}`;
}

export function customerStatus(branch: Branch, customer: number): 'ACTIVE' | 'FROZEN' | 'SUSPENDED' | 'CLOSED' {
  if (customer >= branch.firstActive) return 'ACTIVE';
  if (customer < branch.frozen) return 'FROZEN';
  return customer < branch.frozen + branch.suspended ? 'SUSPENDED' : 'CLOSED';
}

// Salts of the permanent traits of a customer; each is a separate stream of random numbers.
const SALT = {
  overdraft: 1,
  limit: 2,
  opening: 3,
  openingB: 4,
  salary: 5,
  salaryB: 6,
  employer: 7,
  employed: 8,
  rent: 9,
};
const LANDLORD_SALT = 10;
const TENANT_SALT = 11;
const YOUNG_SALT = 12;

/** In minor units. */
export interface CustomerLimits {
  transferMax: number;
  balanceMax: number;
}

export function isYoung(branch: Branch, customer: number): boolean {
  return customer >= branch.firstActive && trait(branch.seed, customer, YOUNG_SALT) < YOUNG_SHARE;
}

/**
 * Limits whose effect does not depend on when the bank is posted. The effect of limits per day or month does: a bank is
 * posted within minutes, at any hour.
 */
export function limitsOf(branch: Branch, customer: number): CustomerLimits | null {
  return isYoung(branch, customer) ? { transferMax: 50 * branch.scale, balanceMax: 2000 * branch.scale } : null;
}

/** The overdraft limit in minor units; most customers have none. */
export function overdraftOf(branch: Branch, customer: number): number {
  if (customer < branch.firstActive || isYoung(branch, customer)) return 0;
  if (trait(branch.seed, customer, SALT.overdraft) >= OVERDRAFT_SHARE) return 0;
  const euro = [500, 1000, 2000][Math.floor(trait(branch.seed, customer, SALT.limit) * 3)] ?? 500;
  return euro * branch.scale;
}

/** Monthly salary in minor units, in whole tens of euros. */
export function salaryOf(branch: Branch, customer: number): number {
  return lastingAmount(branch, customer, SALT.salary, SALT.salaryB, 2300, 0.38, 10);
}

export function openingOf(branch: Branch, customer: number): number {
  const opening = lastingAmount(branch, customer, SALT.opening, SALT.openingB, 1400, 0.9, 5);
  return Math.min(
    Math.max(opening, 60 * branch.scale),
    limitsOf(branch, customer)?.balanceMax ?? Number.MAX_SAFE_INTEGER,
  );
}

/** The monthly rent: a fifth to two fifths of the salary. */
export function rentOf(branch: Branch, customer: number): number {
  const share = 0.2 + 0.2 * trait(branch.seed, customer, SALT.rent);
  const step = 5 * branch.scale;
  return Math.max(step, Math.round((salaryOf(branch, customer) * share) / step) * step);
}

export function isEmployed(branch: Branch, customer: number, share: number): boolean {
  return isGrown(branch, customer) && trait(branch.seed, customer, SALT.employed) < share;
}

export function isTenant(branch: Branch, customer: number, share: number): boolean {
  return isGrown(branch, customer) && trait(branch.seed, customer, TENANT_SALT) < share;
}

function isGrown(branch: Branch, customer: number): boolean {
  return customer >= branch.firstActive && !isYoung(branch, customer);
}

/** The bank's fee for each salary of a payroll, in minor units. */
export function payrollFeeOf(branch: Branch): number {
  return Math.round(0.2 * branch.scale);
}

/** The random number is squared, so that a few employers pay most people. */
export function employerOf(branch: Branch, customer: number): number {
  return Math.floor(trait(branch.seed, customer, SALT.employer) ** 2 * branch.employers);
}

export function landlordOf(branch: Branch, customer: number): number {
  return Math.floor(trait(branch.seed, customer, LANDLORD_SALT) * branch.landlords);
}

/** A log-normal amount that is fixed for the customer, in minor units and in whole steps of `stepEuro`. */
function lastingAmount(
  branch: Branch,
  customer: number,
  saltA: number,
  saltB: number,
  medianEuro: number,
  sigma: number,
  stepEuro: number,
): number {
  const radius = Math.sqrt(-2 * Math.log(1 - trait(branch.seed, customer, saltA)));
  const normal = radius * Math.cos(2 * Math.PI * trait(branch.seed, customer, saltB));
  const step = stepEuro * branch.scale;
  return Math.max(1, Math.round((medianEuro * branch.scale * Math.exp(sigma * normal)) / step)) * step;
}
