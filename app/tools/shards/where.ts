import { routingKeyOf, shardOfAccount } from '../../domain/account-shard.ts';
import { hashSlot } from '../../domain/hash-slot.ts';

export interface Place {
  account: string;
  /** The part of the id that determines the shard. */
  key: string;
  slot: number;
  shard: number;
}

/** Where accounts are in a ledger with this many shards. */
export function placesOf(accounts: readonly string[], shards: number): Place[] {
  return accounts.map((account) => {
    const key = routingKeyOf(account);
    return { account, key, slot: hashSlot(key), shard: shardOfAccount(account, shards) };
  });
}
