import { counting, type Usage, usageSince, type Windows } from '../domain/limits.ts';
import type { Outcome, Posted } from '../domain/types.ts';
import type { JournaledChange } from './flush-batch.ts';

/** The items of a batch that change the usage of accounts with limits. */
export interface CountedBatch {
  counted: Posted[];
  /** Changes with which counting begins. */
  begun: JournaledChange[];
  accountIds: string[];
}

/**
 * What is counted follows from outcomes and changes alone, so it is the same whether the flush, an epoch recovery or a
 * transaction in `DIRECT` writes it.
 */
export function countedIn(outcomes: readonly Outcome[], changes: readonly JournaledChange[]): CountedBatch {
  const counted = outcomes.filter((one): one is Posted => one.status === 'POSTED' && one.counted !== undefined);
  const begun = changes.filter(({ limits }) => limits?.begins);
  const sides = counted.flatMap((one) => sidesOf(one).map(({ accountId }) => accountId));
  return { counted, begun, accountIds: [...new Set([...sides, ...begun.map(({ accountId }) => accountId)])].sort() };
}

/** @param before the usage of its accounts; an account that is absent has counted nothing */
export function usagesAfter(
  { counted, begun }: CountedBatch,
  before: ReadonlyMap<string, Usage>,
  windowsOf: (time: number) => Windows,
): Map<string, Usage> {
  const usages = new Map(before);
  for (const one of [...counted, ...begun].sort((a, b) => a.seq - b.seq)) {
    if (!('order' in one)) {
      usages.set(one.accountId, usageSince(one.acceptedAt));
      continue;
    }
    const windows = windowsOf(one.acceptedAt);
    for (const { accountId, moved } of sidesOf(one)) {
      usages.set(accountId, counting(usages.get(accountId) ?? usageSince(0), windows, moved));
    }
  }
  return usages;
}

function sidesOf({ counted = 0, order }: { counted?: number; order: Posted['order'] }) {
  const debit = { accountId: order.source, moved: { debit: order.amount } };
  const credit = { accountId: order.destination, moved: { credit: order.amount } };
  return [...((counted & 1) > 0 ? [debit] : []), ...((counted & 2) > 0 ? [credit] : [])];
}
