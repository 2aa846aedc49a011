import type { Replay } from './check-accounts.ts';
import type { Answer, History, Position, TransferHistory } from './history.ts';
import type { Violations } from './violations.ts';

/** A version of an account that an answer carried. */
interface Sighting extends Position {
  sentAt: number;
  endedAt: number;
  /** A posting made its version itself, so it comes after all that was answered before; a read may show the same. */
  isPosting: boolean;
  by: string;
}

/**
 * Answers against the history and against time: each balance and version that an answer carried is in the history, and
 * what was answered before a request was sent is behind it.
 */
export function checkAnswersInTime(history: History, balances: Replay, violations: Violations): void {
  const sightings = new Map<string, Sighting[]>();
  const see = (accountId: string, sighting: Sighting, fresh: boolean) => {
    if (balances.get(accountId)?.[sighting.version] !== sighting.balance) {
      const what = `${sighting.by} showed ${accountId} at ${sighting.balance} (v${sighting.version})`;
      violations.add('not-in-history', what);
    }
    if (!fresh) return;
    const own = sightings.get(accountId);
    if (own) own.push(sighting);
    else sightings.set(accountId, [sighting]);
  };
  for (const transfer of history.transfers) {
    const posted = postedSpan(transfer);
    if (!posted) continue;
    const { transactionId: by, content } = transfer;
    const { answer, ...span } = posted;
    see(content.source, { ...span, ...answer.source, isPosting: true, by }, true);
    see(content.destination, { ...span, ...answer.destination, isPosting: true, by }, true);
  }
  for (const { accountId, stale, ...read } of history.reads) {
    see(accountId, { ...read, isPosting: false, by: 'a read' }, !stale);
  }
  for (const [accountId, own] of sightings) checkOrder(accountId, own, violations);
}

/** From the first attempt, which may be the one that did it, to the first answer that told. */
function postedSpan({ attempts }: TransferHistory) {
  let sentAt = Number.POSITIVE_INFINITY;
  let endedAt = Number.POSITIVE_INFINITY;
  let answer: (Answer & { kind: 'posted' }) | null = null;
  for (const attempt of attempts) {
    sentAt = Math.min(sentAt, attempt.sentAt);
    if (attempt.answer.kind !== 'posted' || attempt.endedAt >= endedAt) continue;
    endedAt = attempt.endedAt;
    answer = attempt.answer;
  }
  return answer && { sentAt, endedAt, answer };
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
    const behind = sighting.isPosting ? sighting.version <= newest.version : sighting.version < newest.version;
    if (behind) {
      const told = `${newest.by} had told v${newest.version} before it was sent`;
      violations.add('stale', `${sighting.by} showed ${accountId} at v${sighting.version}, and ${told}`);
    }
  }
}
