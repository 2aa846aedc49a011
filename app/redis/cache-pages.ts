import type { Redis } from 'ioredis';
import { Problem } from '../domain/problem.ts';
import type { CachePages } from '../jobs/drift.ts';
import type { Caller } from '../journal/cache-port.ts';
import { Keys } from './keys.ts';
import type { RedisScripts } from './redis-scripts.ts';

const SCAN_COUNT = 500;

/** The cached accounts of an epoch, page by page. */
export function cachePages(
  { redis, scripts, keyPrefix }: { redis: Redis; scripts: Pick<RedisScripts, 'read'>; keyPrefix: string },
  caller: Caller,
): CachePages {
  const { accounts } = new Keys(keyPrefix, caller.epoch);
  return {
    epoch: caller.epoch,
    async scan(position) {
      // Only the ids are taken from here; what the accounts are is read by a script that checks where it runs.
      const [next, pairs] = await answered(redis.hscan(accounts, position, 'COUNT', SCAN_COUNT));
      return { next, accountIds: pairs.filter((_, index) => index % 2 === 0) };
    },
    read: (accountIds) => answered(scripts.read(caller, accountIds)),
  };
}

/** Who asked for a reconciliation may ask again when Redis is back, or another epoch has begun. */
async function answered<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw new Problem('ledger_switching', 'the cache does not answer as the one of this epoch', {}, { cause: error });
  }
}
