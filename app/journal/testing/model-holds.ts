import type { Unwindowed } from '../../domain/business-calendar.ts';
import type { HoldState, StoredHold } from '../../domain/hold-types.ts';
import { usageAfterEvent } from '../../domain/hold-usage.ts';
import { stateOf } from '../../domain/holds.ts';
import { counting, type Windows } from '../../domain/limits.ts';
import type { CachedAccount } from '../account-codec.ts';
import type { CachedHold, HoldCallItem } from '../cache-port.ts';
import { HOLD_CHANGED, limitFields, RecordStatus, refusalNumber } from '../codec.ts';
import { currencyOf, type HoldItem, type HoldRecord } from '../hold-codec.ts';
import { decideHold, type HoldChanges, type HoldRefusal } from '../hold-decision.ts';

const NO_HOLD: HoldState = { status: 'OPEN', amount: 0, captured: 0, expiresAt: 0, revision: 0 };
const MISSING = { account: 1, destination: 2, hold: 4, otherHold: 8 };

/** A record of an item that has written nothing. */
export const bareHold = (status: number, detail: number, seq: number): HoldRecord => ({
  status,
  detail,
  seq,
  balance: 0,
  version: 0,
  otherBalance: 0,
  otherVersion: 0,
  settingsVersion: 0,
  otherSettingsVersion: 0,
  held: 0,
  heldChange: 0,
  moved: 0,
  hold: NO_HOLD,
});

interface Parties {
  account: CachedAccount;
  destination: CachedAccount | null;
  hold: CachedHold | null;
}

export interface HoldRules {
  decide: typeof decideHold;
  /** Whether the hold may be evicted, because MySQL has it in this state. */
  isClean(hold: CachedHold, cursor: number): boolean;
  /** The highest seq among evicted holds: a snapshot that does not include this seq is too old. */
  evictedUpTo(evicted: readonly CachedHold[]): number;
}
export const HOLD_RULES: HoldRules = {
  decide: decideHold,
  isClean: ({ modified, seq }, cursor) => !modified || seq <= cursor,
  evictedUpTo: (evicted) => Math.max(0, ...evicted.map(({ modified, seq }) => (modified ? seq : 0))),
};

/** The holds that the model of an epoch stores, and how items change them. */
export class ModelHolds {
  readonly #holds = new Map<string, CachedHold>();
  readonly #rules: HoldRules;

  constructor(rules: HoldRules) {
    this.#rules = rules;
  }

