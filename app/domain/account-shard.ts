import { hashSlot, shardOfSlot } from './hash-slot.ts';

/**
 * The part of an account's id that decides where it is: what stands behind the last `@`, so that `cash@acme` and
 * `fees@acme` are together; otherwise the whole id. Never empty, because ids are not.
 */
export function routingKeyOf(accountId: string): string {
  return accountId.slice(accountId.lastIndexOf('@') + 1) || accountId;
}

/** The shard of an account of a client. Inner accounts are in the shard that opened them. */
export const shardOfAccount = (accountId: string, shards: number): number =>
  shards === 1 ? 0 : shardOfSlot(hashSlot(routingKeyOf(accountId)), shards);
