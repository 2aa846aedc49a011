import { type AccountLimits, LIMITS, type Limits } from '../domain/limits.ts';
import type { Account, AccountStatus, Side } from '../domain/types.ts';
import type { AuditedAccount } from './audit-source.ts';

/**
 * An account as far as the log shows it. A replay may begin in the middle of an account's history (the account is older
 * than the log, or earlier entries were audited before), and then some of its properties are unknown at first.
 */
export interface AccountState {
  accountId: string;
  currency: string;
  balance: number;
  version: number;
  settingsVersion: number;
  /** Null if it is unknown. */
  held: number | null;
  settings: { external: boolean; status: AccountStatus; overdraftLimit: number; limits: AccountLimits | null } | null;
  /** False if its limits are older than the log, which does not contain what they have counted. */
  isUsageKnown: boolean;
  /** Null if the log does not contain its opening. */
  opening: { overdraftLimit: number; limits: Limits | null } | null;
  /** Its balance and version before its first entry, assumed because no entry has stated them yet; otherwise null. */
  assumed: { balance: number; version: number } | null;
  /** The latest acceptance, ms; 0 if there was none. */
  acceptedAt: number;
}

/** The account before an entry, as far as it can be derived from the entry itself. */
export function stateBefore(accountId: string, currency: string, side: Side, amount: number): AccountState {
  const balance = side.balance - amount;
  const version = side.version - 1;
  return {
    accountId,
    currency,
    balance,
    version,
    settingsVersion: side.settingsVersion,
    held: null,
    settings: null,
    isUsageKnown: true,
    opening: null,
    assumed: { balance, version },
    acceptedAt: 0,
  };
}

/** The account as the rules need it; null if a part of it is unknown. */
export function knownAccount(state: AccountState): (Account & { limits: AccountLimits | null }) | null {
  const { settings, held, isUsageKnown } = state;
  if (!settings || held === null || !isUsageKnown) return null;
  const { accountId, currency, balance, version, settingsVersion } = state;
  return { accountId, currency, balance, held, version, settingsVersion, ...settings };
}

/** What differs between an account in the books and the log; null if nothing does. */
export function differenceOf(state: AccountState, stored: AuditedAccount): string | null {
  const { account } = stored;
  const pairs: [name: string, books: unknown, log: unknown][] = [
    ['currency', account.currency, state.currency],
    ['balance', account.balance, state.balance],
    ['version', account.version, state.version],
    ['settings version', account.settingsVersion, state.settingsVersion],
  ];
  if (state.held !== null) pairs.push(['held amount', account.held, state.held]);
  if (state.settings) pairs.push(...settingsPairs(account, state.settings));
  if (state.settings && state.isUsageKnown) pairs.push(...usagePairs(account.limits, state.settings.limits));
  if (state.opening) {
    const { overdraftLimit, limits } = state.opening;
    pairs.push(['overdraft limit at its opening', stored.openingOverdraftLimit, overdraftLimit]);
    pairs.push(['limits at its opening', stored.openingLimits, limits && JSON.stringify(ordered(limits))]);
    pairs.push(['latest acceptance', stored.lastAcceptedAt ?? 0, state.acceptedAt]);
  }
  const found = pairs.find(([, books, log]) => books !== log);
  return found ? `its ${found[0]} is ${String(found[1])}, but ${String(found[2])} according to the log` : null;
}

function settingsPairs(
  account: Account,
  settings: NonNullable<AccountState['settings']>,
): [string, unknown, unknown][] {
  return [
    ['kind (external)', account.external, settings.external],
    ['status', account.status, settings.status],
    ['overdraft limit', account.overdraftLimit, settings.overdraftLimit],
    ['limits', textOf(account.limits), textOf(settings.limits)],
  ];
}

/**
 * How far the starts of counting in the books and in the log may differ, ms: in the books, the start of counting and
 * the time of the opening come from different statements.
 */
const COUNTED_SINCE_MS_OFF = 60_000;

function usagePairs(books: AccountLimits | null, log: AccountLimits | null): [string, unknown, unknown][] {
  if (!books || !log) return [];
  const off = Math.abs(books.usage.countedSince - log.usage.countedSince);
  return [
    ['usage of its limits', usageText(books), usageText(log)],
    ['start of counting', off > COUNTED_SINCE_MS_OFF, false],
  ];
}

const ordered = (limits: Limits) => Object.fromEntries(LIMITS.map((name) => [name, limits[name]]));
const textOf = (limits: Limits | null): string => (limits ? JSON.stringify(ordered(limits)) : 'none');
const usageText = ({ usage }: AccountLimits): string =>
  JSON.stringify([usage.dayStart, usage.dayDebit, usage.dayCredit, usage.monthStart, usage.monthDebit]);
