/**
 * The generated bank: everything that the seed and the numbers of accounts, days and transfers determine before the
 * first transfer is made.
 *
 * It keeps a purse per account (what the account can certainly spend) and nothing per transfer, so memory depends on
 * `accounts` alone. Because the purse is exact for customers, the generator knows for every transfer whether the
 * service must post or refuse it, provided that the transfers of one customer arrive in order (`Line.order`). Revenue
 * of companies is not in their purses: their accounts are hot, and keeping their transfers in order would serialize
 * those of the whole bank.
 */
import {
  ACCOUNTS_MIN,
  accountId,
  type Branch,
  customerStatus,
  employerOf,
  isEmployed,
  isTenant,
  layBranches,
  limitsOf,
  openingOf,
  overdraftOf,
  payrollFeeOf,
  rentOf,
  salaryOf,
} from './branch.ts';
import { DAY_MS, daysFrom, HOUR_MS, isFirstOfMonth, isLastWorkingDay } from './calendar.ts';
import { type IdTimes, TransactionIds } from './ids.ts';
import type { AccountBody, Line, TransferLine } from './lines.ts';
import { toDecimal } from './money.ts';
import { employerName, landlordName, merchantName, personName } from './names.ts';
import { EMPLOYED_SHARE, RENTS_SHARE_MAX, SALARIES_SHARE_MAX, TENANT_SHARE } from './profile.ts';
import { hash32, Random } from './random.ts';

export interface BankOptions {
  seed: string;
  /** All accounts, including the external ones; at least ACCOUNTS_MIN. */
  accounts: number;
  days: number;
  /** Transfers after the opening deposits. */
  transfers: number;
  /** Midnight (UTC) of the first day, ms since 1970. */
  startMs: number;
  ids: IdTimes;
  now: () => number;
}

/**
 * The amounts that the accounts of one branch can certainly spend, in minor units. The index is the number that
 * `accountId` takes.
 */
export interface Purse {
  customers: Float64Array;
  merchants: Float64Array;
}

export interface Bank {
  /** Prefix of the ids of all its accounts. */
  name: string;
  options: BankOptions;
  branches: readonly { branch: Branch; purse: Purse }[];
  random: Random;
  ids: TransactionIds;
  /**
   * Shares of customers with a salary and a rent, lowered if the requested number of transfers does not cover them all.
   */
  employedShare: number;
  tenantShare: number;
  openings: number;
  /** The expiry of every hold, late enough that none expires soon; absent if the ids follow the simulated time. */
  holdsUntil?: string;
}

/** The expiry of holds, in days. The service allows at most a year. */
const HOLD_DAYS = 300;

/** @throws Error if the options are invalid */
export function layBank(options: BankOptions): Bank {
  const { seed, accounts, days, transfers, startMs, ids, now } = options;
  if (accounts < ACCOUNTS_MIN) throw new Error(`A bank needs at least ${ACCOUNTS_MIN} accounts`);
  if (days < 1 || transfers < 0)
    throw new Error('A bank needs at least one day, and the number of transfers must not be negative');
  // The options are part of the name, because other options create other accounts: two banks on one stack must never
  // use the same id for different content.
  const postedMs = ids.kind === 'history' ? null : (ids.from ?? now());
  const from = postedMs ?? 'history';
  const hash = hash32(`${seed}/${accounts}/${days}/${transfers}/${startMs}/${from}`);
  const name = `b${hash.toString(36).padStart(7, '0')}`;
  const branches = layBranches(name, hash, accounts).map((branch) => ({
    branch,
    purse: { customers: new Float64Array(branch.customers), merchants: new Float64Array(branch.merchants) },
  }));
  const calendar = [...daysFrom(startMs, days)];
  const perMonth = (when: (dayMs: number) => boolean, share: number) =>
    (transfers * share) / (accounts * Math.max(1, calendar.filter(when).length));
  return {
    name,
    options,
    branches,
    random: new Random(`transfers/${hash}`),
    ids: new TransactionIds(new Random(`ids/${hash}`), ids, now),
    employedShare: Math.min(EMPLOYED_SHARE, perMonth(isLastWorkingDay, SALARIES_SHARE_MAX)),
    tenantShare: Math.min(TENANT_SHARE, perMonth(isFirstOfMonth, RENTS_SHARE_MAX)),
    openings: branches.reduce((sum, { branch }) => sum + openingsOf(branch), 0),
    ...(postedMs !== null && { holdsUntil: new Date(postedMs + HOLD_DAYS * DAY_MS).toISOString() }),
  };
}

/** External accounts have no opening deposit, landlords start with nothing, and closed accounts must stay empty. */
function openingsOf(branch: Branch): number {
  const closed = branch.firstActive - branch.frozen - branch.suspended;
  return branch.employers + branch.merchants + branch.customers - closed;
}

