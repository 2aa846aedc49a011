import type { Posted } from '../../app/domain/types.ts';
import { type AccountHistory, sidesOf } from './accounts.ts';
import type { Add, CheckInput } from './violations.ts';

interface Sighting {
  version: number;
  sentAt: number;
  endedAt: number;
  isPosting: boolean;
  by: string;
}

/** Each balance and each settings version that any answer carried is in the history, and time does not run backwards. */
export function checkSightings(
  { history, waiting }: CheckInput,
  accounts: ReadonlyMap<string, AccountHistory>,
  add: Add,
): void {
  const sightings = new Map<string, Sighting[]>();
  const see = (accountId: string, balance: number, sighting: Sighting, fresh: boolean) => {
    const known = accounts.get(accountId)?.versions[sighting.version];
    if (!known && waiting.accounts.has(accountId)) return;
    if (known?.balance !== balance) {
      add('not-in-history', `${sighting.by} showed ${accountId} at ${balance} (v${sighting.version})`);
    }
    if (!fresh) return;
    const own = sightings.get(accountId);
    if (own) own.push(sighting);
    else sightings.set(accountId, [sighting]);
  };
  for (const { transactionId: by, attempts, sought } of history.transfers.values()) {
    // From the first attempt, which may be the one that did it, to the first answer that told.
    const sentAt = Math.min(...attempts.map((attempt) => attempt.sentAt));
    let first: { outcome: Posted; endedAt: number } | null = null;
    for (const { answer, endedAt } of [...attempts, ...sought]) {
      if (answer.kind !== 'told' || answer.value.status !== 'POSTED') continue;
      const outcome = answer.value;
      for (const { accountId, side } of sidesOf(outcome)) {
        see(accountId, side.balance, { version: side.version, sentAt, endedAt, isPosting: true, by }, false);
      }
      if (!first || endedAt < first.endedAt) first = { outcome, endedAt };
    }
    if (!first) continue;
    for (const { accountId, side } of sidesOf(first.outcome)) {
      see(
        accountId,
        side.balance,
        { version: side.version, sentAt, endedAt: first.endedAt, isPosting: true, by },
        true,
      );
    }
  }
  for (const read of history.reads) {
    const { accountId, balance, version, sentAt, endedAt, stale, pod } = read;
    see(accountId, balance, { version, sentAt, endedAt, isPosting: false, by: `a read at ${pod}` }, !stale);
    const settings = accounts.get(accountId)?.settings[read.settingsVersion];
    if (!settings && waiting.accounts.has(accountId)) continue;
    if (settings?.overdraftLimit !== read.overdraftLimit || settings.status !== read.status) {
      add('not-in-history', `a read at ${pod} showed ${accountId} with settings ${read.settingsVersion}`);
    }
  }
  for (const [accountId, own] of sightings) checkOrder(accountId, own, add);
}

function checkOrder(accountId: string, sightings: readonly Sighting[], add: Add): void {
  const bySending = [...sightings].sort((a, b) => a.sentAt - b.sentAt);
  const byEnd = [...sightings].sort((a, b) => a.endedAt - b.endedAt);
  let ended = 0;
  let newest: Sighting | null = null;
  for (const sighting of bySending) {
    for (let next = byEnd[ended]; next && next.endedAt < sighting.sentAt; next = byEnd[ended]) {
      if (newest === null || next.version > newest.version) newest = next;
      ended += 1;
    }
    if (newest === null) continue;
    const behind = sighting.isPosting ? sighting.version <= newest.version : sighting.version < newest.version;
    if (behind)
      add(
        'stale',
        `${sighting.by} showed ${accountId} at v${sighting.version} after ${newest.by} had told v${newest.version}`,
      );
  }
}
