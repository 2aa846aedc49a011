import { isDeepStrictEqual } from 'node:util';
import type { HoldState } from '../domain/hold-types.ts';
import { changedLimits, LIMITS, type Limits, usageSince, type Windows } from '../domain/limits.ts';
import { changeRefusalOf } from '../domain/rules.ts';
import type { Side } from '../domain/types.ts';
import { countedIn, usagesAfter } from '../journal/counted-usage.ts';
import type {
  SealedChange,
  SealedEntry,
  SealedHold,
  SealedOpening,
  SealedState,
} from '../journal/sealed/sealed-entry.ts';
import { type AccountState, knownAccount, stateBefore } from './account-state.ts';
import {
  captureViolation,
  creditViolation,
  debitViolation,
  formViolation,
  holdViolation,
  mustCount,
  NOT_EXACT,
  type Posted,
} from './replay-rules.ts';

/** Where an entry is in the log. Entries that wait to be sealed have no position yet. */
export interface Place {
  position: number | null;
  index: number | null;
}

interface ReplayOptions {
  /** Which accounts are replayed; the others are skipped. */
  isWanted(accountId: string): boolean;
  windowsAt(time: number): Windows | null;
  /** When the log began, ms: an account that was opened later began empty. */
  logBeganAt: number;
  fault(place: Place, what: string, problem: string): void;
  /** Called for each hold that reaches a final state. */
  ended(hold: ReplayedHold): void;
}

export interface ReplayedHold {
  holdId: string;
  account: string;
  currency: string;
  hold: HoldState;
}

type HoldChanged = Exclude<SealedHold['event'], { kind: 'REFUSED' }>;

/**
 * Recomputes accounts and holds from the entries of the log, in their order, and checks that each entry follows from the
 * ones before it, and is allowed by the rules. An entry is checked for each of its accounts separately, so that the accounts
 * of a large ledger can be replayed in parts. After a fault, the replay continues from what the entry says.
 */
