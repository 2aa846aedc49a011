import { notFound, unsettledAccount } from '../../domain/account-problems.ts';
import { type Unwindowed, unwindowed } from '../../domain/business-calendar.ts';
import type { HoldEvent } from '../../domain/hold-events.ts';
import type { HoldState, StoredHold } from '../../domain/hold-types.ts';
import { usageAfterEvent } from '../../domain/hold-usage.ts';
import { idAhead, uuidV7Time, withoutMark } from '../../domain/ids.ts';
import { type AccountLimits, counting, type Windows } from '../../domain/limits.ts';
import { Problem } from '../../domain/problem.ts';
import { ledgerStopped } from '../../domain/stop.ts';
import type { Account, Outcome } from '../../domain/types.ts';
import { HOLD_CHANGED, limitFields, RecordStatus, refusalNumber } from '../../journal/codec.ts';
import type { AccountMove } from '../../journal/flush-batch.ts';
import {
  accountsOfItem,
  currencyOf,
  type HoldItem,
  type HoldRecord,
  type HoldResult,
  holdIdOf,
  holdResultOf,
  keyOfItem,
} from '../../journal/hold-codec.ts';
import { decideHold, type HoldChanges, type HoldParties, type HoldRefusal } from '../../journal/hold-decision.ts';
import type { DirectHold, HoldAnswer } from '../ports/direct-server.ts';
import { type Found, movesBetween, NO_SEQ, unsettledId, windowsFor } from './decide.ts';

/** The rows in MySQL that a call's hold items need, with their accounts and holds locked. */
interface FoundForHolds extends Omit<Found, 'existing' | 'unsettled'> {
  /** Holds by id, in any state except refused; holds that do not exist are absent. */
  holds: ReadonlyMap<string, StoredHold>;
  /** The existing results of the items' ids, by key (`keyOfItem`). */
  known: ReadonlyMap<string, HoldResult>;
  /** The keys of ids that wait for the journal of a cache epoch. */
  unsettledKeys: ReadonlySet<string>;
}

interface DecidedHolds {
  /** One per item, in order. */
  answers: (HoldAnswer | Problem)[];
  /** The captures and events to write, in the order of their decisions. `outcomes` and `events` contain them by kind. */
  decided: (Outcome | HoldEvent)[];
  outcomes: Outcome[];
  events: HoldEvent[];
  moves: AccountMove[];
}

/**
 * Decides hold items in order, each on the accounts and holds as left by the previous items, exactly like
 * redis/lua/apply.lua.
 */
export function decideHolds(items: readonly DirectHold[], found: FoundForHolds): DecidedHolds {
  const accounts = new Map(found.accounts);
  const holds = new Map(found.holds);
  const results = new Map<string, HoldResult>();
  const answers = items.map((one): HoldAnswer | Problem => {
    const key = keyOfItem(one.hold);
    if (found.unsettledKeys.has(key)) return unsettledId(withoutMark(key));
    const existing = found.known.get(key) ?? results.get(key);
    if (existing) return { kind: 'result', result: existing, replayed: true };
    if ((uuidV7Time(withoutMark(key)) ?? 0) > found.time.idTimeMax) return idAhead();
    if (found.stopped) return ledgerStopped();
    const parties = partiesOf(one.hold, { accounts, holds, frozen: found.frozen });
    if (parties instanceof Problem || 'kind' in parties) return parties;
    const accountIds = accountsOfItem(one.hold);
    const windows = windowsFor(accountIds, found);
    const times = { now: found.time.of(accountIds), podNow: one.podNow, windows };
    const decision = decideHold(one.hold, parties, times);
    if (decision.kind === 'nothing' && parties.hold) return { kind: 'unchanged', hold: parties.hold };
    if (decision.kind === 'calendar_unavailable') return unwindowed(decision.kind);
    if (decision.kind !== 'changes' && decision.kind !== 'refused') return { kind: 'clock_unsure' };
    // A refused placing or capture is an outcome; any other refusal is not stored.
    const { op } = one.hold;
    if (decision.kind === 'refused' && op !== 'place' && op !== 'capture')
      return { kind: 'refused', refusal: decision.refusal, ...(decision.limit && { limit: decision.limit }) };
    const acceptedAt = found.time.accept(accountIds);
    const record = recordOf(one.hold, decision, { parties, accounts, holds, windows });
    const result = holdResultOf(one.hold, record, { acceptedAt, takenAt: one.takenAt, epoch: found.epoch });
    const committed = 'capture' in result ? { capture: { ...result.capture, persisted: true } } : result;
    results.set(key, committed);
    return { kind: 'result', result: committed, replayed: false };
  });
  const decided = [...results.values()].map((one): Outcome | HoldEvent => ('capture' in one ? one.capture : one.event));
  return {
    answers,
    decided,
    outcomes: decided.filter((one) => 'status' in one),
    events: decided.filter((one): one is HoldEvent => !('status' in one)),
    moves: movesBetween(found.accounts, accounts, found.time),
  };
}

