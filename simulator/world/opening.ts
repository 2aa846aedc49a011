import type { BusinessCalendar } from '../../app/domain/business-calendar.ts';
import { type AccountLimits, usageSince } from '../../app/domain/limits.ts';
import type { Account } from '../../app/domain/types.ts';
import type { Recording } from '../../verification/checker/history.ts';
import { EPOCH_MS } from '../core/sim-process.ts';
import type { MysqlServer } from '../mysql/mysql-server.ts';
import type { Plan } from './plan.ts';

/** Only this account, and accounts of other shards whose ids begin with it, are external. */
export const WORLD = 'world';
export const accountIdsOf = ({ accounts }: Plan): string[] => [
  WORLD,
  'hot',
  ...Array.from({ length: accounts - 1 }, (_, number) => `a${number}`),
];

/** Opens the accounts of a run. */
export function openAccounts(
  { plan, mysql, history }: { plan: Plan; mysql: MysqlServer; history: Recording },
  accountIds: readonly string[],
): void {
  const { overdraftLimit, limits } = plan;
  if (limits) mysql.tables.calendar = calendarOf(limits.dayMs);
  for (const accountId of accountIds) {
    const external = accountId.startsWith(WORLD);
    const account: Account = {
      accountId,
      currency: 'EUR',
      external,
      balance: 0,
      held: 0,
      version: 0,
      overdraftLimit: external ? 0 : overdraftLimit,
      status: 'ACTIVE',
      settingsVersion: 1,
      limits: limits && !external ? limitsOf(limits.dailyDebitMax) : null,
    };
    history.accounts.push({
      ...account,
      ...(account.limits && { dailyDebitMax: account.limits.dailyDebitMax ?? 0 }),
    });
    mysql.tables.accounts.set(accountId, { ...account });
  }
}

const limitsOf = (dailyDebitMax: number): AccountLimits => ({
  transferMax: null,
  dailyDebitMax,
  monthlyDebitMax: null,
  dailyCreditMax: null,
  balanceMax: null,
  usage: usageSince(0),
});

/** A calendar with more business days than a run can have, each in its own month. */
function calendarOf(dayMs: number): BusinessCalendar {
  const starts = Array.from({ length: DAYS }, (_, day) => EPOCH_MS + (day - DAYS_BEFORE) * dayMs);
  return {
    days: starts.map((dayStart) => ({ dayStart, monthStart: dayStart })),
    validUntil: Number.POSITIVE_INFINITY,
  };
}
const DAYS = 400;
const DAYS_BEFORE = 20;
