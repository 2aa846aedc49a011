import { type BookedChange, type BookedTransfer, type Books, NOTHING_WAITS } from './books.ts';
import { checkShownSettings } from './check-order.ts';
import type { Accounts } from './check-postings.ts';
import { answersIn, append, type ChangeHistory, type History, type OpenedAccount, type Settings } from './history.ts';
import type { Violations } from './violations.ts';

/**
 * The settings of each account by version, starting from 1. Checks that no version is missing, and that the account has the
 * last one.
 */
export function settingsOf(
  accounts: readonly OpenedAccount[],
  books: Books,
  violations: Violations,
): Map<string, Settings[]> {
  const settings = new Map<string, Settings[]>();
  for (const { accountId, overdraftLimit } of accounts) {
    const opened: Settings[] = [];
    opened[1] = { settingsVersion: 1, overdraftLimit, status: 'ACTIVE' };
    settings.set(accountId, opened);
  }
  for (const change of books.changes.toSorted((a, b) => a.settingsVersion - b.settingsVersion)) {
    const { accountId, settingsVersion } = change;
    const own = settings.get(accountId);
    if (!own) {
      violations.add('phantom', `${accountId} was never opened here, but its settings were changed`);
      continue;
    }
    if (settingsVersion !== own.length) {
      violations.add(
        'settings',
        `${accountId} has settings version ${settingsVersion} after version ${own.length - 1}`,
      );
    }
    own[settingsVersion] = change;
  }
  for (const account of books.accounts) {
    const last = settings.get(account.accountId)?.at(-1);
    if (!last || same(account, last)) continue;
    violations.add('settings', `MySQL has ${account.accountId} with ${shown(account)}, not ${shown(last)}`);
  }
  return settings;
}

const same = (a: Settings, b: Settings): boolean =>
  a.settingsVersion === b.settingsVersion && a.overdraftLimit === b.overdraftLimit && a.status === b.status;

const shown = ({ settingsVersion, overdraftLimit, status }: Settings): string =>
  `limit ${overdraftLimit}, ${status} (settings ${settingsVersion})`;

/** A change in MySQL that was reported as made. */
interface Made extends BookedChange, Pick<ChangeHistory, 'sentAt' | 'endedAt'> {}

/**
 * Checks that each change that was reported as made is in MySQL once, as requested; that MySQL has no change that
 * nobody requested; and that a change applies to every transfer sent after its answer, and to none that was answered
 * before the change was sent.
 */
export function checkChanges(history: History, books: Books, accounts: Accounts, violations: Violations): void {
  const rows = new Map<string, BookedChange[]>();
  for (const row of books.changes) append(rows, row.correlationId, row);
  const made = new Map<string, Made[]>();
  const { accounts: waiting } = books.waiting ?? NOTHING_WAITS;
  for (const change of history.changes) {
    const { accountId, correlationId, answer, sentAt, endedAt } = change;
    const own = rows.get(correlationId) ?? [];
    rows.delete(correlationId);
    if (own.length > 1) violations.add('doubled', `change ${correlationId} was made ${own.length} times`);
    const [row] = own;
    if (row) checkMade(change, row, accounts, violations);
    if (answer.kind !== 'changed') continue;
    const by = `change ${correlationId}`;
    checkShownSettings(accountId, answer, by, books.waiting ?? NOTHING_WAITS, accounts, violations);
    if (!row && !waiting.has(accountId)) violations.add('lost', `${by} was reported as made, but is not in MySQL`);
    if (!row) continue;
    if (answer.settingsVersion < row.settingsVersion)
      violations.add('settings', `${by} was reported as ${shown(answer)}, but made settings ${row.settingsVersion}`);
    append(made, accountId, { ...row, sentAt, endedAt });
  }
  for (const correlationId of rows.keys()) {
    violations.add('phantom', `change ${correlationId} is in MySQL, but nobody requested it`);
  }
  if (made.size > 0) checkInForce(history, books, made, violations);
}

function checkMade(change: ChangeHistory, row: BookedChange, accounts: Accounts, violations: Violations): void {
  const { accountId, correlationId, overdraftLimit, status, expectedSettingsVersion: expected, answer } = change;
  if (answer.kind === 'refused' || answer.kind === 'given-up')
    violations.add('phantom', `change ${correlationId} is in MySQL, but was ${answer.kind}`);
  if (expected !== undefined && row.settingsVersion !== expected + 1)
    violations.add('rules', `change ${correlationId} was made on settings ${row.settingsVersion - 1}, not ${expected}`);
  const before = accounts.get(accountId)?.settings[row.settingsVersion - 1];
  const wanted = {
    settingsVersion: row.settingsVersion,
    overdraftLimit: overdraftLimit ?? before?.overdraftLimit ?? row.overdraftLimit,
    status: status ?? before?.status ?? row.status,
  };
  if (row.accountId !== accountId || !same(row, wanted))
    violations.add('contradicted', `change ${correlationId} is in MySQL as ${shown(row)}, not ${shown(wanted)}`);
}

function checkInForce(
  { transfers }: History,
  books: Books,
  made: ReadonlyMap<string, readonly Made[]>,
  violations: Violations,
): void {
  for (const row of books.transfers) {
    const transfer = transfers.get(row.transactionId);
    if (!transfer) continue;
    const sentAt = Math.min(...transfer.attempts.map((attempt) => attempt.sentAt));
    const answeredAt = Math.min(
      ...answersIn(transfer).map(({ answer, endedAt }) =>
        answer.kind === 'posted' ? endedAt : Number.POSITIVE_INFINITY,
      ),
    );
    for (const [accountId, settingsVersion] of settingsIn(row)) {
      for (const change of made.get(accountId) ?? []) {
        const isMissing = change.endedAt < sentAt && settingsVersion < change.settingsVersion;
        const isEarly = change.sentAt > answeredAt && settingsVersion >= change.settingsVersion;
        if (!isMissing && !isEarly) continue;
        const why = isMissing ? 'it was sent after the answer to' : 'it was answered before the request for';
        const name = `${row.transactionId} was posted under settings ${settingsVersion} of ${accountId}`;
        violations.add('settings', `${name}, but ${why} settings ${change.settingsVersion}`);
      }
    }
  }
}

function settingsIn({ content, source, destination }: BookedTransfer): [accountId: string, settingsVersion: number][] {
  if (!source || !destination) return [];
  const sides: [string, number][] = [
    [content.source, source.settingsVersion],
    [content.destination, destination.settingsVersion],
  ];
  // Settings versions begin at 1. A debit that was lost with a database has no settings version.
  return sides.filter(([, settingsVersion]) => settingsVersion > 0);
}
