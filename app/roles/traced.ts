import type { GroupOrder } from '../domain/group.ts';
import type { FlushBatch } from '../journal/flush-batch.ts';
import type { DirectServer } from '../ledger/ports/direct-server.ts';
import type { Holds } from '../ledger/ports/holds.ts';
import type { Ledger } from '../ledger/ports/ledger.ts';
import type { JournalStore } from '../sync/flusher.ts';
import type { Tracing } from '../telemetry/span.ts';

/**
 * Traces the path of a transfer: a span in the pod for each request, a span for the call to the store in each
 * transfer's trace, and a span for the flush, linked to them. The traced parts do not depend on tracing.
 */

type Traced = Iterable<{ trace?: string | null; group?: GroupOrder }>;

/** Traces a call that serves the transfers of many requests, to the store that has the authority. */
export function tracedCall<T>(tracing: Tracing, store: 'redis' | 'mysql', items: Traced, call: () => Promise<T>) {
  const traces: string[] = [];
  let transfers = 0;
  for (const { trace, group } of items) {
    transfers += group ? group.orders.length : 1;
    if (trace) traces.push(trace);
  }
  const attributes = { 'db.system.name': store, 'holdfast.transfers': transfers };
  return tracing.sharedSpan(`${store} apply`, traces, attributes, call);
}

export function tracedLedger(ledger: Ledger, tracing: Tracing | null): Ledger {
  if (!tracing) return ledger;
  return {
    apply: (orders, durability) =>
      tracing.withSpan('ledger apply', (span) => {
        span.set('holdfast.transfers', orders.length);
        return ledger.apply(orders, durability);
      }),
    applyGroup: (group, durability) =>
      tracing.withSpan('ledger apply', (span) => {
        span.set('holdfast.transfers', group.orders.length);
        return ledger.applyGroup(group, durability);
      }),
    preview: (orders, what, windows) => ledger.preview(orders, what, windows),
    groupOutcome: (groupId, by) => ledger.groupOutcome(groupId, by),
    outcome: (transactionId, by) => ledger.outcome(transactionId, by),
    read: (accountIds) => ledger.read(accountIds),
    requireFeature: (feature, accountId) => ledger.requireFeature(feature, accountId),
    changeAccount: (change) => ledger.changeAccount(change),
  };
}

/** Traces what a transfer between shards does in one of them: the preview at its destination, and its legs. */
export function tracedShard(ledger: Ledger, shard: number, tracing: Tracing | null): Ledger {
  if (!tracing) return ledger;
  const inShard = <T>(name: string, work: () => Promise<T>) =>
    tracing.withSpan(name, (span) => {
      span.set('holdfast.shard', shard);
      return work();
    });
  return {
    apply(orders, durability) {
      const leg = orders[0]?.leg;
      const apply = () => ledger.apply(orders, durability);
      return leg ? inShard(`leg ${leg.name}`, apply) : apply();
    },
    preview(orders, what, windows) {
      const preview = () => ledger.preview(orders, what, windows);
      return orders[0]?.leg ? inShard('look', preview) : preview();
    },
    applyGroup: (group, durability) => ledger.applyGroup(group, durability),
    groupOutcome: (groupId, by) => ledger.groupOutcome(groupId, by),
    outcome: (transactionId, by) => ledger.outcome(transactionId, by),
    read: (accountIds) => ledger.read(accountIds),
    requireFeature: (feature, accountId) => ledger.requireFeature(feature, accountId),
    changeAccount: (change) => ledger.changeAccount(change),
  };
}

export function tracedHolds(holds: Holds, tracing: Tracing | null): Holds {
  if (!tracing) return holds;
  const traced = <T>(work: () => Promise<T>) =>
    tracing.withSpan('ledger apply', (span) => {
      span.set('holdfast.transfers', 1);
      return work();
    });
  return {
    requireActive: (accountId) => holds.requireActive(accountId),
    factsOf: (holdId, by) => holds.factsOf(holdId, by),
    place: (order, durability) => traced(() => holds.place(order, durability)),
    capture: (order, durability) => traced(() => holds.capture(order, durability)),
    change: (wanted, request, durability) => traced(() => holds.change(wanted, request, durability)),
    void: (request, durability) => traced(() => holds.void(request, durability)),
    expire: (request) => holds.expire(request),
    hold: (holdId, by) => holds.hold(holdId, by),
    preview: (item, windows) => holds.preview(item, windows),
  };
}

export function tracedDirect(direct: DirectServer, tracing: Tracing | null): DirectServer {
  if (!tracing) return direct;
  return {
    apply: (epoch, items) => tracedCall(tracing, 'mysql', items, () => direct.apply(epoch, items)),
    applyGroups: (epoch, items) => tracedCall(tracing, 'mysql', items, () => direct.applyGroups(epoch, items)),
    applyHolds: (epoch, items) => tracedCall(tracing, 'mysql', items, () => direct.applyHolds(epoch, items)),
    change: (epoch, change) => direct.change(epoch, change),
  };
}

export function tracedFlush(store: JournalStore, tracing: Tracing | null): JournalStore {
  if (!tracing) return store;
  return {
    cursor: () => store.cursor(),
    commit: (batch, authorityEpoch) =>
      tracing.linkedSpan({ root: 'flush', inEach: 'persist' }, batch.traces, flushAttributes(batch), () =>
        store.commit(batch, authorityEpoch),
      ),
  };
}

const flushAttributes = ({ epoch, lastSeq, outcomes }: FlushBatch) => ({
  'holdfast.epoch': epoch,
  'holdfast.last_seq': lastSeq,
  'holdfast.transfers': outcomes.length,
});
