import { Problem } from '../domain/problem.ts';
import { MysqlCrossingStore } from '../mysql/ledger/crossing-store.ts';
import type { ShardContext } from './shard-context.ts';

const LISTED_MAX = 1_000;

export interface OpenTransfer {
  transactionId: string;
  from: number;
  to: number;
}

/**
 * The open transfers between a shard and all others, at most 1,000 for each pair of shards, oldest first. If a loss of
 * the shard is accepted, transfers toward it are made again, or returned if their destination refuses them by then.
 * Transfers from a shard whose MySQL is unavailable are missing.
 */
export async function openTransfers(
  shards: readonly Pick<ShardContext, 'database' | 'shard'>[],
  number: number,
): Promise<OpenTransfer[]> {
  const pairs = shards.flatMap((from) =>
    shards.filter((to) => to !== from && (from.shard === number || to.shard === number)).map((to) => ({ from, to })),
  );
  const listed = await Promise.all(
    pairs.map(async ({ from, to }) => {
      const query = { toShard: to.shard, minAgeMs: 0, after: null, limit: LISTED_MAX };
      const open = await new MysqlCrossingStore(from.database).open(query).catch((error: unknown) => {
        if (error instanceof Problem) return [];
        throw error;
      });
      return open.map(({ transactionId }) => ({ transactionId, from: from.shard, to: to.shard }));
    }),
  );
  return listed.flat();
}
