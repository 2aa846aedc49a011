import { shardOfAccount } from '../../app/domain/account-shard.ts';
import type { OpenedAccount, TransferContent } from '../checker/history.ts';
import { oneOf, type Population, smallTown } from './population.ts';

/** A small town in each shard, and transfers inside the towns and between them. */
export interface ShardTowns extends Population {
  readonly towns: readonly Population[];
  inOneShard(): () => TransferContent;
}

/** @param crossing the share of the transfers whose accounts are in two shards */
export function shardTowns(prefix: string, shards: number, crossing = 0.4, plainAccounts = 30): ShardTowns {
  const towns = Array.from({ length: shards }, (_, shard) => inShard(smallTown(prefix, plainAccounts), shard, shards));
  const inOneShard = () => {
    const town = oneOf(towns);
    return () => town.pick();
  };
  const pick = (): TransferContent => {
    const from = oneOf(towns);
    const content = from.pick();
    if (Math.random() >= crossing) return content;
    const to = oneOf(towns.filter((town) => town !== from));
    return { ...content, destination: picked(to, content.currency).destination };
  };
  const accounts = towns.flatMap((town): readonly OpenedAccount[] => town.accounts);
  return { prefix, accounts, openings: towns.flatMap(({ openings }) => openings), pick, inOneShard, towns };
}

/** Picks a transfer of a town in this currency. */
function picked(town: Population, currency: string): TransferContent {
  for (;;) {
    const content = town.pick();
    if (content.currency === currency) return content;
  }
}

/** The same town, with account ids that all end with a name that belongs to the shard. */
function inShard(town: Population, shard: number, shards: number): Population {
  const name = nameInShard(shard, shards);
  const there = (accountId: string) => `${accountId}@${name}`;
  const moved = (content: TransferContent): TransferContent => ({
    ...content,
    source: there(content.source),
    destination: there(content.destination),
  });
  return {
    prefix: town.prefix,
    accounts: town.accounts.map((account) => ({ ...account, accountId: there(account.accountId) })),
    openings: town.openings.map(moved),
    pick: () => moved(town.pick()),
  };
}

/** A name that belongs to a shard. Accounts whose ids end with `@` and this name are in that shard. */
export function nameInShard(shard: number, shards: number): string {
  let number = 0;
  while (shardOfAccount(`town-${number}`, shards) !== shard) number += 1;
  return `town-${number}`;
}
