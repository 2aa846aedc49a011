import type {
  ChangeHistory,
  FinalState,
  History,
  LedgerTransfer,
  OpenedAccount,
  Settings,
  TransferHistory,
} from './history.ts';
import type { Violations } from './violations.ts';

/** The limit of each account under each of its settings versions; they begin with 1. */
export type Limits = ReadonlyMap<string, readonly number[]>;

/** The changes in MySQL: versions without gaps, and the last one is what the account says. */
export function limitsOf(accounts: readonly OpenedAccount[], final: FinalState, violations: Violations): Limits {
  const limits = new Map<string, number[]>();
  for (const { accountId, overdraftLimit } of accounts) limits.set(accountId, [Number.NaN, overdraftLimit]);
  for (const change of final.changes.toSorted((a, b) => a.settingsVersion - b.settingsVersion)) {
    const { accountId, settingsVersion, overdraftLimit } = change;
    const own = limits.get(accountId);
    if (!own) {
      violations.add('phantom', `${accountId} was never opened here, and its settings were changed`);
      continue;
    }
    if (settingsVersion !== own.length) {
      violations.add('settings', `${accountId} has settings ${settingsVersion} after ${own.length - 1}`);
    }
    own[settingsVersion] = overdraftLimit;
  }
  for (const { accountId, overdraftLimit, settingsVersion } of final.accounts) {
    const own = limits.get(accountId);
    if (!own || (settingsVersion === own.length - 1 && overdraftLimit === own.at(-1))) continue;
    const end = `${own.at(-1)} (settings ${own.length - 1})`;
    const what = `MySQL has ${accountId} at limit ${overdraftLimit} (settings ${settingsVersion}), not ${end}`;
    violations.add('settings', what);
  }
  return limits;
}

type Done = Pick<ChangeHistory, 'accountId' | 'overdraftLimit' | 'sentAt' | 'endedAt'> & { told: Settings };

/**
 * Each change that was answered is in MySQL, nothing is that nobody asked for, and a change holds for every transfer that was
 * sent after its answer, and for none that was answered before it was asked for.
 */
export function checkChanges(
  { changes, transfers }: History,
  final: FinalState,
  limits: Limits,
  violations: Violations,
): void {
  const wishes = new Map<string, number>();
  const done = new Map<string, Done[]>();
  for (const { accountId, overdraftLimit, sentAt, endedAt, answer } of changes) {
    if (answer.kind === 'refused') continue;
    const wish = `${accountId} ${overdraftLimit}`;
    wishes.set(wish, (wishes.get(wish) ?? 0) + 1);
    if (answer.kind !== 'changed') continue;
    const change = { accountId, overdraftLimit, sentAt, endedAt, told: answer };
    checkStored(change, limits.get(accountId) ?? [], violations);
    const own = done.get(accountId);
    if (own) own.push(change);
    else done.set(accountId, [change]);
  }
  for (const { accountId, overdraftLimit } of final.changes) {
    const wish = `${accountId} ${overdraftLimit}`;
    const left = (wishes.get(wish) ?? 0) - 1;
    wishes.set(wish, left);
    if (left < 0)
      violations.add('phantom', `${accountId} got limit ${overdraftLimit} more often than it was asked for`);
  }
  const rows = new Map(final.transfers.map((row) => [row.transactionId, row]));
  for (const transfer of transfers) {
    const row = rows.get(transfer.transactionId);
    if (row) checkInForce(transfer, row, done, violations);
  }
}

function checkStored(
  { accountId, overdraftLimit, told }: Done,
  limits: readonly number[],
  violations: Violations,
): void {
  const before = limits.slice(2, told.settingsVersion + 1);
  const isWhatWasTold = limits[told.settingsVersion] === told.overdraftLimit;
  if (isWhatWasTold && before.includes(overdraftLimit)) return;
  const what = `${accountId} was given limit ${overdraftLimit}, with settings ${told.settingsVersion} at ${told.overdraftLimit}`;
  violations.add('lost', `${what}; MySQL has ${before.join(', ') || 'nothing'}`);
}

function checkInForce(
  { transactionId, attempts }: TransferHistory,
  row: LedgerTransfer,
  done: ReadonlyMap<string, readonly Done[]>,
  violations: Violations,
): void {
  let sentAt = Number.POSITIVE_INFINITY;
  let toldAt = Number.POSITIVE_INFINITY;
  for (const attempt of attempts) {
    sentAt = Math.min(sentAt, attempt.sentAt);
    if (attempt.answer.kind === 'posted') toldAt = Math.min(toldAt, attempt.endedAt);
  }
  for (const [accountId, settings] of settingsIn(row)) {
    for (const { endedAt, sentAt: askedAt, overdraftLimit, told } of done.get(accountId) ?? []) {
      const isMissing = endedAt < sentAt && settings < told.settingsVersion;
      // Its own version is known only when it was the last one.
      const isEarly = askedAt > toldAt && told.overdraftLimit === overdraftLimit && settings >= told.settingsVersion;
      if (!isMissing && !isEarly) continue;
      const why = `settings ${told.settingsVersion}, sent ${isMissing ? 'after' : 'before'} their answer`;
      violations.add('settings', `${transactionId} was posted under settings ${settings} of ${accountId}; ${why}`);
    }
  }
}

function settingsIn({ content, source, destination }: LedgerTransfer): [accountId: string, settingsVersion: number][] {
  if (!source || !destination) return [];
  return [
    [content.source, source.settingsVersion],
    [content.destination, destination.settingsVersion],
  ];
}
