import type { BookedPosition, Books, HoldAfter } from './books.ts';
import { leftOf } from './check-holds.ts';
import { append, type OpenedAccount, type Position, type Settings } from './history.ts';
import type { Violations } from './violations.ts';

/** An account as computed from its rows in MySQL. The arrays are indexed by version, and have a hole where a version is missing. */
export interface AccountHistory {
  /** From version 0. */
  balances: readonly number[];
  helds: readonly number[];
  /** From settings version 1. */
  settings: readonly Settings[];
}
export type Accounts = ReadonlyMap<string, AccountHistory>;

/** The change that made one version of an account: a posting, an event of a hold, or a capture, which is both. */
interface Posting extends BookedPosition {
  /** Negative for a debit; 0 for an event of a hold. */
  amount: number;
  currency: string;
  acceptedAt: number | null;
  /** The id of the transfer or of the hold. */
  id: string;
  hold: (HoldAfter & { holdId: string }) | null;
  kind: 'transfer' | 'capture' | 'return' | 'PLACED' | 'CHANGED' | 'VOIDED' | 'EXPIRED';
}

/**
 * Posts everything again, and checks the versions, the sums, the rules of each transfer, and the final state against
 * the stores.
 */
export function replay(
  accounts: readonly OpenedAccount[],
  books: Books,
  settings: ReadonlyMap<string, readonly Settings[]>,
  violations: Violations,
): Accounts {
  const postings = postingsByAccount(books);
  const histories = new Map<string, AccountHistory>();
  for (const account of accounts) {
    const { accountId } = account;
    const own = settings.get(accountId) ?? [];
    const { balances, helds } = replayOne(account, postings.get(accountId) ?? [], own, violations);
    histories.set(accountId, { balances, helds, settings: own });
    postings.delete(accountId);
  }
  for (const [accountId, [first]] of postings) {
    violations.add('phantom', `${accountId} was never opened here, but has posting ${first?.id}`);
  }
  for (const view of [{ of: 'MySQL', accounts: books.accounts }, ...books.views]) {
    checkEnds(view.of, view.accounts, histories, violations);
  }
  for (const [currency, sum] of Object.entries(books.sums)) {
    if (sum !== 0n) violations.add('sum', `the balances in ${currency} add up to ${sum}`);
  }
  return histories;
}

function postingsByAccount({ transfers, holdEvents = [] }: Books): Map<string, Posting[]> {
  const postings = new Map<string, Posting[]>();
  for (const { transactionId: id, acceptedAt, content, source, destination, hold: after, leg } of transfers) {
    const { amount, currency, capture } = content;
    const isReturn = leg?.name === 'back' || leg?.name === 'returns';
    const hold = after && capture ? { ...after, holdId: capture.holdId } : null;
    const [kind, common] = [capture ? 'capture' : 'transfer', { currency, acceptedAt, id }] as const;
    if (source) append(postings, content.source, { ...source, ...common, kind, amount: 0 - amount, hold });
    if (destination)
      append(postings, content.destination, {
        ...destination,
        ...common,
        kind: isReturn ? 'return' : 'transfer',
        amount,
        hold: null,
      });
  }
  for (const event of holdEvents)
    append(postings, event.accountId, { ...event, amount: 0, id: event.holdId, hold: event });
  return postings;
}

function replayOne(
  account: OpenedAccount,
  postings: Posting[],
  settings: readonly Settings[],
  violations: Violations,
): { balances: number[]; helds: number[] } {
  const { accountId } = account;
  const balances = [0];
  const helds = [0];
  const open = new OpenHolds();
  let [settingsVersion, acceptedAt] = [1, 0];
  postings.sort((a, b) => a.version - b.version);
  for (const posting of postings) {
    const { version, amount, balance, id } = posting;
    const name = () => `${accountId} v${version} (${id})`;
    if (version !== balances.length) violations.add('gap', `${name()} follows v${balances.length - 1}`);
    const before = balances.at(-1) ?? 0;
    if (balance !== before + amount)
      violations.add('arithmetic', `${name()}: ${before} and ${amount} do not add up to ${balance}`);
    if (posting.settingsVersion < settingsVersion) {
      violations.add(
        'settings',
        `${name()} was posted under settings ${posting.settingsVersion} after ${settingsVersion}`,
      );
    }
    settingsVersion = Math.max(settingsVersion, posting.settingsVersion);
    if (posting.acceptedAt !== null) {
      const earlierMs = acceptedAt - posting.acceptedAt;
      if (earlierMs > 0) violations.add('time', `${name()} was accepted ${earlierMs} ms before its predecessor`);
      acceptedAt = posting.acceptedAt;
    }
    const held = open.after(posting.hold);
    checkHeld(posting.hold, { before: helds.at(-1) ?? 0, after: held }, name, violations);
    checkRules(account, posting, held, settings[posting.settingsVersion], name, violations);
    balances[version] = balance;
    helds[version] = held;
  }
  return { balances, helds };
}