export class Replay {
  readonly accounts = new Map<string, AccountState>();
  /** Open holds whose placing is in the log. */
  readonly openHolds = new Map<string, ReplayedHold>();
  readonly #options: ReplayOptions;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  take(entry: SealedEntry, place: Place): void {
    if (entry.kind === 'transfer' && entry.status === 'POSTED') this.#posted(entry, place);
    else if (entry.kind === 'hold' && entry.event.kind !== 'REFUSED') this.#hold(entry, entry.event, place);
    else if (entry.kind === 'account-opened') this.#opened(entry, place);
    else if (entry.kind === 'account-state') this.#stated(entry, place);
    else if (entry.kind === 'account-changed') this.#changed(entry, place);
  }

  #posted(entry: Posted, place: Place): void {
    const { order, acceptedAt } = entry;
    const what = `transfer ${order.transactionId}`;
    const wrong = formViolation(entry);
    if (wrong !== null && this.#options.isWanted(order.source)) this.#options.fault(place, what, wrong);
    if (wrong === NOT_EXACT) return;
    const windows = this.#options.windowsAt(acceptedAt);
    if (this.#options.isWanted(order.source)) {
      const state = this.#follow(order.source, order.currency, entry.source, -order.amount, { place, what });
      const before = knownAccount(state);
      const violation = before && this.#debited(entry, before, windows);
      if (violation) this.#options.fault(place, what, violation);
      if (entry.hold) this.#held(state, order.capture?.holdId ?? '', order.currency, entry.hold, { place, what });
      this.#count(state, entry);
      move(state, entry.source, acceptedAt);
    }
    if (this.#options.isWanted(order.destination)) {
      const state = this.#follow(order.destination, order.currency, entry.destination, order.amount, { place, what });
      const before = knownAccount(state);
      const violation =
        before &&
        (creditViolation(order, before, windows) ?? countViolation(entry, mustCount(order, before, 'destination'), 2));
      if (violation) this.#options.fault(place, what, violation);
      this.#count(state, entry);
      move(state, entry.destination, acceptedAt);
    }
  }

  #debited(entry: Posted, before: NonNullable<ReturnType<typeof knownAccount>>, windows: Windows | null) {
    const { order, acceptedAt, hold: after } = entry;
    const counts = countViolation(entry, mustCount(order, before, 'source'), 1);
    if (order.kind !== 'capture') return debitViolation(order, before, windows) ?? counts;
    const hold = this.openHolds.get(order.capture?.holdId ?? '')?.hold ?? null;
    // The placing of the hold is older than the log.
    if (!hold && after && after.hold.revision > 1) return counts;
    return after
      ? (captureViolation(order, before, { before: hold, after, acceptedAt, windows }) ?? counts)
      : 'it has no hold';
  }

  #hold(entry: SealedHold, event: HoldChanged, place: Place): void {
    const { account, currency, acceptedAt, side, holdId } = event;
    if (!this.#options.isWanted(account)) return;
    const what = 'eventId' in event ? `hold event ${event.eventId}` : `hold ${holdId}`;
    const state = this.#follow(account, currency, side, 0, { place, what });
    const known = knownAccount(state);
    const before = this.openHolds.get(holdId)?.hold ?? null;
    const isKnown = event.kind === 'PLACED' ? before === null : before !== null;
    if (event.kind === 'PLACED' && before) this.#options.fault(place, what, 'the hold had already been placed');
    if (known && isKnown) {
      const windows = this.#options.windowsAt(acceptedAt);
      const violation = holdViolation(entry, known, { before, after: event, acceptedAt, windows });
      if (violation) this.#options.fault(place, what, violation);
    }
    this.#held(state, holdId, currency, event, { place, what }, event.kind === 'PLACED');
    this.#count(state, event as never);
    move(state, side, acceptedAt);
  }

  /** Checks the held amount after an event or a capture, and replaces the hold. */
  #held(
    state: AccountState,
    holdId: string,
    currency: string,
    { hold, held, heldChange }: Pick<HoldChanged, 'hold' | 'held' | 'heldChange'>,
    { place, what }: { place: Place; what: string },
    isPlacing = false,
  ): void {
    if (state.held !== null && state.held + heldChange !== held)
      this.#options.fault(place, what, `the account must hold ${state.held + heldChange} after it, not ${held}`);
    state.held = held;
    if (!isPlacing && !this.openHolds.has(holdId)) return;
    const one = { holdId, account: state.accountId, currency, hold };
    if (hold.status === 'OPEN') this.openHolds.set(holdId, one);
    else {
      this.openHolds.delete(holdId);
      this.#options.ended(one);
    }
  }

  /** Returns the account before an entry, and checks that the entry follows from it. */
  #follow(
    accountId: string,
    currency: string,
    side: Side,
    amount: number,
    { place, what }: { place: Place; what: string },
  ): AccountState {
    const state = this.accounts.get(accountId);
    if (!state) {
      const first = stateBefore(accountId, currency, side, amount);
      this.accounts.set(accountId, first);
      return first;
    }
    const problem = [
      ['currency', currency, state.currency],
      ['version', side.version, state.version + 1],
      ['balance', side.balance, state.balance + amount],
      ['settings version', side.settingsVersion, state.settingsVersion],
    ].find(([, found, expected]) => found !== expected);
    if (problem) {
      const [name, found, expected] = problem;
      this.#options.fault(place, what, `the ${name} of account ${accountId} must be ${expected} in it, not ${found}`);
    }
    return state;
  }

  /** Adds what the windows count for an entry to the usage of limits. */
  #count(state: AccountState, one: Posted | HoldChanged): void {
    const { settings, accountId } = state;
    if (!settings?.limits || !state.isUsageKnown) return;
    const batch = countedIn([one as never], []);
    if (!batch.accountIds.includes(accountId)) return;
    const usages = usagesAfter(batch, new Map([[accountId, settings.limits.usage]]), (time) => {
      const windows = this.#options.windowsAt(time);
      if (!windows) state.isUsageKnown = false;
      return windows ?? { dayStart: 0, monthStart: 0 };
    });
    const usage = usages.get(accountId);
    if (usage) settings.limits = { ...settings.limits, usage };
  }

  #opened(entry: SealedOpening, place: Place): void {
    const { accountId, currency, external, overdraftLimit, limits, openedAt } = entry;
    if (!this.#options.isWanted(accountId)) return;
    if (this.accounts.has(accountId))
      this.#options.fault(place, `account ${accountId}`, 'it is opened after it was used');
    this.accounts.set(accountId, {
      ...{ accountId, currency, balance: 0, version: 0, settingsVersion: 1, held: 0, isUsageKnown: true },
      settings: {
        ...{ external, overdraftLimit, status: 'ACTIVE' },
        limits: limits && { ...limits, usage: usageSince(openedAt) },
      },
      opening: { overdraftLimit, limits },
      assumed: null,
      acceptedAt: 0,
    });
  }

  #stated(entry: SealedState, place: Place): void {
    const { accountId, currency, balance, held, version, settingsVersion, limits, openedAt } = entry;
    if (!this.#options.isWanted(accountId)) return;
    const what = `account ${accountId}`;
    if (![balance, held, version].every(Number.isSafeInteger)) {
      this.#options.fault(place, what, NOT_EXACT);
      return;
    }
    const state = this.accounts.get(accountId);
    const mismatch = state && stateMismatch(state, entry);
    if (mismatch) this.#options.fault(place, what, mismatch);
    const began = state ? state.assumed : { balance, version };
    if (began && openedAt >= this.#options.logBeganAt && (began.balance !== 0 || began.version !== 0))
      this.#options.fault(place, what, 'it was opened after the log began, but did not begin empty');
    const { external, status, overdraftLimit } = entry;
    this.accounts.set(accountId, {
      ...{ accountId, currency, balance, version, settingsVersion, held },
      settings: { external, status, overdraftLimit, limits: limits && { ...limits, usage: usageSince(openedAt) } },
      isUsageKnown: limits === null,
      opening: null,
      assumed: null,
      acceptedAt: state?.acceptedAt ?? 0,
    });
  }

  #changed({ change }: SealedChange, place: Place): void {
    const { accountId, settingsVersion, status, overdraftLimit, limits, acceptedAt, changeId } = change;
    if (!this.#options.isWanted(accountId)) return;
    const state = this.accounts.get(accountId);
    const what = `change ${changeId}`;
    // Nothing else is known of the account until its next entry.
    if (!state) return;
    if (settingsVersion !== state.settingsVersion + 1)
      this.#options.fault(
        place,
        what,
        `the settings version must be ${state.settingsVersion + 1}, not ${settingsVersion}`,
      );
    const known = knownAccount(state);
    const refusal = known && changeRefusalOf(known, { status, expectedSettingsVersion: undefined });
    if (refusal) this.#options.fault(place, what, `the rules do not allow it: ${refusal}`);
    state.settingsVersion = settingsVersion;
    state.acceptedAt = Math.max(state.acceptedAt, acceptedAt);
    if (!state.settings) return;
    state.settings = { ...state.settings, status, overdraftLimit };
    if (!limits) return;
    const before = state.settings.limits;
    const after = changedLimits(before, onlyLimits(limits), acceptedAt);
    const begins = after !== null && before === null;
    if (begins !== limits.begins) this.#options.fault(place, what, 'counting for its limits begins at another time');
    if (begins) state.isUsageKnown = true;
    state.settings.limits = after;
  }
}

