import type { Redis } from 'ioredis';
import { Problem } from '../domain/problem.ts';
import type { CachePages } from '../jobs/drift.ts';
import type { Caller } from '../journal/cache-port.ts';
import type { RedisScripts } from './redis-scripts.ts';
import { Keys } from './run-script.ts';
import type { ShardPrefix } from './shard-prefix.ts';

const SCAN_COUNT = 500;

/** The cached accounts of an epoch, one page at a time. */
export function cachePages(
  { redis, scripts, keyPrefix }: { redis: Redis; scripts: Pick<RedisScripts, 'read'>; keyPrefix: ShardPrefix },
  caller: Caller,
): CachePages {
  const { accounts } = new Keys(keyPrefix, caller);
  return {
    epoch: caller.epoch,
    async scan(position) {
      // Only the ids come from this scan; the accounts are read by a script that verifies the server.
      const [next, pairs] = await answered(redis.hscan(accounts, position, 'COUNT', SCAN_COUNT));
      return { next, accountIds: pairs.filter((_, index) => index % 2 === 0) };
    },
    read: (accountIds) => answered(scripts.read(caller, accountIds)),
  };
}

/** The reconciliation can be retried once Redis is back, or another epoch has begun. */
async function answered<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw new Problem(
      'ledger_switching',
      'the cache does not respond, or is not the server of this epoch',
      {},
      { cause: error },
    );
  }
}
