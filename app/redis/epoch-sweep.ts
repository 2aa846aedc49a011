import type { Redis } from 'ioredis';
import type { FenceCaller } from '../journal/cache-port.ts';
import type { RedisScripts } from './redis-scripts.ts';
import { epochOfKey, Keys } from './run-script.ts';
import type { ShardPrefix } from './shard-prefix.ts';

const SCAN_COUNT = 1000;

/**
 * Deletes the keys of this ledger's epochs before the given one, in any format, from Redis. Those epochs have been
 * recovered, so nothing reads their keys anymore. A script deletes them, so that a server that now belongs to another
 * ledger is left alone.
 * @throws CacheError
 */
export async function sweepEpochsBefore(
  { redis, scripts, keyPrefix }: { redis: Redis; scripts: Pick<RedisScripts, 'sweep'>; keyPrefix: ShardPrefix },
  epoch: number,
  caller: FenceCaller,
): Promise<void> {
  const { shardPrefix } = new Keys(keyPrefix, { epoch, format: 1 });
  let position = '0';
  do {
    const [next, keys] = await redis.scan(position, 'MATCH', `${shardPrefix}*`, 'COUNT', SCAN_COUNT);
    position = next;
    const old = keys.filter((key) => {
      const found = epochOfKey(key.slice(shardPrefix.length));
      return found !== null && found < epoch;
    });
    if (old.length > 0) await scripts.sweep(caller, old);
  } while (position !== '0');
}
