import type { Bank, Purse } from './bank.ts';
import { accountId, type Branch, limitsOf, overdraftOf } from './branch.ts';
import type { Order } from './lines.ts';
import { BILL_SHARE, HABIT_NAMES, HABITS, type Habit, type HabitName, HOLD_SHARE, REFUSED_SHARE } from './profile.ts';
import { pickCumulative, type Random, Zipf } from './random.ts';

/** A transfer before it has an id and a time. Amount in minor units of the branch's currency. */
export interface Draft {
  branch: Branch;
  source: string;
  destination: string;
  amount: number;
  order: Order;
  expect: string;
  reference: string;
  /** The payer, if the merchant holds the money first. */
  holds?: Payer;
  /** Everyone who gets a part of a shared bill; replaces the destination. */
  friends?: readonly string[];
}

/** A customer making a payment. */
export interface Payer {
  branch: Branch;
  purse: Purse;
  customer: number;
  account: string;
}

/** Slightly above 1, as observed for city shops: the first of 500 merchants gets a sixth of all payments. */
const MERCHANT_ZIPF = 1.05;
const AMOUNT_MAX_EURO = 10_000;

/** Takes `amount` from the purse if balance and overdraft cover it. */
export function spend(branch: Branch, purse: Purse, customer: number, amount: number): boolean {
  if (amount > availableOf(branch, purse, customer)) return false;
  receive(purse, customer, -amount);
  return true;
}

export function receive(purse: Purse, customer: number, amount: number): void {
  purse.customers[customer] = (purse.customers[customer] ?? 0) + amount;
}

/**
 * Whether the customer's account may receive this amount. Accounts with limits have no holds, so the purse is the
 * balance.
 */
function accepts(branch: Branch, purse: Purse, customer: number, amount: number): boolean {
  const limits = limitsOf(branch, customer);
  return limits === null || (purse.customers[customer] ?? 0) + amount <= limits.balanceMax;
}

/** Credits the purse. @returns the outcome that the service must return */
function credit(branch: Branch, purse: Purse, customer: number, amount: number): string {
  if (!accepts(branch, purse, customer, amount)) return 'limit_exceeded';
  receive(purse, customer, amount);
  return 'POSTED';
}

function availableOf(branch: Branch, purse: Purse, customer: number): number {
  return (purse.customers[customer] ?? 0) + overdraftOf(branch, customer);
}

/** The transfers that customers make between payday and rent day. */
export class EverydayLife {
  private readonly bank: Bank;
  private readonly random: Random;
  private readonly branchWeights: Float64Array;
  private readonly zipf: readonly Zipf[];

  constructor(bank: Bank) {
    this.bank = bank;
    this.random = bank.random;
    let sum = 0;
    this.branchWeights = Float64Array.from(bank.branches, ({ branch }) => {
      sum += branch.customers - branch.firstActive;
      return sum;
    });
    this.zipf = bank.branches.map(({ branch }) => new Zipf(branch.merchants, MERCHANT_ZIPF));
  }

  /** The next transfer, with a habit chosen by `weights` (cumulative sums over the habits) for this hour. */
  next(weights: Float64Array): Draft {
    const index = pickCumulative(this.branchWeights, this.random.uniform());
    const payer = this.payerOf(index);
    if (this.random.uniform() < REFUSED_SHARE) return this.refused(payer);
    const name = HABIT_NAMES[pickCumulative(weights, this.random.uniform())] ?? 'card';
    return this.paid(name, payer, this.merchantOf(index));
  }

  private payerOf(index: number): Payer {
    const entry = this.bank.branches[index] ?? this.bank.branches[0];
    if (entry === undefined) throw new Error('A bank has at least one branch');
    const { branch, purse } = entry;
    // Some customers pay much more often than others: the most active tenth makes about a fifth of the payments.
    const rank = this.random.uniform() ** 1.4;
    const customer = branch.firstActive + Math.floor(rank * (branch.customers - branch.firstActive));
    return { branch, purse, customer, account: accountId(branch, 'c', customer) };
  }

  private merchantOf(index: number): number {
    return this.zipf[index]?.at(this.random.uniform()) ?? 0;
  }

  private paid(name: HabitName, payer: Payer, merchant: number): Draft {
    const { branch, purse, customer, account } = payer;
    const habit = HABITS[name];
    const amount = Math.min(this.amountOf(habit, branch), limitsOf(branch, customer)?.transferMax ?? Number.MAX_VALUE);
    const draft = { branch, amount, expect: 'POSTED', reference: habit.reference };
    switch (name) {
      case 'deposit': {
        const source = accountId(branch, 'cash', 0);
        const expect = credit(branch, purse, customer, amount);
        return { ...draft, expect, source, destination: account, order: 'destination' };
      }
      case 'refund':
        return this.refund(payer, merchant, amount) ?? this.topUp(payer);
      case 'friend': {
        if (this.random.uniform() < BILL_SHARE) return this.sharedBill(payer, amount);
        const friend = this.otherThan(branch, customer);
        if (amount > availableOf(branch, purse, customer)) return this.topUp(payer);
        const expect = credit(branch, purse, friend, amount);
        if (expect === 'POSTED') spend(branch, purse, customer, amount);
        return { ...draft, expect, source: account, destination: accountId(branch, 'c', friend), order: 'both' };
      }
      case 'withdrawal':
        if (!spend(branch, purse, customer, amount)) return this.topUp(payer);
        return { ...draft, source: account, destination: accountId(branch, 'cash', 0), order: 'source' };
      case 'groceries':
      case 'card': {
        if (!spend(branch, purse, customer, amount)) return this.topUp(payer);
        const holds = name === 'card' && limitsOf(branch, customer) === null && this.random.uniform() < HOLD_SHARE;
        const destination = accountId(branch, 'm', merchant);
        return { ...draft, source: account, destination, order: 'source', ...(holds && { holds: payer }) };
      }
    }
  }

