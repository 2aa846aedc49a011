import { hashSlot, shardOfSlot } from './hash-slot.ts';

/**
 * The part of an account's id that decides where the account is: the text after the last `@`, so that `cash@acme` and
 * `fees@acme` are together, or the whole id if there is none. It is never empty, because ids are not.
 */
export function routingKeyOf(accountId: string): string {
  return accountId.slice(accountId.lastIndexOf('@') + 1) || accountId;
}

/** The shard of an account of a client. Inner accounts are in the shard that opened them. */
export const shardOfAccount = (accountId: string, shards: number): number =>
  shards === 1 ? 0 : shardOfSlot(hashSlot(routingKeyOf(accountId)), shards);
