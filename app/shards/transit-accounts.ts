import { returnsAccount, transitAccount } from '../domain/crossing.ts';
import { TransitUnavailable } from '../domain/leg-rules.ts';
import { Problem } from '../domain/problem.ts';
import type { Clock } from '../kernel/clock.ts';
import type { AccountOpening, Books } from '../ledger/ports/ledger.ts';
import type { ShardMap } from './shard.ts';

/** Number of transit accounts that are opened together: the crossings of one currency are spread over them. */
const STRIPES_STEP = 16;
const STRIPES_MAX = 1024;
/** Time for which a transit account that could not be used is not tried again, ms. */
const AVOID_MS = 5_000;
const OPENED_BY = 'holdfast';

interface Stripes {
  /** The number of transit accounts that are known to have been opened; they are numbered from 0. */
  opened: number;
  /** When each account that could not be used may be tried again, on the monotonic clock, ms. */
  avoided: Map<string, number>;
  opening: Promise<void> | null;
}

/** Chooses a transit account for each leg, and opens the inner accounts of the shards before their first use. */
export class TransitAccounts {
  readonly #shards: ShardMap<{ books: Pick<Books, 'openAccounts'> }>;
  readonly #clock: Clock;
  readonly #stripes = new Map<string, Stripes>();
  readonly #returns = new Set<string>();

  constructor(deps: { shards: ShardMap<{ books: Pick<Books, 'openAccounts'> }>; clock: Clock }) {
    this.#shards = deps.shards;
    this.#clock = deps.clock;
  }

  /** A transit account that is probably usable. @throws Problem transit_unavailable, database_unavailable */
  async pick(shard: number, currency: string): Promise<string> {
    const stripes = this.#of(shard, currency);
    for (;;) {
      const usable = this.#usable(stripes, currency);
      const picked = usable[Math.min(usable.length - 1, Math.floor(this.#clock.random() * usable.length))];
      if (picked !== undefined) return picked;
      if (stripes.opened >= STRIPES_MAX) throw allBusy(shard, currency);
      await this.#openMore(stripes, shard, currency);
    }
  }

  /**
   * Stops using an account for a while, because it waits for a journal or is full. A missing account is opened again.
   * @param why the answer to its last use
   */
  async avoid(shard: number, currency: string, accountId: string, why: Problem): Promise<void> {
    const { avoided } = this.#of(shard, currency);
    avoided.set(accountId, this.#clock.monotonic() + AVOID_MS);
    this.#returns.delete(`${shard} ${currency}`);
    if (why instanceof TransitUnavailable && why.reason !== 'missing') return;
    const [opening] = await this.#open(shard, currency, [accountId]);
    if (opening?.created) avoided.delete(accountId);
  }

  /** The account that keeps money that no other account can take. @throws Problem database_unavailable */
  async forReturns(shard: number, currency: string): Promise<string> {
    const accountId = returnsAccount(currency);
    if (this.#returns.has(`${shard} ${currency}`)) return accountId;
    await this.#open(shard, currency, [accountId]);
    this.#returns.add(`${shard} ${currency}`);
    return accountId;
  }

  #usable({ opened, avoided }: Stripes, currency: string): string[] {
    const now = this.#clock.monotonic();
    for (const [accountId, until] of avoided) if (until <= now) avoided.delete(accountId);
    const all = Array.from({ length: opened }, (_, stripe) => transitAccount(currency, stripe));
    return avoided.size === 0 ? all : all.filter((accountId) => !avoided.has(accountId));
  }

  #openMore(stripes: Stripes, shard: number, currency: string): Promise<void> {
    const { opened } = stripes;
    const more = Array.from({ length: STRIPES_STEP }, (_, index) => transitAccount(currency, opened + index));
    stripes.opening ??= this.#open(shard, currency, more)
      .then(() => {
        stripes.opened = opened + STRIPES_STEP;
      })
      .finally(() => {
        stripes.opening = null;
      });
    return stripes.opening;
  }

  async #open(shard: number, currency: string, accountIds: readonly string[]): Promise<AccountOpening[]> {
    const accounts = accountIds.map((accountId) => ({
      accountId,
      currency,
      overdraftLimit: 0,
      name: null,
      external: true,
      limits: null,
    }));
    const opened = await this.#shards.at(shard).books.openAccounts(accounts, OPENED_BY);
    return opened.map((answer) => {
      if (answer instanceof Problem) throw answer;
      return answer;
    });
  }

  #of(shard: number, currency: string): Stripes {
    const key = `${shard} ${currency}`;
    const stripes = this.#stripes.get(key) ?? { opened: 0, avoided: new Map(), opening: null };
    this.#stripes.set(key, stripes);
    return stripes;
  }
}

const allBusy = (shard: number, currency: string): Problem =>
  new Problem('transit_unavailable', `shard ${shard} has no transit account in ${currency} that can be used now`);
