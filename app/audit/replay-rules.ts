import { isDeepStrictEqual } from 'node:util';
import { isInnerAccount } from '../domain/crossing.ts';
import type { HoldState, UsageChange } from '../domain/hold-types.ts';
import { counted as countedHold } from '../domain/hold-usage.ts';
import {
  decideCapture,
  decideChange,
  decideExpiry,
  decidePlacing,
  decideVoid,
  type HoldStep,
} from '../domain/holds.ts';
import type { LegName } from '../domain/leg-types.ts';
import { creditRefusalOf, debitRefusalOf, type Windows } from '../domain/limits.ts';
import { verdictOn } from '../domain/rules.ts';
import type { Account } from '../domain/types.ts';
import type { SealedHold, SealedOrder, SealedTransfer } from '../journal/sealed/sealed-entry.ts';

/** Why the rules do not allow what an entry says; null if they do. Each side of a transfer is checked on its own. */
type Violation = string | null;
export type Posted = Extract<SealedTransfer, { status: 'POSTED' }>;

/** Stands in for the other account of a transfer, and allows everything. */
const OTHER: Omit<Account, 'currency' | 'accountId' | 'version' | 'settingsVersion'> = {
  status: 'ACTIVE',
  balance: 0,
  held: 0,
  overdraftLimit: 0,
  external: true,
  limits: null,
};

const legOf = ({ leg }: SealedOrder): LegName | null => (leg as { name: LegName } | undefined)?.name ?? null;
const isFreeOfLimits = (order: SealedOrder): boolean =>
  order.kind === 'reversal' || legOf(order) === 'back' || legOf(order) === 'returns';

/** Such an entry is not replayed: a ledger of integers cannot contain the number. */
export const NOT_EXACT = 'it has a number that is not an exact integer';
/** This is a fault, because days of the calendar are never deleted, and nothing is counted at a time without a day. */
const NO_DAY = 'the business calendar has no day for its time';

/** Checks what must hold for every posted transfer, whatever its accounts are. */
export function formViolation({ order, source, destination }: Posted): Violation {
  const numbers = [order.amount, source.balance, source.version, destination.balance, destination.version];
  if (!numbers.every(Number.isSafeInteger)) return NOT_EXACT;
  if (order.amount <= 0) return `its amount is ${order.amount}`;
  if (order.source === order.destination) return 'its source is its destination';
  const leg = legOf(order);
  if (leg === null || isInnerAccount(leg === 'out' ? order.destination : order.source)) return null;
  return `the leg ${leg} does not use a transit account`;
}

export function debitViolation(order: SealedOrder, account: Account, windows: Windows | null): Violation {
  const leg = legOf(order);
  // A transit account is never the reason for a refusal.
  if (leg !== null && leg !== 'out') return null;
  if (lacksDay(order, account, windows)) return NO_DAY;
  const verdict = verdictOn(order, account, { ...OTHER, currency: account.currency }, windows);
  return verdict && `the source does not allow it: ${verdict.refusal}`;
}

export function creditViolation(order: SealedOrder, account: Account, windows: Windows | null): Violation {
  const leg = legOf(order);
  if (leg === 'out') return null;
  if (leg === 'back' || leg === 'returns')
    return account.status === 'CLOSED' ? 'the destination does not allow it: account_closed' : null;
  if (lacksDay(order, account, windows)) return NO_DAY;
  const verdict =
    order.kind === 'capture'
      ? captureCredit(order.amount, account, windows)
      : verdictOn(order, { ...OTHER, currency: account.currency }, account, windows)?.refusal;
  return verdict ? `the destination does not allow it: ${verdict}` : null;
}

const lacksDay = (order: SealedOrder, { limits }: Account, windows: Windows | null): boolean =>
  limits !== null && windows === null && !isFreeOfLimits(order);

function captureCredit(amount: number, account: Account, windows: Windows | null): string | null {
  if (account.status === 'CLOSED') return 'account_closed';
  if (account.status === 'FROZEN') return 'account_frozen';
  return account.limits && windows && creditRefusalOf(account, amount, windows) ? 'limit_exceeded' : null;
}

/** Whether windows must count a side of a posted transfer. A capture was counted when its hold was placed. */
export const mustCount = (order: SealedOrder, account: Account, side: 'source' | 'destination'): boolean =>
  account.limits !== null && !isFreeOfLimits(order) && !(order.kind === 'capture' && side === 'source');

/** An event of a hold, or a capture, as the log contains it. */
interface Step {
  before: HoldState | null;
  after: { hold: HoldState; heldChange: number; usageChange?: UsageChange };
  acceptedAt: number;
  windows: Windows | null;
}

export function captureViolation(order: SealedOrder, account: Account, step: Step): Violation {
  const { before, acceptedAt } = step;
  if (!order.capture) return 'it has no capture request';
  if (!before) return 'its hold is not open';
  const destination = { ...OTHER, currency: account.currency };
  const decided = decideCapture(before, order.capture, account, destination, acceptedAt);
  if (typeof decided === 'string') return `its hold does not allow it: ${decided}`;
  if (decided.amount !== order.amount) return `its hold allows ${decided.amount}`;
  return differingHold(decided, account, step, decided.amount);
}

export function holdViolation({ event }: SealedHold, account: Account, step: Step): Violation {
  if (event.kind === 'REFUSED') return null;
  const { before, acceptedAt, windows } = step;
  if (event.kind !== 'PLACED' && !before) return 'the hold is not open';
  const decided = decidedStep(event, account, before, acceptedAt);
  if (typeof decided === 'string') return `the rules do not allow it: ${decided}`;
  if (decided === null) return 'the rules do not allow it';
  const { hold, heldChange } = decided;
  if (heldChange > 0 && account.limits && windows && debitRefusalOf(account, hold.amount, heldChange, windows))
    return 'the rules do not allow it: limit_exceeded';
  return differingHold(decided, account, step, 0);
}

type Changed = Exclude<SealedHold['event'], { kind: 'REFUSED' }>;

function decidedStep(event: Changed, account: Account, before: HoldState | null, now: number) {
  if (event.kind === 'PLACED') return decidePlacing({ ...event.order, currency: event.currency }, account, null, now);
  if (!before) return null;
  if (event.kind === 'VOIDED') return decideVoid(before);
  if (event.kind === 'EXPIRED') return decideExpiry(before, now);
  const { amount, expiresAt } = event.hold;
  const wanted = { amount, expiresAt: expiresAt === before.expiresAt ? null : expiresAt };
  return decideChange(before, { ...wanted, expectedRevision: before.revision }, account, now);
}

/** Checks that the hold after a step follows from the hold before it, and from what the windows have counted. */
function differingHold(
  decided: HoldStep,
  account: Account,
  { before, after, acceptedAt, windows }: Step,
  moved: number,
) {
  const { hold, heldChange } = decided;
  if (heldChange > 0 && account.limits && !windows) return NO_DAY;
  const limits = account.limits;
  const expected = countedHold(before, { hold, heldChange, moved }, limits, { windows, now: acceptedAt });
  if (heldChange !== after.heldChange) return `it must change the held amount by ${heldChange}`;
  if (!isDeepStrictEqual(expected.hold, after.hold))
    return `the hold after it must be ${JSON.stringify(expected.hold)}`;
  return isDeepStrictEqual(expected.usageChange, after.usageChange)
    ? null
    : `it must change the usage by ${JSON.stringify(expected.usageChange ?? null)}`;
}
