import { firstVerdict, isLeg, type LegOrder } from './crossing.ts';
import { type AccountLimits, givingBack } from './limits.ts';
import { Problem } from './problem.ts';
import { type Verdict, verdictOn } from './rules.ts';
import type { Account, TransferOrder } from './types.ts';

/**
 * The rules of the legs of transfers between shards; also implemented in Lua (app/redis/lua/includes/apply-legs.lua). A
 * test compares the two over random histories.
 *
 *   leg            refused by                                              usage of limits
 *   out            the rules of its source, and the refusal it carries     counts the debit
 *   in             the rules of its destination                            counts the credit
 *   back, returns  only `account_closed`, `balance_out_of_range`           gives the debit of `out` back
 *
 * The other account of a leg is the transit account. A leg is never refused because of it: if the transit account cannot be
 * used, the leg has no outcome.
 */
type Party = Parameters<typeof verdictOn>[1];
type Windows = Parameters<typeof verdictOn>[3];

/** The verdict on a transfer, whether or not it is a leg; null if it is allowed. */
export function verdictOnAny(order: TransferOrder, source: Party, destination: Party, windows: Windows) {
  return isLeg(order)
    ? verdictOnLeg(order, source, destination, windows)
    : verdictOn(order, source, destination, windows);
}

function verdictOnLeg(order: LegOrder, source: Party, destination: Party, windows: Windows): Verdict | null {
  const { leg, currency, amount } = order;
  // An account that allows everything takes the place of the transit account.
  const transit = { ...UNRESTRICTED, currency };
  if (leg.name === 'out') return firstVerdict(verdictOn(order, source, transit, windows), leg.refusal ?? null);
  if (leg.name === 'in') return verdictOn(order, transit, destination, windows);
  if (destination.status === 'CLOSED') return { refusal: 'account_closed' };
  return destination.balance + amount > Number.MAX_SAFE_INTEGER ? { refusal: 'balance_out_of_range' } : null;
}

const UNRESTRICTED: Omit<Party, 'currency'> = {
  status: 'ACTIVE',
  balance: 0,
  held: 0,
  overdraftLimit: 0,
  external: true,
  limits: null,
};

/**
 * The transit account of a leg cannot be used, so the leg has no outcome and nothing was written. The caller uses another
 * transit account, or opens this one.
 */
export class TransitUnavailable extends Problem {
  readonly account: string;
  readonly reason: TransitReason;

  constructor(account: string, reason: TransitReason) {
    super('transit_unavailable', `account ${account} ${REASONS[reason]}`);
    this.account = account;
    this.reason = reason;
  }
}
export type TransitReason = keyof typeof REASONS;
const REASONS = {
  missing: 'does not exist',
  unsettled: 'waits for the journal of the cache',
  inactive: 'is not active, or has another currency',
  full: 'would leave the exact range',
} as const;

/** The transit account of a leg, which is the account that does not belong to a client. */
export const transitOf = ({ leg, source, destination }: LegOrder): string =>
  leg.name === 'out' ? destination : source;

/** Why the transit account cannot be used for a leg that the rules allow; null if it can. */
export function transitRefusalOf(
  { leg, currency, amount }: LegOrder,
  source: Pick<Account, 'currency' | 'status' | 'balance'>,
  destination: Pick<Account, 'currency' | 'status' | 'balance'>,
): 'inactive' | 'full' | null {
  const isOut = leg.name === 'out';
  const transit = isOut ? destination : source;
  if (transit.status !== 'ACTIVE' || transit.currency !== currency) return 'inactive';
  const isFull = isOut
    ? transit.balance + amount > Number.MAX_SAFE_INTEGER
    : transit.balance - amount < -Number.MAX_SAFE_INTEGER;
  return isFull ? 'full' : null;
}

/** The limits of the destination of `back`, after the debit of `out` was subtracted from the windows that counted it. */
export function limitsAfterBack(
  order: Pick<TransferOrder, 'amount' | 'leg'>,
  limits: AccountLimits | null,
): AccountLimits | null {
  const counted = order.leg?.counted;
  if (!limits || !counted) return limits;
  return { ...limits, usage: givingBack(limits.usage, counted.at, { day: order.amount, month: order.amount }) };
}
