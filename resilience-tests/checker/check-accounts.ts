import type { Limits } from './check-settings.ts';
import type { FinalState, LedgerPosition, LedgerTransfer, OpenedAccount, Position } from './history.ts';
import type { Violations } from './violations.ts';

interface Posting extends LedgerPosition {
  amount: number;
  transactionId: string;
}

/** The balance of each account at each version, from 0 on, as its postings in MySQL make it. */
export type Replay = ReadonlyMap<string, readonly number[]>;

/** Posts everything again: versions without gaps, right sums, no limit passed, and the end is what the stores say. */
export function replay(
  accounts: readonly OpenedAccount[],
  final: FinalState,
  limits: Limits,
  violations: Violations,
): Replay {
  const postings = postingsByAccount(final.transfers);
  const balances = new Map<string, number[]>();
  for (const account of accounts) {
    const own = postings.get(account.accountId) ?? [];
    balances.set(account.accountId, replayOne(account, own, limits.get(account.accountId) ?? [], violations));
    postings.delete(account.accountId);
  }
  for (const [accountId, [first]] of postings) {
    violations.add('phantom', `${accountId} was never opened here, and has posting ${first?.transactionId}`);
  }
  const currencyOf = new Map(accounts.map(({ accountId, currency }) => [accountId, currency]));
  for (const { transactionId, content, source } of final.transfers) {
    const fits = [content.source, content.destination].every((id) => currencyOf.get(id) === content.currency);
    if (source && !fits) violations.add('arithmetic', `${transactionId} was posted in a currency of another account`);
  }
  checkEnds('MySQL', final.accounts, balances, violations);
  checkEnds('the API', final.answered, balances, violations);
  for (const [currency, sum] of Object.entries(final.sums)) {
    if (sum !== 0n) violations.add('sum', `the balances in ${currency} add up to ${sum}`);
  }
  return balances;
}

function postingsByAccount(rows: readonly LedgerTransfer[]): Map<string, Posting[]> {
  const postings = new Map<string, Posting[]>();
  const add = (accountId: string, posting: Posting) => {
    const own = postings.get(accountId);
    if (own) own.push(posting);
    else postings.set(accountId, [posting]);
  };
  for (const { transactionId, content, source, destination } of rows) {
    if (!source || !destination) continue;
    add(content.source, { ...source, amount: -content.amount, transactionId });
    add(content.destination, { ...destination, amount: content.amount, transactionId });
  }
  return postings;
}

function replayOne(
  { accountId, external }: OpenedAccount,
  postings: Posting[],
  limits: readonly number[],
  violations: Violations,
): number[] {
  const balances = [0];
  let settings = 1;
  postings.sort((a, b) => a.version - b.version);
  for (const { version, amount, balance, settingsVersion, transactionId } of postings) {
    const limit = limits[settingsVersion];
    if (limit === undefined || settingsVersion < settings) {
      violations.add(
        'settings',
        `${accountId} v${version} was posted under settings ${settingsVersion}, after ${settings}`,
      );
    }
    settings = Math.max(settings, settingsVersion);
    if (version !== balances.length) {
      violations.add('gap', `${accountId} has version ${version} (${transactionId}) after ${balances.length - 1}`);
    }
    const before = balances.at(-1) ?? 0;
    if (balance !== before + amount) {
      violations.add('arithmetic', `${accountId} v${version}: ${before} and ${amount} make ${balance}`);
    }
    // A limit may be taken below a balance; then credits are welcome still, and debits are not.
    if (!external && amount < 0 && balance < -(limit ?? 0)) {
      violations.add('overdrawn', `${accountId} v${version} is at ${balance}, its limit is ${-(limit ?? 0)}`);
    }
    balances[version] = balance;
  }
  return balances;
}

/** Every account that was posted to must be there, at the end of its own history. */
function checkEnds(
  where: string,
  accounts: readonly (Position & { accountId: string })[],
  balances: Replay,
  violations: Violations,
): void {
  const missing = new Set(balances.keys());
  for (const { accountId, balance, version } of accounts) {
    const own = balances.get(accountId);
    if (!own) continue;
    missing.delete(accountId);
    if (version !== own.length - 1 || balance !== own.at(-1)) {
      const end = `${own.at(-1)} (v${own.length - 1})`;
      violations.add('balance', `${where} has ${accountId} at ${balance} (v${version}), its postings end at ${end}`);
    }
  }
  for (const accountId of missing) violations.add('balance', `${where} does not know ${accountId}`);
}
