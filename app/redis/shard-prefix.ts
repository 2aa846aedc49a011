import { hashSlot, SLOTS } from '../domain/hash-slot.ts';

declare const SHARD: unique symbol;
/** The prefix of every key of one shard, such as `hf:{0}`. Its hash tag keeps them in one slot of a Redis Cluster. */
export type ShardPrefix = string & { readonly [SHARD]: true };

/**
 * The keys of a shard carry a fixed hash tag. Its slot is in the middle of the shard's share of the slots, so that a
 * cluster with any number of masters, each with an equal share of the slots, gets an equal share of the shards. Tags
 * differ between ledgers with different numbers of shards. A ledger with one shard keeps the tag that it has always had.
 * @param keyPrefix `KEY_PREFIX`
 */
export function shardPrefix(keyPrefix: string, shard = 0, shards = 1): ShardPrefix {
  return `${keyPrefix}:{${hashTag(shard, shards)}}` as ShardPrefix;
}

/** The slot of the keys with this prefix. */
export function slotOfPrefix(prefix: ShardPrefix): number {
  return hashSlot(prefix.slice(prefix.indexOf('{') + 1, -1));
}

function hashTag(shard: number, shards: number): string {
  if (shards === 1) return '0';
  const slot = Math.floor(((shard + 0.5) * SLOTS) / shards);
  for (let number = 0; ; number++) {
    const tag = `${shard}of${shards}-${number}`;
    if (hashSlot(tag) === slot) return tag;
  }
}
