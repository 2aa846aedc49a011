import { hashSlot, shardOfSlot } from './hash-slot.ts';

/**
 * The part of an account's id that determines its shard: the text after the last `@`, so that `cash@acme` and `fees@acme` are
 * in the same shard, or the whole id if it contains no `@`. The key is never empty, because no id is empty.
 */
export function routingKeyOf(accountId: string): string {
  return accountId.slice(accountId.lastIndexOf('@') + 1) || accountId;
}

/** The shard of an account of a client. Inner accounts are in the shard that opened them. */
export const shardOfAccount = (accountId: string, shards: number): number =>
  shards === 1 ? 0 : shardOfSlot(hashSlot(routingKeyOf(accountId)), shards);
