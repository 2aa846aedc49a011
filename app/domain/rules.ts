import { isLimited, type LimitRefusal, limitRefusalOf, type Windows } from './limits.ts';
import type { Refusal } from './problem.ts';
import type { Account, AccountStatus, TransferOrder } from './types.ts';

/**
 * The rules of a transfer, implemented in TypeScript (for MySQL and for models) and again in Lua
 * (app/redis/lua/includes/rules.lua); a test compares the two over random histories.
 */
type Party = Pick<Account, 'currency' | 'status' | 'balance' | 'held' | 'overdraftLimit' | 'external'>;

/** Null if the transfer is allowed, otherwise the refusal. Money in minor units; all inputs are safe integers. */
export function refusalOf(source: Party, destination: Party, amount: number, currency: string): Refusal | null {
  if (source.currency !== currency || destination.currency !== currency) return 'currency_mismatch';
  if (source.status === 'CLOSED' || destination.status === 'CLOSED') return 'account_closed';
  if (source.status === 'FROZEN' || destination.status === 'FROZEN') return 'account_frozen';
  if (source.status === 'SUSPENDED') return 'account_suspended';
  const left = source.balance - amount;
  if (!source.external && left - source.held < -source.overdraftLimit) return 'insufficient_funds';
  // Sums of two exact numbers are only compared: a sum outside the exact range may be rounded, but never back into it.
  if (left < -Number.MAX_SAFE_INTEGER || destination.balance + amount > Number.MAX_SAFE_INTEGER) {
    return 'balance_out_of_range';
  }
  return null;
}

/** Why a transfer is refused. */
export interface Verdict {
  refusal: Refusal;
  /** Present for `limit_exceeded`. */
  limit?: LimitRefusal;
}

/**
 * The verdict of all rules on a transfer, or null if it is allowed.
 * @param windows of the call. They may be unknown only if no limits apply.
 */
export function verdictOn(
  order: Pick<TransferOrder, 'kind' | 'amount' | 'currency'>,
  source: Party & Pick<Account, 'limits'>,
  destination: Party & Pick<Account, 'limits'>,
  windows: Windows | string | null,
): Verdict | null {
  const refusal = refusalOf(source, destination, order.amount, order.currency);
  if (refusal) return { refusal };
  if (!isLimited(order, source, destination)) return null;
  if (windows === null || typeof windows === 'string') throw new RangeError('limits need the windows of the call');
  const limit = limitRefusalOf(source, destination, order.amount, windows);
  return limit && { refusal: 'limit_exceeded', limit };
}

export type ChangeRefusal = 'settings_version_mismatch' | 'account_closed' | 'account_not_empty';

/**
 * Whether an account may get these settings: null, or the reason why not. Closing is permanent, and allowed only at a
 * balance of zero with nothing held.
 */
export function changeRefusalOf(
  account: Pick<Account, 'status' | 'balance' | 'held' | 'settingsVersion'>,
  wanted: { status: AccountStatus | undefined; expectedSettingsVersion: number | undefined },
): ChangeRefusal | null {
  const { status, expectedSettingsVersion } = wanted;
  if (expectedSettingsVersion !== undefined && expectedSettingsVersion !== account.settingsVersion) {
    return 'settings_version_mismatch';
  }
  if (account.status === 'CLOSED') return 'account_closed';
  if (status === 'CLOSED' && (account.balance !== 0 || account.held !== 0)) return 'account_not_empty';
  return null;
}
