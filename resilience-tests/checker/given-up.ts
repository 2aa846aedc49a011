import type { Attempt, History, TransferHistory } from './history.ts';

/** What an operator accepted as lost: transfers, and when; ms on the clock of the history. */
export interface GivenUp {
  ids: ReadonlySet<string>;
  at: number;
}

/**
 * The history without what an operator gave up: what was told to those who had asked before counts no more, nor what was told of their
 * accounts by reads. An id that was sent again afterwards has the outcome that it was given then. Everything else still holds.
 */
export function withoutGivenUp(history: History, { ids, at }: GivenUp): History {
  const accounts = new Set<string>();
  const transfers = history.transfers.map((transfer): TransferHistory => {
    if (!ids.has(transfer.transactionId)) return transfer;
    accounts.add(transfer.content.source).add(transfer.content.destination);
    // A batch is answered when its last item is: what was received before may be told after.
    const before = transfer.attempts.filter(({ sentAt }) => sentAt <= at);
    const after = transfer.attempts.filter(({ sentAt }) => sentAt > at);
    const end: Attempt = { sentAt: at, endedAt: at, answer: { kind: 'absent' } };
    const forgotten = before.map(
      (attempt): Attempt => ({ ...attempt, answer: { kind: 'unknown', reason: 'given up' } }),
    );
    return { ...transfer, attempts: [...forgotten, end, ...after] };
  });
  const reads = history.reads.filter(({ accountId, sentAt }) => sentAt > at || !accounts.has(accountId));
  return { ...history, transfers, reads };
}