/** The sum of the remaining amounts of an account's open holds. */
class OpenHolds {
  readonly #left = new Map<string, number>();
  #sum = 0;

  /** Returns the sum after the event. */
  after(event: Posting['hold']): number {
    if (!event) return this.#sum;
    const left = leftOf(event.hold);
    this.#sum += left - (this.#left.get(event.holdId) ?? 0);
    this.#left.set(event.holdId, left);
    return this.#sum;
  }
}

function checkHeld(
  event: Posting['hold'],
  { before, after }: { before: number; after: number },
  name: () => string,
  violations: Violations,
): void {
  if (!event) return;
  const { held, heldChange } = event;
  if (held !== after) violations.add('held', `${name()}: ${held} is held, but the open holds add up to ${after}`);
  if (before + heldChange !== held)
    violations.add('arithmetic', `${name()}: ${before} held and ${heldChange} do not add up to ${held}`);
}

/**
 * Implements the rules of a transfer independently of app/domain/rules.ts, because the checker must not share its
 * mistakes.
 */
function checkRules(
  { external, currency }: OpenedAccount,
  posting: Posting,
  held: number,
  settings: Settings | undefined,
  name: () => string,
  violations: Violations,
): void {
  if (!settings) {
    violations.add('settings', `${name()} was posted under settings ${posting.settingsVersion}, which do not exist`);
    return;
  }
  const { status, overdraftLimit } = settings;
  if (posting.currency !== currency) violations.add('rules', `${name()} was posted in ${posting.currency}`);
  if (!isAllowed(posting, status)) violations.add('rules', `${name()} was posted: ${status}`);
  if (posting.hold && external) violations.add('rules', `${name()} holds money of an external account`);
  // A limit may become lower than the debt. Credits are then still allowed, but not changes that lower the available
  // amount.
  const isLowered = posting.amount - (posting.hold?.heldChange ?? 0) < 0;
  const available = posting.balance - held;
  if (isLowered && !external && available < -overdraftLimit) {
    violations.add('overdrawn', `${name()} is at ${available}, but its limit is ${-overdraftLimit}`);
  }
}

/** Whether the status of an account allows the change. */
function isAllowed({ kind, amount, hold }: Posting, status: Settings['status']): boolean {
  if (status === 'ACTIVE') return true;
  if (kind === 'VOIDED' || kind === 'EXPIRED' || kind === 'return') return status !== 'CLOSED';
  if (status !== 'SUSPENDED') return false;
  return kind === 'capture' || (kind === 'CHANGED' ? (hold?.heldChange ?? 0) <= 0 : amount > 0);
}

/** Every account must exist, with the balance and version at the end of its own history. */
function checkEnds(
  where: string,
  accounts: readonly (Position & { accountId: string; held?: number })[],
  histories: Accounts,
  violations: Violations,
): void {
  const missing = new Set(histories.keys());
  for (const { accountId, balance, version } of accounts) {
    const balances = histories.get(accountId)?.balances;
    if (!balances) continue;
    missing.delete(accountId);
    if (version !== balances.length - 1 || balance !== balances.at(-1)) {
      const end = `${balances.at(-1)} (v${balances.length - 1})`;
      violations.add(
        'balance',
        `${where} has ${accountId} at ${balance} (v${version}), but its postings end at ${end}`,
      );
    }
  }
  for (const { accountId, held } of accounts) {
    const sum = histories.get(accountId)?.helds.at(-1);
    if (held !== undefined && sum !== undefined && held !== sum)
      violations.add('held', `${where} has ${held} held of ${accountId}, but its open holds add up to ${sum}`);
  }
  for (const accountId of missing) violations.add('balance', `${where} does not have ${accountId}`);
}
