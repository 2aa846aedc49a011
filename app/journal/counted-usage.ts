import type { HoldEvent } from '../domain/hold-events.ts';
import type { HoldAfter } from '../domain/hold-types.ts';
import { usageAfterEvent } from '../domain/hold-usage.ts';
import { counting, givingBack, type Usage, usageSince, type Windows } from '../domain/limits.ts';
import type { Outcome, Posted, TransferOrder } from '../domain/types.ts';
import type { JournaledChange } from './flush-batch.ts';

/** The items of a batch that change the usage of accounts with limits. */
export interface CountedBatch {
  counted: (Posted | HoldEvent)[];
  /** The account changes with which counting begins. */
  begun: JournaledChange[];
  accountIds: string[];
}

/**
 * What is counted follows from outcomes and changes alone, so it is the same whether the flush, an epoch recovery or a
 * transaction in `DIRECT` writes it.
 */
export function countedIn(
  decided: readonly (Outcome | HoldEvent)[],
  changes: readonly JournaledChange[],
): CountedBatch {
  const counted = decided.filter((one) => isPostedOrEvent(one) && effectsOf(one).length > 0) as (Posted | HoldEvent)[];
  const begun = changes.filter(({ limits }) => limits?.begins);
  const accounts = counted.flatMap((one) => effectsOf(one).map(({ accountId }) => accountId));
  return { counted, begun, accountIds: [...new Set([...accounts, ...begun.map(({ accountId }) => accountId)])].sort() };
}

const isPostedOrEvent = (one: Outcome | HoldEvent): one is Posted | HoldEvent =>
  !('status' in one) || one.status === 'POSTED';

/** @param before the accounts' usage before the batch; for an absent account, nothing has been counted */
export function usagesAfter(
  { counted, begun }: CountedBatch,
  before: ReadonlyMap<string, Usage>,
  windowsOf: (time: number) => Windows,
): Map<string, Usage> {
  const usages = new Map(before);
  for (const one of [...counted, ...begun].sort((a, b) => a.seq - b.seq)) {
    if ('changeId' in one) {
      usages.set(one.accountId, usageSince(one.acceptedAt));
      continue;
    }
    for (const { accountId, after } of effectsOf(one)) {
      const usage = usages.get(accountId) ?? usageSince(0);
      usages.set(
        accountId,
        after(usage, () => windowsOf(one.acceptedAt)),
      );
    }
  }
  return usages;
}

/** The effect of an item on the usage of an account. */
interface Effect {
  accountId: string;
  after(usage: Usage, windowsOf: () => Windows): Usage;
}

function effectsOf(one: Posted | HoldEvent): Effect[] {
  if (!('status' in one)) return one.kind === 'REFUSED' ? [] : holdEffects(one.account, one);
  const { counted = 0, order, hold } = one;
  const side = (accountId: string, moved: Parameters<typeof counting>[2]): Effect => ({
    accountId,
    after: (usage, windowsOf) => counting(usage, windowsOf(), moved),
  });
  return [
    ...((counted & 1) > 0 ? [side(order.source, { debit: order.amount })] : []),
    ...((counted & 2) > 0 ? [side(order.destination, { credit: order.amount })] : []),
    ...(hold ? holdEffects(order.source, hold) : []),
    ...(order.leg?.counted ? [returnedEffect(order, order.leg.counted.at)] : []),
  ];
}

const returnedEffect = ({ destination, amount }: TransferOrder, countedAt: number): Effect => ({
  accountId: destination,
  after: (usage) => givingBack(usage, countedAt, { day: amount, month: amount }),
});

const holdEffects = (accountId: string, event: HoldAfter): Effect[] =>
  event.usageChange ? [{ accountId, after: (usage, windowsOf) => usageAfterEvent(usage, event, windowsOf) }] : [];