const onlyLimits = (limits: Limits): Limits =>
  Object.fromEntries(LIMITS.map((name) => [name, limits[name]])) as unknown as Limits;

function countViolation(entry: Posted, must: boolean, bit: 1 | 2): string | null {
  const counts = ((entry.counted ?? 0) & bit) > 0;
  if (counts === must) return null;
  return `windows ${must ? 'must' : 'must not'} count its ${bit === 1 ? 'debit' : 'credit'}`;
}

function move(state: AccountState, { balance, version, settingsVersion }: Side, acceptedAt: number): void {
  state.balance = balance;
  state.version = version;
  state.settingsVersion = settingsVersion;
  state.acceptedAt = Math.max(state.acceptedAt, acceptedAt);
}

/** If the log has other entries of an account before its state, the state must agree with them. */
function stateMismatch(state: AccountState, entry: SealedState): string | null {
  const same =
    state.balance === entry.balance &&
    state.version === entry.version &&
    state.settingsVersion === entry.settingsVersion &&
    state.currency === entry.currency &&
    (state.held === null || state.held === entry.held);
  if (!same) return 'its state does not follow from its entries before it';
  if (state.opening !== null) return 'it has a state although the log contains its opening';
  const limits = state.settings?.limits;
  return state.settings && !isDeepStrictEqual(limits && onlyLimits(limits), entry.limits)
    ? 'its limits do not follow from its entries before it'
    : null;
}