/** Accounts, opening deposits, status changes: everything before the first everyday transfer. */
export function* openBank(bank: Bank): Generator<Line> {
  for (const { branch } of bank.branches) yield* accountsOf(branch);
  let index = 0;
  // The deposits are made one after the other, spread over ten hours of the day before the first day.
  const spacingMs = (10 * HOUR_MS) / Math.max(1, bank.openings);
  const firstMs = bank.options.startMs - DAY_MS + 8 * HOUR_MS;
  for (const { branch, purse } of bank.branches) {
    for (const { account, amount } of deposits(bank, branch, purse)) {
      yield openingLine(bank, branch, account, amount, Math.floor(firstMs + index++ * spacingMs));
    }
  }
  for (const { branch } of bank.branches) {
    for (let customer = 0; customer < branch.firstActive; customer++) {
      const status = customerStatus(branch, customer);
      if (status !== 'ACTIVE') yield { kind: 'change', accountId: accountId(branch, 'c', customer), status };
    }
  }
}

function* accountsOf(branch: Branch): Generator<Line> {
  const { seed, currency } = branch;
  yield {
    kind: 'account',
    body: { accountId: accountId(branch, 'cash', 0), currency, name: `Cash ${currency}`, external: true },
  };
  yield {
    kind: 'account',
    body: { accountId: accountId(branch, 'banks', 0), currency, name: `Other banks ${currency}`, external: true },
  };
  yield { kind: 'account', body: { accountId: accountId(branch, 'fees', 0), currency, name: `Fees ${currency}` } };
  const companies = [
    { role: 'e', count: branch.employers, name: employerName },
    { role: 'l', count: branch.landlords, name: landlordName },
    { role: 'm', count: branch.merchants, name: merchantName },
  ] as const;
  for (const { role, count, name } of companies) {
    for (let index = 0; index < count; index++) {
      yield {
        kind: 'account',
        body: { accountId: accountId(branch, role, index), currency, name: name(seed, currency, index) },
      };
    }
  }
  for (let customer = 0; customer < branch.customers; customer++) {
    const overdraft = overdraftOf(branch, customer);
    const body: AccountBody = {
      accountId: accountId(branch, 'c', customer),
      currency,
      name: personName(seed, currency, customer),
    };
    if (overdraft > 0) body.overdraftLimit = toDecimal(overdraft, currency);
    const limits = limitsOf(branch, customer);
    if (limits !== null) {
      const { transferMax, balanceMax } = limits;
      body.limits = { transferMax: toDecimal(transferMax, currency), balanceMax: toDecimal(balanceMax, currency) };
    }
    yield { kind: 'account', body };
  }
}

/**
 * Opening deposits, which are also added to the purses. Employers start with all the salaries they will pay, so none
 * can bounce.
 */
function* deposits(bank: Bank, branch: Branch, purse: Purse): Generator<{ account: string; amount: number }> {
  const { startMs, days } = bank.options;
  const paydays = [...daysFrom(startMs, days)].filter(isLastWorkingDay).length;
  const payroll = new Float64Array(branch.employers).fill(50_000 * branch.scale);
  for (let customer = branch.firstActive; customer < branch.customers; customer++) {
    if (!isEmployed(branch, customer, bank.employedShare)) continue;
    const employer = employerOf(branch, customer);
    payroll[employer] = (payroll[employer] ?? 0) + paydays * (salaryOf(branch, customer) + payrollFeeOf(branch));
  }
  for (const [employer, amount] of payroll.entries()) yield { account: accountId(branch, 'e', employer), amount };
  for (let merchant = 0; merchant < branch.merchants; merchant++) {
    const amount = 20_000 * branch.scale;
    purse.merchants[merchant] = amount;
    yield { account: accountId(branch, 'm', merchant), amount };
  }
  for (let customer = 0; customer < branch.customers; customer++) {
    if (customerStatus(branch, customer) === 'CLOSED') continue;
    // A tenant starts with enough money for the first rent.
    const floor = isTenant(branch, customer, bank.tenantShare) ? 1.5 * rentOf(branch, customer) : 0;
    const amount = Math.round(Math.max(openingOf(branch, customer), floor));
    purse.customers[customer] = amount;
    yield { account: accountId(branch, 'c', customer), amount };
  }
}

function openingLine(bank: Bank, branch: Branch, account: string, amount: number, momentMs: number): TransferLine {
  return {
    kind: 'opening',
    expect: 'POSTED',
    order: 'none',
    body: {
      transactionId: bank.ids.next(momentMs),
      sourceAccount: accountId(branch, 'banks', 0),
      destinationAccount: account,
      amount: toDecimal(amount, branch.currency),
      currency: branch.currency,
      timestamp: new Date(momentMs).toISOString(),
      reference: 'Opening deposit',
    },
  };
}
