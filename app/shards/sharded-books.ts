import type { Problem } from '../domain/problem.ts';
import type { NewAccount } from '../domain/types.ts';
import type { HoldBooks, HoldCapture, ListedHold } from '../ledger/ports/holds.ts';
import type { AccountDetails, AccountOpening, Books, BusinessWindows } from '../ledger/ports/ledger.ts';
import type { Shard, ShardMap } from './shard.ts';

type BookShard = Pick<Shard, 'books' | 'holdBooks' | 'isDatabaseAway'>;

/** The books of several shards: each account is in the books of its shard. */
export class ShardedBooks implements Books, HoldBooks {
  readonly #shards: ShardMap<BookShard>;

  constructor(shards: ShardMap<BookShard>) {
    this.#shards = shards;
  }

  openAccounts(accounts: readonly NewAccount[], openedBy: string): Promise<(AccountOpening | Problem)[]> {
    const idOf = ({ accountId }: NewAccount) => accountId;
    return this.#shards.inEach(accounts, idOf, ({ books }, own) => books.openAccounts(own, openedBy));
  }

  /**
   * Every shard has the same calendar, so the calendar of any shard that answers is used; shards that are likely to
   * answer are queried first.
   */
  async businessWindows(at: number): Promise<BusinessWindows | null> {
    let failure: unknown = null;
    const likely = this.#shards.all.filter(({ isDatabaseAway }) => !isDatabaseAway());
    const unlikely = this.#shards.all.filter((shard) => !likely.includes(shard));
    for (const { books } of [...likely, ...unlikely]) {
      try {
        const windows = await books.businessWindows(at);
        if (windows) return windows;
      } catch (error) {
        failure = error;
      }
    }
    if (failure) throw failure;
    return null;
  }

  accountDetails(accountId: string): Promise<AccountDetails> {
    return this.#shards.of(accountId).books.accountDetails(accountId);
  }

  holds(query: Parameters<HoldBooks['holds']>[0]): Promise<ListedHold[]> {
    return this.#shards.of(query.accountId).holdBooks.holds(query);
  }

  captures(hold: Parameters<HoldBooks['captures']>[0], limit: number): Promise<HoldCapture[]> {
    return this.#shards.of(hold.accountId).holdBooks.captures(hold, limit);
  }
}
