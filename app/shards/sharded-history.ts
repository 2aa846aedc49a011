import type { HistoryItem } from '../domain/types.ts';
import type { History, HistoryPage, HistoryQuery, Period } from '../ledger/ports/history.ts';
import type { Shard, ShardMap } from './shard.ts';

/** The histories of several shards: each account's is in its shard. */
export class ShardedHistory implements History {
  readonly #shards: ShardMap<Pick<Shard, 'history'>>;

  constructor(shards: ShardMap<Pick<Shard, 'history'>>) {
    this.#shards = shards;
  }

  page(query: HistoryQuery): Promise<HistoryPage> {
    return this.#shards.of(query.accountId).history.page(query);
  }

  at(accountId: string, at: number): Promise<HistoryItem | null> {
    return this.#shards.of(accountId).history.at(accountId, at);
  }

  period(accountId: string, from: number, to: number): Promise<Period> {
    return this.#shards.of(accountId).history.period(accountId, from, to);
  }

  /** Without the names that a shard cannot give now: a history must not depend on the shards of its counterparties. */
  async names(accountIds: readonly string[]): Promise<Map<string, string>> {
    const named = await this.#shards.inEach(
      accountIds,
      (accountId) => accountId,
      async ({ history }, own) => {
        const names = await history.names(own).catch(() => new Map<string, string>());
        return own.map((accountId) => names.get(accountId) ?? null);
      },
    );
    return new Map(
      accountIds.flatMap((accountId, index) => {
        const name = named[index];
        return name ? [[accountId, name] as const] : [];
      }),
    );
  }
}
