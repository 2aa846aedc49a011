import { refusalOf } from '../../app/domain/rules.ts';
import type { Account, Posted } from '../../app/domain/types.ts';
import type { Add, CheckInput } from './violations.ts';

interface Version {
  balance: number;
  outcome: Posted | null;
}
interface Settings {
  overdraftLimit: number;
  status: Account['status'];
}
export interface AccountHistory {
  opened: Account;
  /** By version; where one is missing, that has been told. */
  versions: (Version | undefined)[];
  settings: Settings[];
}

/** Posts everything again: versions without gaps, right sums, no rule broken, and the end is what MySQL says. */
export function accountHistories({ tables, opened }: CheckInput, add: Add): Map<string, AccountHistory> {
  const histories = new Map<string, AccountHistory>();
  for (const account of opened) {
    histories.set(account.accountId, {
      opened: account,
      versions: [{ balance: 0, outcome: null }],
      settings: [
        { overdraftLimit: 0, status: 'CLOSED' },
        { overdraftLimit: account.overdraftLimit, status: account.status },
      ],
    });
  }
  const changes = [...tables.changes.values()].sort((a, b) => a.settingsVersion - b.settingsVersion);
  for (const change of changes) {
    const { settings } = histories.get(change.accountId) ?? { settings: [] };
    if (settings.length !== change.settingsVersion) {
      add('gap', `${change.accountId} has settings version ${change.settingsVersion} after ${settings.length - 1}`);
    }
    settings[change.settingsVersion] = change;
  }
  const postings = [...tables.transfers.values()].flatMap((outcome) =>
    outcome.status === 'POSTED' ? sidesOf(outcome) : [],
  );
  postings.sort((a, b) => a.side.version - b.side.version);
  for (const { accountId, amount, side, outcome } of postings) {
    const { versions } = histories.get(accountId) ?? { versions: [] };
    const id = outcome.order.transactionId;
    if (side.version !== versions.length)
      add('gap', `${accountId} has v${side.version} (${id}) after v${versions.length - 1}`);
    const previous = versions[side.version - 1];
    const before = previous?.balance ?? 0;
    const earlier = previous?.outcome?.acceptedAt ?? 0;
    if (outcome.acceptedAt < earlier) {
      add(
        'time',
        `${accountId} v${side.version} (${id}) was accepted ${earlier - outcome.acceptedAt} ms before v${side.version - 1}`,
      );
    }
    if (side.balance !== before + amount) {
      add('arithmetic', `${accountId} v${side.version} (${id}): ${before} and ${amount} make ${side.balance}`);
    }
    versions[side.version] = { balance: side.balance, outcome };
  }
  for (const [accountId, { versions, settings, opened: start }] of histories) {
    const row = tables.accounts.get(accountId);
    const last = versions.length - 1;
    if (row?.version !== last || row.balance !== versions[last]?.balance) {
      add(
        'arithmetic',
        `${accountId} is at ${row?.balance} (v${row?.version}), its postings end at ${versions[last]?.balance} (v${last})`,
      );
    }
    if (row?.settingsVersion !== settings.length - 1)
      add('gap', `${accountId} is at settings version ${row?.settingsVersion}`);
    for (const version of versions) {
      if (version?.outcome) checkRules(accountId, version.outcome, versions, settings, start, add);
    }
  }
  return histories;
}

export function sidesOf(outcome: Posted) {
  const { order, source, destination } = outcome;
  return [
    { accountId: order.source, amount: -order.amount, side: source, outcome },
    { accountId: order.destination, amount: order.amount, side: destination, outcome },
  ];
}

/** Each side by itself: it was allowed on the balance and the settings that it says it was decided on. */
function checkRules(
  accountId: string,
  outcome: Posted,
  versions: readonly (Version | undefined)[],
  settings: readonly Settings[],
  opened: Account,
  add: Add,
): void {
  const { order } = outcome;
  const isSource = order.source === accountId;
  const side = isSource ? outcome.source : outcome.destination;
  const inForce = settings[side.settingsVersion];
  const before = versions[side.version - 1];
  if (!inForce || !before) {
    add('against-the-rules', `${order.transactionId} was decided on settings ${side.settingsVersion} of ${accountId}`);
    return;
  }
  // Not left to the rules of the product alone: a rule that is wrong would find nothing wrong.
  if (isSource && !opened.external && side.balance < -inForce.overdraftLimit)
    add('against-the-rules', `${order.transactionId} left ${accountId} at ${side.balance}`);
  const party = { ...opened, ...inForce, balance: before.balance };
  const other = { ...opened, external: true, status: 'ACTIVE' as const, balance: 0 };
  const refusal = isSource
    ? refusalOf(party, other, order.amount, order.currency)
    : refusalOf(other, party, order.amount, order.currency);
  if (refusal)
    add(
      'against-the-rules',
      `${order.transactionId} on ${accountId} v${side.version} at ${before.balance}: ${refusal}`,
    );
}
