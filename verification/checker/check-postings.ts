import type { BookedPosition, BookedTransfer, Books } from './books.ts';
import { append, type OpenedAccount, type Position, type Settings } from './history.ts';
import type { Violations } from './violations.ts';

/** An account as computed from its rows in MySQL; arrays by version, with a gap where a version is missing. */
export interface AccountHistory {
  /** From version 0. */
  balances: readonly number[];
  /** From settings version 1. */
  settings: readonly Settings[];
}
export type Accounts = ReadonlyMap<string, AccountHistory>;

interface Posting extends BookedPosition {
  /** Negative for a debit. */
  amount: number;
  currency: string;
  acceptedAt: number | null;
  transactionId: string;
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
  const postings = postingsByAccount(books.transfers);
  const histories = new Map<string, AccountHistory>();
  for (const account of accounts) {
    const { accountId } = account;
    const own = settings.get(accountId) ?? [];
    const balances = replayOne(account, postings.get(accountId) ?? [], own, violations);
    histories.set(accountId, { balances, settings: own });
    postings.delete(accountId);
  }
  for (const [accountId, [first]] of postings) {
    violations.add('phantom', `${accountId} was never opened here, but has posting ${first?.transactionId}`);
  }
  for (const view of [{ of: 'MySQL', accounts: books.accounts }, ...books.views]) {
    checkEnds(view.of, view.accounts, histories, violations);
  }
  for (const [currency, sum] of Object.entries(books.sums)) {
    if (sum !== 0n) violations.add('sum', `the balances in ${currency} add up to ${sum}`);
  }
  return histories;
}

function postingsByAccount(rows: readonly BookedTransfer[]): Map<string, Posting[]> {
  const postings = new Map<string, Posting[]>();
  for (const { transactionId, acceptedAt, content, source, destination } of rows) {
    const { amount, currency } = content;
    if (source) append(postings, content.source, { ...source, amount: -amount, currency, acceptedAt, transactionId });
    if (destination)
      append(postings, content.destination, { ...destination, amount, currency, acceptedAt, transactionId });
  }
  return postings;
}

function replayOne(
  account: OpenedAccount,
  postings: Posting[],
  settings: readonly Settings[],
  violations: Violations,
): number[] {
  const { accountId } = account;
  const balances = [0];
  let [settingsVersion, acceptedAt] = [1, 0];
  postings.sort((a, b) => a.version - b.version);
  for (const posting of postings) {
    const { version, amount, balance, transactionId } = posting;
    const name = `${accountId} v${version} (${transactionId})`;
    if (version !== balances.length) violations.add('gap', `${name} follows v${balances.length - 1}`);
    const before = balances.at(-1) ?? 0;
    if (balance !== before + amount)
      violations.add('arithmetic', `${name}: ${before} and ${amount} do not add up to ${balance}`);
    if (posting.settingsVersion < settingsVersion) {
      violations.add(
        'settings',
        `${name} was posted under settings ${posting.settingsVersion} after ${settingsVersion}`,
      );
    }
    settingsVersion = Math.max(settingsVersion, posting.settingsVersion);
    if (posting.acceptedAt !== null) {
      const earlierMs = acceptedAt - posting.acceptedAt;
      if (earlierMs > 0) violations.add('time', `${name} was accepted ${earlierMs} ms before its predecessor`);
      acceptedAt = posting.acceptedAt;
    }
    checkRules(account, posting, settings[posting.settingsVersion], name, violations);
    balances[version] = balance;
  }
  return balances;
}

/**
 * Implements the rules of a transfer independently of app/domain/rules.ts, because the checker must not share its
 * mistakes.
 */
function checkRules(
  { external, currency }: OpenedAccount,
  posting: Posting,
  settings: Settings | undefined,
  name: string,
  violations: Violations,
): void {
  if (!settings) {
    violations.add('settings', `${name} was posted under settings ${posting.settingsVersion}, which do not exist`);
    return;
  }
  const { status, overdraftLimit } = settings;
  const isDebit = posting.amount < 0;
  if (posting.currency !== currency) violations.add('rules', `${name} was posted in ${posting.currency}`);
  if (status !== 'ACTIVE' && (isDebit || status !== 'SUSPENDED'))
    violations.add('rules', `${name} was posted: ${status}`);
  // A limit may become lower than the debt; credits are then still allowed, and debits are not.
  if (isDebit && !external && posting.balance < -overdraftLimit) {
    violations.add('overdrawn', `${name} is at ${posting.balance}, but its limit is ${-overdraftLimit}`);
  }
}

/** Every account must exist, with the balance and version at the end of its own history. */
function checkEnds(
  where: string,
  accounts: readonly (Position & { accountId: string })[],
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
  for (const accountId of missing) violations.add('balance', `${where} does not have ${accountId}`);
}
