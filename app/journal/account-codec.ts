import type { BusinessCalendar } from '../domain/business-calendar.ts';
import { type AccountLimits, LIMITS, type Limits } from '../domain/limits.ts';
import type { Account } from '../domain/types.ts';
import { statusName, statusNumber } from './codec.ts';

/** The bytes of an account in Redis, shared with the Lua scripts: see lua/includes/layout.lua. Little endian. */
const ACCOUNT_BYTES = 42;
const HELD_BYTES = 8;
const LIMITS_BYTES = 11 * 8;
/** An absent limit. */
const NO_LIMIT = -1;

export interface CachedAccount extends Account {
  /** True if the account was changed in this epoch; it is clean again once the cursor has passed `seq`. */
  modified: boolean;
  seq: number;
}

export function encodeAccount(account: Account, seq = 0, modified = false): Buffer {
  const bytes = Buffer.allocUnsafe(bytesOf(account));
  bytes.writeDoubleLE(account.balance, 0);
  bytes.writeDoubleLE(account.version, 8);
  bytes.writeDoubleLE(account.overdraftLimit, 16);
  bytes.writeUInt32LE(account.settingsVersion, 24);
  bytes[28] = statusNumber(account.status);
  bytes[29] = account.external ? 1 : 0;
  bytes[30] = modified ? 1 : 0;
  bytes.write(account.currency, 31, 3, 'latin1');
  bytes.writeDoubleLE(seq, 34);
  if (bytes.length > ACCOUNT_BYTES) bytes.writeDoubleLE(account.held, ACCOUNT_BYTES);
  const doubles = account.limits ? doublesOf(account.limits) : [];
  for (const [n, double] of doubles.entries()) bytes.writeDoubleLE(double, limitsAt(n));
  return bytes;
}

/** @param length the number of bytes of the account: 42, or more if some of its money is held or it has limits */
export function decodeAccount(accountId: string, bytes: Buffer, at = 0, length = bytes.length - at): CachedAccount {
  return {
    accountId,
    balance: bytes.readDoubleLE(at),
    held: length > ACCOUNT_BYTES ? bytes.readDoubleLE(at + ACCOUNT_BYTES) : 0,
    version: bytes.readDoubleLE(at + 8),
    overdraftLimit: bytes.readDoubleLE(at + 16),
    settingsVersion: bytes.readUInt32LE(at + 24),
    status: statusName(bytes.readUInt8(at + 28)),
    external: bytes.readUInt8(at + 29) === 1,
    modified: bytes.readUInt8(at + 30) === 1,
    currency: bytes.toString('latin1', at + 31, at + 34),
    seq: bytes.readDoubleLE(at + 34),
    limits: length > ACCOUNT_BYTES + HELD_BYTES ? limitsFrom((n) => bytes.readDoubleLE(at + limitsAt(n))) : null,
  };
}

function bytesOf({ held, limits }: Account): number {
  if (limits) return ACCOUNT_BYTES + HELD_BYTES + LIMITS_BYTES;
  return held === 0 ? ACCOUNT_BYTES : ACCOUNT_BYTES + HELD_BYTES;
}

const limitsAt = (n: number): number => ACCOUNT_BYTES + HELD_BYTES + 8 * n;

const limitDoubles = (limits: Limits): number[] => LIMITS.map((name) => limits[name] ?? NO_LIMIT);

/** The limits of an account change, as the script takes them. */
export const encodeLimits = (limits: Limits): Buffer => packed(limitDoubles(limits));

/** The business calendar as the scripts read it. */
export const encodeCalendar = ({ days, validUntil }: BusinessCalendar): Buffer =>
  packed([validUntil, ...days.flatMap(({ dayStart, monthStart }) => [dayStart, monthStart])]);

function packed(doubles: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(8 * doubles.length);
  for (const [n, double] of doubles.entries()) bytes.writeDoubleLE(double, 8 * n);
  return bytes;
}

const doublesOf = ({ usage, ...limits }: AccountLimits): number[] => [
  ...limitDoubles(limits),
  usage.countedSince,
  usage.dayStart,
  usage.dayDebit,
  usage.dayCredit,
  usage.monthStart,
  usage.monthDebit,
];

function limitsFrom(double: (n: number) => number): AccountLimits {
  const limit = (n: number) => (double(n) === NO_LIMIT ? null : double(n));
  return {
    transferMax: limit(0),
    dailyDebitMax: limit(1),
    monthlyDebitMax: limit(2),
    dailyCreditMax: limit(3),
    balanceMax: limit(4),
    usage: {
      countedSince: double(5),
      dayStart: double(6),
      dayDebit: double(7),
      dayCredit: double(8),
      monthStart: double(9),
      monthDebit: double(10),
    },
  };
}
