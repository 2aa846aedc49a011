import type { Tables } from '../mysql/tables.ts';

/**
 * Finds reversals that contradict their originals, once everything is at rest: an original must have been posted, must
 * not have come back, and must be reversed at most once. @param tables per shard
 */
export function wrongReversals(tables: readonly Tables[]): string[] {
  const reversed = new Set<string>();
  const wrong: string[] = [];
  for (const [shard, { transfers, crossings }] of tables.entries()) {
    for (const { order, status } of transfers.values()) {
      const { kind, reverses, leg, transactionId } = order;
      if (kind !== 'reversal' || reverses === null || status !== 'POSTED') continue;
      if (leg && (leg.name !== 'out' || crossings.get(transactionId)?.closing?.state !== 'DONE')) continue;
      // The original went in the opposite direction.
      const shardOfOriginal = leg?.otherShard ?? shard;
      const key = `${shardOfOriginal}/${reverses}`;
      if (reversed.has(key)) wrong.push(`${key} is reversed more than once`);
      reversed.add(key);
      if (!isPosted(tables[shardOfOriginal], reverses))
        wrong.push(`${transactionId} reverses ${key}, which was not posted`);
    }
  }
  return wrong;
}

function isPosted(tables: Tables | undefined, transactionId: string): boolean {
  const original = tables?.transfers.get(transactionId);
  if (original?.status !== 'POSTED') return false;
  return !original.order.leg || tables?.crossings.get(transactionId)?.closing?.state === 'DONE';
}

/** How many transfers have been reversed. */
export const reversalsIn = (tables: readonly Tables[]): number =>
  tables.reduce(
    (sum, { transfers }) =>
      sum +
      [...transfers.values()].filter(
        ({ order: { kind, leg }, status }) =>
          kind === 'reversal' && status === 'POSTED' && (!leg || leg.name === 'out'),
      ).length,
    0,
  );
