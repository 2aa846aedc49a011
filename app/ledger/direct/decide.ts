import { notFound, unsettledAccount } from '../../domain/account-problems.ts';
import { type BusinessCalendar, type Unwindowed, unwindowed, windowsOfCall } from '../../domain/business-calendar.ts';
import { isLeg } from '../../domain/crossing.ts';
import { ID_AHEAD_MS_MAX, idAhead, uuidV7Time } from '../../domain/ids.ts';
import {
  limitsAfterBack,
  TransitUnavailable,
  transitOf,
  transitRefusalOf,
  verdictOnAny,
} from '../../domain/leg-rules.ts';
import { type Counted, changedLimits, countedSides, counting, isLimited, type Windows } from '../../domain/limits.ts';
import { Problem } from '../../domain/problem.ts';
import { type ChangeRefusal, changeRefusalOf } from '../../domain/rules.ts';
import { ledgerStopped } from '../../domain/stop.ts';
import type { Account, Outcome, Side, TransferOrder } from '../../domain/types.ts';
import type { AccountMove, JournaledChange } from '../../journal/flush-batch.ts';
import type { DirectChange, DirectItem } from '../ports/direct-server.ts';
import type { PostedSides, RefusedOrder } from '../ports/ledger.ts';

/**
 * The time of acceptance: MySQL's clock, but never earlier than the latest acceptance on one of the accounts. Order per
 * account is sufficient; a global order would make every transaction wait for the same row.
 */
export class LedgerTime {
  readonly #nowMs: number;
  /** The latest acceptance by account, ms. */
  readonly #latest: Map<string, number>;

  /** @param latest the latest acceptance by account, ms; absent if unknown */
  constructor(nowMs: number, latest: ReadonlyMap<string, number>) {
    this.#nowMs = nowMs;
    this.#latest = new Map(latest);
  }

