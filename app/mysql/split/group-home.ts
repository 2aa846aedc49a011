import { shardOfAccount } from '../../domain/account-shard.ts';
import { decodeOrders } from '../../journal/codec.ts';
import type { Database } from '../connection/pool.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';
import { type Row, SpansShards } from './split-rows.ts';

/** The new shard of each group, which must be the shard of all its accounts. @throws SpansShards */
export async function groupHome(old: Database, groups: readonly Row[], shards: number): Promise<number[]> {
  const members = groups.map(({ transaction_ids }) =>
    transaction_ids === null ? [] : (JSON.parse(String(transaction_ids)) as string[]),
  );
  const rows = await rowsByIds<{ transaction_id: string; source_account: string; destination_account: string }>(
    old,
    'SELECT transaction_id, source_account, destination_account FROM transfers WHERE transaction_id IN (?)',
    members.flat(),
  );
  const accountsOf = new Map(rows.map((row) => [row.transaction_id, [row.source_account, row.destination_account]]));
  return groups.map(({ group_id, orders }, at) => {
    const asked = orders === null ? [] : decodeOrders(String(orders));
    const accounts = [
      ...(members[at] ?? []).flatMap((id) => accountsOf.get(id) ?? []),
      ...asked.flatMap(({ order }) => [order.source, order.destination]),
    ];
    const [home, ...others] = new Set(accounts.map((accountId) => shardOfAccount(accountId, shards)));
    if (home === undefined) throw new Error(`group ${group_id} has no transfers`);
    if (others.length > 0) throw new SpansShards(`group ${group_id}`);
    return home;
  });
}
