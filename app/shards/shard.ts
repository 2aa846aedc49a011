import { shardOfAccount } from '../domain/account-shard.ts';
import type { CrossingStore } from '../ledger/ports/crossings.ts';
import type { History } from '../ledger/ports/history.ts';
import type { HoldBooks, Holds } from '../ledger/ports/holds.ts';
import type { Books, Ledger } from '../ledger/ports/ledger.ts';
import type { LedgerDatabase } from '../ledger/ports/ledger-database.ts';

/** The parts of a shard that this layer uses. Each shard is a complete ledger in itself. */
export interface Shard {
  ledger: Ledger;
  books: Books;
  history: History;
  holds: Holds;
  holdBooks: HoldBooks;
  database: Pick<LedgerDatabase, 'findOutcomes'>;
  crossings: CrossingStore;
  /** The balances of its accounts of returns, by currency. @throws Problem database_unavailable */
  returns(): Promise<{ currency: string; minorUnits: number }[]>;
  /** Whether its MySQL counts as down, because recent calls have failed. */
  isDatabaseAway(): boolean;
}

/** A shard together with its number, from 0. */
export type NumberedShard<S> = S & { number: number };

/** All shards, and the shard of each account. `S` contains the parts of a shard that the user of the map needs. */
export class ShardMap<S = Shard> {
  readonly all: readonly NumberedShard<S>[];

  /** @param shards in order of their numbers */
  constructor(shards: readonly S[]) {
    this.all = shards.map((shard, number) => ({ ...shard, number }));
  }

  numberOf(accountId: string): number {
    return shardOfAccount(accountId, this.all.length);
  }

  at(number: number): NumberedShard<S> {
    const shard = this.all[number];
    if (!shard) throw new RangeError(`shard ${number} does not exist`);
    return shard;
  }

  of(accountId: string): NumberedShard<S> {
    return this.at(this.numberOf(accountId));
  }

  /** The shard of all these accounts, or null if they are in several. */
  ofAll(accountIds: readonly string[]): NumberedShard<S> | null {
    const [first = 0, ...others] = new Set(accountIds.map((accountId) => this.numberOf(accountId)));
    return others.length > 0 ? null : this.at(first);
  }

  /** Divides items by shard, lets each shard answer its own, and returns the answers in the order of the items. */
  async inEach<T, A>(
    items: readonly T[],
    accountOf: (item: T) => string,
    answer: (shard: NumberedShard<S>, items: T[]) => Promise<readonly A[]>,
  ): Promise<A[]> {
    const answers = new Array<A>(items.length);
    const byShard = new Map<number, number[]>();
    for (const [index, item] of items.entries()) {
      const number = this.numberOf(accountOf(item));
      const indexes = byShard.get(number);
      if (indexes) indexes.push(index);
      else byShard.set(number, [index]);
    }
    await Promise.all(
      [...byShard].map(async ([number, indexes]) => {
        const found = await answer(
          this.at(number),
          indexes.map((index) => items[index] as T),
        );
        for (const [at, index] of indexes.entries()) answers[index] = found[at] as A;
      }),
    );
    return answers;
  }
}