  read(ids: readonly string[]): (CachedHold | null)[] {
    return ids.map((id) => copy(this.#holds.get(id)));
  }

  install(holds: readonly StoredHold[], seq: number): CachedHold[] {
    return holds.map((hold) => {
      const existing = this.#holds.get(hold.holdId) ?? { ...hold, modified: false, seq };
      this.#holds.set(hold.holdId, existing);
      return { ...existing };
    });
  }

  /** @returns the number of evicted holds, and the highest seq among them */
  evict(max: number, cursor: number): { evicted: number; highestSeq: number } {
    const clean = [...this.#holds.values()]
      .filter((hold) => this.#rules.isClean(hold, cursor))
      .sort((a, b) => Number(a.status === 'OPEN') - Number(b.status === 'OPEN'));
    const gone = clean.slice(0, Math.max(0, this.#holds.size - max));
    for (const { holdId } of gone) this.#holds.delete(holdId);
    return { evicted: gone.length, highestSeq: this.#rules.evictedUpTo(gone) };
  }
  get size(): number {
    return this.#holds.size;
  }

  /** The accounts and the hold to which the item refers, or a record that names those that are missing. */
  partiesOf({ hold: item }: HoldCallItem, accounts: ReadonlyMap<string, CachedAccount>): Parties | HoldRecord {
    const { account: accountId, destination: destinationId, holdId } = namesOf(item);
    const account = accounts.get(accountId);
    const destination = destinationId === null ? null : accounts.get(destinationId);
    const hold = item.op === 'place' ? null : this.#holds.get(holdId);
    if (!account || destination === undefined || hold === undefined) {
      const bits = (account ? 0 : MISSING.account) + (destination === undefined ? MISSING.destination : 0);
      return bareHold(RecordStatus.MISSING, bits + (hold === undefined ? MISSING.hold : 0), 0);
    }
    const isOther =
      hold &&
      (hold.account !== accountId ||
        hold.currency !== currencyOf(item) ||
        (item.op === 'capture' && hold.destination !== null && hold.destination !== destinationId));
    return isOther ? bareHold(RecordStatus.MISSING, MISSING.otherHold, 0) : { account, destination, hold };
  }

  /** Carries out a decision. @param at the seq of the item, and the windows of its call */
  post(
    item: HoldItem,
    { account, destination, hold }: Parties,
    decision: HoldChanges,
    { seq, windows }: { seq: number; windows: Windows | Unwindowed },
  ): HoldRecord {
    const { heldChange, usageChange, moved, creditCounted } = decision;
    const names = namesOf(item);
    const credited = item.op === 'capture' ? destination : null;
    const fixed = hold ?? { ...names, currency: item.op === 'place' ? item.order.currency : '' };
    this.#holds.set(names.holdId, {
      holdId: names.holdId,
      account: names.account,
      destination: fixed.destination,
      currency: fixed.currency,
      ...decision.hold,
      modified: true,
      seq,
    });
    countEvent(account, credited, decision, windows);
    Object.assign(account, {
      balance: account.balance - moved,
      held: account.held + heldChange,
      version: account.version + 1,
      seq,
      modified: true,
    });
    if (credited)
      Object.assign(credited, {
        balance: credited.balance + moved,
        version: credited.version + 1,
        seq,
        modified: true,
      });
    return {
      status: RecordStatus.POSTED,
      detail: creditCounted ? 2 : 0,
      balance: account.balance,
      version: account.version,
      otherBalance: credited?.balance ?? 0,
      otherVersion: credited?.version ?? 0,
      settingsVersion: account.settingsVersion,
      otherSettingsVersion: credited?.settingsVersion ?? 0,
      seq,
      held: account.held,
      heldChange,
      ...(usageChange && { usageChange }),
      moved,
      hold: decision.hold,
    };
  }
}

function countEvent(
  account: CachedAccount,
  credited: CachedAccount | null,
  decision: HoldChanges,
  windows: Windows | Unwindowed,
): void {
  const known = () => {
    if (typeof windows === 'string') throw new RangeError('limits need the windows of the call');
    return windows;
  };
  const { limits } = account;
  if (limits) account.limits = { ...limits, usage: usageAfterEvent(limits.usage, decision, known) };
  if (!credited?.limits) return;
  const usage = counting(credited.limits.usage, known(), { credit: decision.moved });
  credited.limits = { ...credited.limits, usage };
}

/** The record of a refused item; if it has a seq, it is an outcome. */
export function refusedHold({ refusal, limit, moved }: HoldRefusal, seq: number, hold: CachedHold | null): HoldRecord {
  const detail = refusal === 'hold_changed' ? HOLD_CHANGED : refusalNumber(refusal);
  const bare = bareHold(RecordStatus.REJECTED, detail, seq);
  return { ...bare, ...(limit && limitFields(limit)), moved, hold: hold ? stateOf(hold) : NO_HOLD };
}

export const unchangedHold = (status: number, hold: CachedHold | null): HoldRecord => ({
  ...bareHold(status, 0, hold?.modified ? hold.seq : 0),
  hold: hold ? stateOf(hold) : NO_HOLD,
});

function namesOf(item: HoldItem): { holdId: string; account: string; destination: string | null } {
  if (item.op === 'place') return item.order;
  if (item.op !== 'capture') return { holdId: item.holdId, account: item.account, destination: null };
  const { source, destination, capture } = item.order;
  return { holdId: capture.holdId, account: source, destination };
}

const copy = (hold: CachedHold | undefined): CachedHold | null => (hold ? { ...hold } : null);
