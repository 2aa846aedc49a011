import type { Waiting } from './books.ts';
import type { Accounts } from './check-postings.ts';
import { answersIn, append, type History, type Position, type Settings, type TransferHistory } from './history.ts';
import type { Violations } from './violations.ts';

/** A version of an account that an answer showed. */
interface Sighting extends Position {
  sentAt: number;
  endedAt: number;
  /**
   * Whether a posting made the version. Such a version is newer than all versions shown before; a read may show the
   * same version again.
   */
  isPosting: boolean;
  by: string;
}

/**
 * Compares answers with the history and with time: every balance and all settings that an answer showed are in the
 * history, and no answer shows an older state than another answer that had arrived before the request was sent.
 */
export function checkAnswersInTime(
  history: History,
  waiting: Waiting,
  accounts: Accounts,
  violations: Violations,
): void {
  const sightings = new Map<string, Sighting[]>();
  const see = (accountId: string, sighting: Sighting, isFresh: boolean) => {
    const { version, balance, by } = sighting;
    const known = accounts.get(accountId)?.balances[version];
    if (known === undefined && waiting.accounts.has(accountId)) return;
    if (known !== balance) violations.add('not-in-history', `${by} showed ${accountId} at ${balance} (v${version})`);
    if (isFresh) append(sightings, accountId, sighting);
  };
  for (const transfer of history.transfers.values()) seePostings(transfer, see);
  for (const { accountId, stale, settings, held, ...read } of history.reads) {
    see(accountId, { ...read, isPosting: false }, !stale);
    const known = accounts.get(accountId)?.helds[read.version];
    if (held !== undefined && known !== undefined && held !== known)
      violations.add('not-in-history', `${read.by} showed ${accountId} (v${read.version}) with ${held} held`);
    if (settings) checkShownSettings(accountId, settings, read.by, waiting, accounts, violations);
  }
  for (const [accountId, own] of sightings) checkOrder(accountId, own, violations);
}

function seePostings(
  transfer: TransferHistory,
  see: (accountId: string, sighting: Sighting, isFresh: boolean) => void,
): void {
  const { transactionId: by, attempts } = transfer;
  const posted = answersIn(transfer).flatMap(({ answer, endedAt }) =>
    answer.kind === 'posted' ? [{ answer, endedAt }] : [],
  );
  if (posted.length === 0) return;
  // The span begins with the first attempt, which may be the one that was carried out.
  const sentAt = Math.min(...attempts.map((attempt) => attempt.sentAt));
  const first = posted.reduce((a, b) => (b.endedAt < a.endedAt ? b : a));
  for (const one of posted) {
    const { answer, endedAt } = one;
    const content = answer.content ?? attempts[0]?.content;
    if (!content) continue;
    const span = { sentAt, endedAt, isPosting: true, by };
    // If the debit of a transfer was lost with a database, no answer shows it.
    if (answer.source.version > 0) see(content.source, { ...answer.source, ...span }, one === first);
    see(content.destination, { ...answer.destination, ...span }, one === first);
  }
}

export function checkShownSettings(
  accountId: string,
  shown: Settings,
  by: string,
  waiting: Waiting,
  accounts: Accounts,
  violations: Violations,
): void {
  const known = accounts.get(accountId)?.settings[shown.settingsVersion];
  if (!known && waiting.accounts.has(accountId)) return;
  if (known?.overdraftLimit !== shown.overdraftLimit || known.status !== shown.status) {
    const what = `${shown.overdraftLimit}, ${shown.status} (settings ${shown.settingsVersion})`;
    violations.add('not-in-history', `${by} showed ${accountId} with limit ${what}`);
  }
}

function checkOrder(accountId: string, sightings: readonly Sighting[], violations: Violations): void {
  const bySending = sightings.toSorted((a, b) => a.sentAt - b.sentAt);
  const byEnd = sightings.toSorted((a, b) => a.endedAt - b.endedAt);
  let ended = 0;
  let newest: Sighting | null = null;
  for (const sighting of bySending) {
    for (let next = byEnd[ended]; next && next.endedAt < sighting.sentAt; next = byEnd[ended]) {
      if (newest === null || next.version > newest.version) newest = next;
      ended += 1;
    }
    if (newest === null) continue;
    const isBehind = sighting.isPosting ? sighting.version <= newest.version : sighting.version < newest.version;
    if (isBehind) {
      const earlier = `${newest.by} had shown v${newest.version} before that request was sent`;
      violations.add('stale', `${sighting.by} showed ${accountId} at v${sighting.version}, although ${earlier}`);
    }
  }
}