  /**
   * Splits the amount equally between up to three friends who have paid a bill: either all of them get their part, or
   * none does.
   */
  private sharedBill(payer: Payer, amount: number): Draft {
    const { branch, purse, customer, account } = payer;
    if (amount > availableOf(branch, purse, customer)) return this.topUp(payer);
    const first = this.otherThan(branch, customer);
    const friends = [...new Set([first, this.otherThan(branch, customer), this.otherThan(branch, customer)])];
    const parts = equalParts(amount, friends.length);
    const isAccepted = friends.every((friend, index) => accepts(branch, purse, friend, parts[index] ?? 0));
    if (isAccepted) {
      spend(branch, purse, customer, amount);
      for (const [index, friend] of friends.entries()) receive(purse, friend, parts[index] ?? 0);
    }
    return {
      branch,
      source: account,
      destination: accountId(branch, 'c', first),
      friends: friends.map((friend) => accountId(branch, 'c', friend)),
      amount,
      order: 'both',
      expect: isAccepted ? 'POSTED' : 'group_refused',
      reference: 'Shared bill',
    };
  }

  /** A refund that the merchant's opening deposit alone covers, however little revenue has arrived by then. */
  private refund(payer: Payer, merchant: number, amount: number): Draft | null {
    const { branch, purse, customer, account } = payer;
    const float = purse.merchants[merchant] ?? 0;
    if (amount > float) return null;
    purse.merchants[merchant] = float - amount;
    const expect = credit(branch, purse, customer, amount);
    const source = accountId(branch, 'm', merchant);
    const { reference } = HABITS.refund;
    return { branch, source, destination: account, amount, order: 'destination', expect, reference };
  }

  /** If a customer cannot pay, money arrives from another bank first, so the bank can run for any length of time. */
  private topUp(payer: Payer): Draft {
    const { branch, purse, customer, account } = payer;
    const step = 50 * branch.scale;
    const amount = Math.max(1, Math.round(this.random.logNormal(700 * branch.scale, 0.6) / step)) * step;
    const expect = credit(branch, purse, customer, amount);
    const source = accountId(branch, 'banks', 0);
    const reference = 'From my other bank';
    return { branch, source, destination: account, amount, order: 'destination', expect, reference };
  }

  /**
   * A transfer that must be refused for exactly one reason, because the order of the service's checks is unspecified.
   */
  private refused(payer: Payer): Draft {
    const { branch, purse, customer, account } = payer;
    const available = availableOf(branch, purse, customer);
    const amount = this.amountOf(HABITS.card, branch);
    const chance = this.random.uniform();
    const draft = { branch, amount, source: account, order: 'source', reference: 'To be refused' } as const;
    const dormant = (index: number) => accountId(branch, 'c', index);
    const limits = limitsOf(branch, customer);
    if (limits !== null) {
      const above = limits.transferMax + branch.scale;
      if (above > available) return this.topUp(payer);
      return { ...draft, amount: above, destination: this.anyFriend(payer), expect: 'limit_exceeded' };
    }
    if (chance < 0.5 || amount > available) {
      const beyond = Math.max(0, available) + amount;
      return { ...draft, amount: beyond, destination: this.anyFriend(payer), expect: 'insufficient_funds' };
    }
    if (chance < 0.7) return { ...draft, destination: dormant(0), expect: 'account_frozen' };
    if (chance < 0.8) return { ...draft, destination: dormant(branch.firstActive - 1), expect: 'account_closed' };
    if (chance < 0.9) return { ...draft, destination: this.abroad(branch), expect: 'currency_mismatch' };
    const suspended = dormant(branch.frozen);
    // One euro is always covered: a suspended account keeps its opening deposit.
    return {
      ...draft,
      source: suspended,
      destination: account,
      amount: branch.scale,
      order: 'none',
      expect: 'account_suspended',
    };
  }

  private anyFriend({ branch, customer }: Payer): string {
    return accountId(branch, 'c', this.otherThan(branch, customer));
  }

  private otherThan(branch: Branch, customer: number): number {
    const active = branch.customers - branch.firstActive;
    const distance = 1 + this.random.int(active - 1);
    return branch.firstActive + ((customer - branch.firstActive + distance) % active);
  }

  /** An ordinary customer whose account has another currency. */
  private abroad(branch: Branch): string {
    const other = this.bank.branches.find((entry) => entry.branch.currency !== branch.currency)?.branch ?? branch;
    return accountId(other, 'c', other.firstActive);
  }

  private amountOf(habit: Habit, branch: Branch): number {
    const step = Math.max(1, Math.round(habit.step * branch.scale));
    const minor = Math.min(
      this.random.logNormal(habit.median * branch.scale, habit.sigma),
      AMOUNT_MAX_EURO * branch.scale,
    );
    return Math.max(1, Math.round(minor / step)) * step;
  }
}

/** Exact to the last minor unit: the remaining units go to the first parts. */
export function equalParts(amount: number, count: number): number[] {
  const part = Math.floor(amount / count);
  return Array.from({ length: count }, (_, index) => part + (index < amount - part * count ? 1 : 0));
}