  /** The latest time that a new UUIDv7 may have, ms. */
  get idTimeMax(): number {
    return this.#nowMs + ID_AHEAD_MS_MAX;
  }
  of(accountIds: readonly string[]): number {
    return Math.max(this.#nowMs, ...accountIds.map((id) => this.#latest.get(id) ?? 0));
  }
  /** Records an acceptance on these accounts: later acceptances on them never get an earlier time. */
  accept(accountIds: readonly string[]): number {
    const acceptedAt = this.of(accountIds);
    for (const id of accountIds) this.#latest.set(id, acceptedAt);
    return acceptedAt;
  }
}

/** The rows in MySQL for a call's accounts and ids, with the accounts locked. */
export interface Found {
  /** The authority's epoch, which is recorded with every decision. */
  epoch: number;
  /** Whether an operator has stopped the ledger; false if absent. */
  stopped?: boolean;
  /** Accounts by id; accounts that do not exist are absent. */
  accounts: ReadonlyMap<string, Account>;
  /** Committed outcomes, by transaction id. */
  existing: ReadonlyMap<string, Outcome>;
  /** Accounts and transaction ids that wait for the journal of a cache epoch. */
  frozen: ReadonlySet<string>;
  unsettled: ReadonlySet<string>;
  time: LedgerTime;
  /** The business days around the time of acceptance; null if no account has limits. */
  calendar?: BusinessCalendar | null;
  /** The pod's clock, ms; if absent, it is not compared with the time of acceptance. */
  podNow?: number;
}

interface Decided {
  /** One answer per item, in order. A Problem is not an outcome, and leaves nothing behind. */
  answers: (Outcome | Problem)[];
  /** The results to write: outcomes, including refusals, and the accounts after them, in order of account ids. */
  outcomes: Outcome[];
  moves: AccountMove[];
}

/** A transfer made in MySQL has no position in a journal. */
export const NO_SEQ = 0;
/** `settings_version` is an INT UNSIGNED in MySQL, and has four bytes in Redis. */
const SETTINGS_VERSION_MAX = 4_294_967_295;

/**
 * Decides transfers in order, each on the accounts as left by the previous transfers, exactly like redis/lua/apply.lua:
 * a known id gets its committed outcome, a missing account is not an outcome, and then the rules apply.
 */
export function decideTransfers(items: readonly DirectItem[], found: Found): Decided {
  const accounts = new Map(found.accounts);
  const outcomes = new Map<string, Outcome>();
  const answers = items.map((item) => {
    const { transactionId } = item.order;
    // If this id has an outcome, it is only in the journal, whatever the request contains.
    if (found.unsettled.has(transactionId)) return unsettledId(transactionId);
    const existing = found.existing.get(transactionId) ?? outcomes.get(transactionId);
    if (existing) return { ...existing, replayed: true };
    if ((uuidV7Time(transactionId) ?? 0) > found.time.idTimeMax) return idAhead();
    if (found.stopped) return ledgerStopped();
    const answer = decide(item, accounts, found);
    if (!(answer instanceof Problem)) outcomes.set(transactionId, answer);
    return answer;
  });
  return { answers, outcomes: [...outcomes.values()], moves: movesBetween(found.accounts, accounts, found.time) };
}

/** The outcome of a new id; a posted one updates `accounts`. */
function decide({ order, takenAt }: DirectItem, accounts: Map<string, Account>, found: Found): Outcome | Problem {
  const source = accounts.get(order.source);
  if (!source) return notFound(order.source);
  const destination = accounts.get(order.destination);
  if (!destination) return notFound(order.destination);
  const frozen = [order.source, order.destination].find((id) => found.frozen.has(id));
  if (frozen !== undefined) return unsettledAccount(frozen);
  const windows = windowsFor([order.source, order.destination], found);
  if (typeof windows === 'string' && isLimited(order, source, destination)) return unwindowed(windows);
  const verdict = verdictOnAny(order, source, destination, windows);
  const unavailable = verdict ? null : transitProblem(order, source, destination);
  if (unavailable) return unavailable;
  const acceptedAt = found.time.accept([order.source, order.destination]);
  const common = { order, acceptedAt, takenAt, epoch: found.epoch, seq: NO_SEQ, replayed: false, persisted: true };
  if (verdict) return { ...common, status: 'REJECTED', ...verdict };
  return { ...common, status: 'POSTED', ...post(order, accounts), ...count(order, accounts, windows) };
}

/**
 * Why the transit account cannot take part in a leg that the rules allow; null if it can, or if the order is not a leg.
 */
function transitProblem(order: TransferOrder, source: Account, destination: Account): Problem | null {
  const reason = isLeg(order) ? transitRefusalOf(order, source, destination) : null;
  return reason && isLeg(order) ? new TransitUnavailable(transitOf(order), reason) : null;
}

/** The windows that contain the next time of acceptance on these accounts, or why they are unknown. */
export function windowsFor(
  accountIds: readonly string[],
  { time, calendar, podNow }: Pick<Found, 'time' | 'calendar' | 'podNow'>,
): Windows | Unwindowed {
  return windowsOfCall(calendar ?? null, time.of(accountIds), podNow ?? Number.POSITIVE_INFINITY);
}

export function isLimitedIn(order: TransferOrder, accounts: ReadonlyMap<string, Account>): boolean {
  const [source, destination] = [accounts.get(order.source), accounts.get(order.destination)];
  return source !== undefined && destination !== undefined && isLimited(order, source, destination);
}

/** Counts a posted transfer in the windows of both its accounts, if limits apply to it. */
export function count(
  order: TransferOrder,
  accounts: Map<string, Account>,
  windows: Windows | Unwindowed,
): { counted?: Counted } {
  const [source, destination] = [accounts.get(order.source), accounts.get(order.destination)];
  if (!source || !destination) throw new RangeError('the accounts were not loaded');
  if (typeof windows === 'string' || !isLimited(order, source, destination)) return {};
  for (const [account, moved] of [
    [source, { debit: order.amount }],
    [destination, { credit: order.amount }],
  ] as const) {
    const { accountId, limits } = account;
    if (!limits) continue;
    accounts.set(accountId, { ...account, limits: { ...limits, usage: counting(limits.usage, windows, moved) } });
  }
  const counted = countedSides(source, destination);
  return counted === 0 ? {} : { counted };
}

export function post(order: TransferOrder, accounts: Map<string, Account>): { source: Side; destination: Side } {
  const side = (accountId: string, change: number): Side => {
    const before = accounts.get(accountId);
    if (!before) throw new RangeError(`account ${accountId} was not loaded`);
    const after = { ...before, balance: before.balance + change, version: before.version + 1 };
    accounts.set(accountId, after);
    return { balance: after.balance, version: after.version, settingsVersion: after.settingsVersion };
  };
  const sides = { source: side(order.source, -order.amount), destination: side(order.destination, order.amount) };
  if (order.leg) {
    const credited = accounts.get(order.destination);
    if (credited) accounts.set(order.destination, { ...credited, limits: limitsAfterBack(order, credited.limits) });
  }
  return sides;
}

/**
 * Posts the orders one after another, each on the accounts as left by the previous ones. @returns both sides of each
 * order, or the first order that was refused; in that case `accounts` must not be used afterward
 */
export function postAll(
  orders: readonly TransferOrder[],
  accounts: Map<string, Account>,
  windows: Windows | Unwindowed,
): PostedSides | RefusedOrder {
  const sides: PostedSides['sides'] = [];
  for (const [index, order] of orders.entries()) {
    const [source, destination] = [accounts.get(order.source), accounts.get(order.destination)];
    if (!source || !destination) throw new RangeError(`an account of transfer ${order.transactionId} was not loaded`);
    const verdict = verdictOnAny(order, source, destination, windows);
    if (verdict) return { index, ...verdict };
    const unavailable = transitProblem(order, source, destination);
    if (unavailable) throw unavailable;
    sides.push({ ...post(order, accounts), ...count(order, accounts, windows) });
  }
  return { sides };
}

export function movesBetween(
  before: ReadonlyMap<string, Account>,
  after: ReadonlyMap<string, Account>,
  time: LedgerTime,
): AccountMove[] {
  const moves: AccountMove[] = [];
  for (const [accountId, { currency, balance, held, version }] of after) {
    const was = before.get(accountId);
    if (!was || was.version === version) continue;
    const previous = { previousBalance: was.balance, previousVersion: was.version };
    const move: AccountMove = { accountId, currency, ...previous, balance, version, acceptedAt: time.of([accountId]) };
    moves.push(held === was.held ? move : { ...move, held: { before: was.held, after: held } });
  }
  return moves.sort((a, b) => (a.accountId < b.accountId ? -1 : 1));
}

/** The rows in MySQL for an account change, with the account locked. */
interface FoundForChange {
  /** The account; undefined if it does not exist. */
  account: Account | undefined;
  /** Whether the change is already committed. */
  done: boolean;
  /** Whether the account, or the change's id, waits for the journal of a cache epoch. */
  frozen: boolean;
  unsettled: boolean;
  /** Whether an operator has stopped the ledger; false if absent. */
  stopped?: boolean;
  time: LedgerTime;
}

/**
 * Decides a change in the same way as redis/lua/change-account.lua. @returns the account after the change, and the
 * change to write, if there is one
 */
export function decideChange(
  change: DirectChange,
  found: FoundForChange,
): { account: Account; write: JournaledChange | null } | Problem {
  const { changeId, accountId, takenAt, user, correlationId } = change;
  const { account } = found;
  if (found.unsettled) return unsettledId(changeId);
  if (found.stopped && !found.done) return ledgerStopped();
  if (!account) return notFound(accountId);
  if (found.done) return { account, write: null };
  if (found.frozen) return unsettledAccount(accountId);
  const wanted = { status: change.status, expectedSettingsVersion: change.expectedSettingsVersion };
  const refusal = changeRefusalOf(account, wanted);
  if (refusal) return unchangeable(refusal, accountId, WHY[refusal]);
  if (account.settingsVersion >= SETTINGS_VERSION_MAX) {
    return unchangeable('internal_error', accountId, 'its settings version is exhausted');
  }
  const settings = {
    status: change.status ?? account.status,
    overdraftLimit: change.overdraftLimit ?? account.overdraftLimit,
    settingsVersion: account.settingsVersion + 1,
  };
  const acceptedAt = found.time.accept([accountId]);
  const limits = change.limits ? changedLimits(account.limits, change.limits, acceptedAt) : account.limits;
  const begins = limits !== null && account.limits === null;
  return {
    account: { ...account, ...settings, limits },
    write: {
      changeId,
      accountId,
      acceptedAt,
      takenAt,
      user,
      correlationId,
      seq: NO_SEQ,
      ...settings,
      ...(change.limits && { limits: { ...change.limits, begins } }),
    },
  };
}

const WHY: Record<ChangeRefusal, string> = {
  settings_version_mismatch: 'its settings version has changed',
  account_closed: 'it is closed permanently',
  account_not_empty: 'its balance or its held amount is not zero',
};
const unchangeable = (code: ChangeRefusal | 'internal_error', accountId: string, why: string): Problem =>
  new Problem(code, `account ${accountId} cannot be changed: ${why}`);
export const unsettledId = (id: string): Problem =>
  new Problem('account_unsettled', `the outcome of ${id} is only in the journal of the cache`);
