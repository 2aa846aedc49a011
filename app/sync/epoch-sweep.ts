import type { Redis } from 'ioredis';

const SCAN_COUNT = 1000;

/** Deletes in Redis what is left of epochs before the given one: they are settled, and nothing reads them any more. */
export async function sweepEpochsBefore(redis: Redis, keyPrefix: string, epoch: number): Promise<void> {
  const shard = `${keyPrefix}:{0}:`;
  let position = '0';
  do {
    const [next, keys] = await redis.scan(position, 'MATCH', `${shard}*`, 'COUNT', SCAN_COUNT);
    position = next;
    const old = keys.filter((key) => {
      const found = /^(\d+):/.exec(key.slice(shard.length));
      return found !== null && Number(found[1]) < epoch;
    });
    if (old.length > 0) await redis.unlink(...old);
  } while (position !== '0');
}