interface State {
  accounts: Map<string, Account>;
  holds: Map<string, StoredHold>;
}

/** The accounts and the hold of an item, or the reason why the item cannot be decided. */
function partiesOf(
  item: HoldItem,
  { accounts, holds, frozen }: State & { frozen: ReadonlySet<string> },
): HoldParties | HoldAnswer | Problem {
  const [accountId = '', destinationId] = accountsOfItem(item);
  const account = accounts.get(accountId);
  if (!account) return notFound(accountId);
  const destination = destinationId === undefined ? null : accounts.get(destinationId);
  if (destination === undefined) return notFound(destinationId ?? '');
  // Checked before the hold is looked up, because a hold that is not in MySQL may be in the journal.
  const frozenId = accountsOfItem(item).find((id) => frozen.has(id));
  if (frozenId !== undefined) return unsettledAccount(frozenId);
  const hold = item.op === 'place' ? null : holds.get(holdIdOf(item));
  if (hold === undefined) return { kind: 'no_hold' };
  const named = item.op === 'capture' ? hold?.destination : null;
  const isOther = hold?.account !== accountId || hold.currency !== currencyOf(item);
  if (hold && (isOther || (named !== null && named !== destinationId))) return { kind: 'other_hold' };
  return { account, destination, hold };
}

const NO_HOLD: HoldState = { status: 'OPEN', amount: 0, captured: 0, expiresAt: 0, revision: 0 };

/** Applies the decision, and records it as a Redis script would. */
function recordOf(
  item: HoldItem,
  decision: HoldChanges | HoldRefusal,
  { parties, accounts, holds, windows }: { parties: HoldParties; windows: Windows | Unwindowed } & State,
): HoldRecord {
  const { account, destination, hold } = parties;
  const { moved } = decision;
  const record = {
    seq: NO_SEQ,
    moved,
    otherBalance: 0,
    otherVersion: 0,
    otherSettingsVersion: 0,
    held: 0,
    heldChange: 0,
  };
  if (decision.kind === 'refused') {
    const detail = decision.refusal === 'hold_changed' ? HOLD_CHANGED : refusalNumber(decision.refusal);
    const nothing = { balance: 0, version: 0, settingsVersion: 0, hold: hold ?? NO_HOLD };
    const refused = { ...record, ...nothing, status: RecordStatus.REJECTED, detail };
    return decision.limit ? { ...refused, ...limitFields(decision.limit) } : refused;
  }
  const { heldChange, usageChange, creditCounted } = decision;
  const { balance, held, version, settingsVersion } = account;
  const after = { balance: balance - moved, held: held + heldChange, version: version + 1 };
  accounts.set(account.accountId, { ...account, ...after, limits: limitsAfter(account, decision, windows) });
  const fixed = hold ?? (item.op === 'place' ? item.order : null);
  if (!fixed) throw new RangeError(`hold ${holdIdOf(item)} was not loaded`);
  const { holdId, account: accountId, destination: named, currency } = fixed;
  holds.set(holdId, { holdId, account: accountId, destination: named, currency, ...decision.hold });
  const change = { heldChange, hold: decision.hold, ...(usageChange && { usageChange }) };
  const posted = { ...record, ...after, ...change, settingsVersion, status: RecordStatus.POSTED, detail: 0 };
  if (item.op !== 'capture' || !destination) return posted;
  const limits = credited(destination.limits, moved, windows);
  const other = { ...destination, balance: destination.balance + moved, version: destination.version + 1, limits };
  accounts.set(other.accountId, other);
  return {
    ...posted,
    otherBalance: other.balance,
    otherVersion: other.version,
    otherSettingsVersion: other.settingsVersion,
    detail: creditCounted ? 2 : 0,
  };
}

type CallWindows = Windows | Unwindowed;
const limitsAfter = ({ limits }: Account, event: HoldChanges, windows: CallWindows): AccountLimits | null =>
  limits && { ...limits, usage: usageAfterEvent(limits.usage, event, () => known(windows)) };
const credited = (limits: AccountLimits | null, credit: number, windows: CallWindows): AccountLimits | null =>
  limits && { ...limits, usage: counting(limits.usage, known(windows), { credit }) };
function known(windows: CallWindows): Windows {
  if (typeof windows === 'string') throw new RangeError('limits need the windows of the call');
  return windows;
}
