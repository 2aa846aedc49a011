import type { HistoryItem } from '../domain/types.ts';
import type { Clock } from '../kernel/clock.ts';
import type { History, HistoryPage, HistoryQuery, Period } from '../ledger/ports/history.ts';
import type { Shard, ShardMap } from './shard.ts';

/** How long a history waits for the names of counterparties, ms. */
const NAMES_MS_MAX = 500;

type HistoryShard = Pick<Shard, 'history' | 'isDatabaseAway'>;

/** The histories of several shards: each account has its history in its own shard. */
export class ShardedHistory implements History {
  readonly #shards: ShardMap<HistoryShard>;
  readonly #clock: Clock;

  constructor(deps: { shards: ShardMap<HistoryShard>; clock: Clock }) {
    this.#shards = deps.shards;
    this.#clock = deps.clock;
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

  /**
   * Omits names that a shard does not return in time: a history must not depend on the shards of its counterparties.
   */
  async names(accountIds: readonly string[]): Promise<Map<string, string>> {
    const named = await this.#shards.inEach(
      accountIds,
      (accountId) => accountId,
      async ({ history, isDatabaseAway }, own) => {
        const none = new Map<string, string>();
        const read = isDatabaseAway() ? none : history.names(own).catch(() => none);
        const names = await Promise.race([read, this.#clock.sleep(NAMES_MS_MAX).then(() => none)]);
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
