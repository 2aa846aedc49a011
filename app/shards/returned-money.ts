import { legIdOf, payoutIdOf, returnsAccount } from '../domain/crossing.ts';
import { Problem } from '../domain/problem.ts';
import type { HistoryItem, Posted } from '../domain/types.ts';
import type {
  ReturnedMoney,
  ReturnedMoneyPage,
  ReturnedMoneyPosition,
  ReturnedMoneyQuery,
  ReturnedTransfer,
} from '../ledger/ports/returned-money.ts';
import { payOutIn } from './payout.ts';
import type { NumberedShard, Shard, ShardMap } from './shard.ts';

/** Maximum number of pages of history that one request reads. A page without unpaid money is read quickly. */
const PAGES_MAX = 10;

type Returns = Pick<Shard, 'ledger' | 'books' | 'history' | 'database' | 'returns'>;

/** The money on the accounts of returns of all shards. */
export class ShardedReturnedMoney implements ReturnedMoney {
  readonly payOut: ReturnedMoney['payOut'];
  readonly #shards: ShardMap<Returns>;

  constructor(shards: ShardMap<Returns>) {
    this.#shards = shards;
    this.payOut = payOutIn(shards);
  }

  async list({ shard, unpaid, limit, position }: ReturnedMoneyQuery): Promise<ReturnedMoneyPage> {
    const balances = await this.#balances(shard);
    const accounts = balances
      .filter(({ amount }) => !unpaid || amount !== 0)
      .sort((one, other) => compare(one, other))
      .filter((account) => !position || compare(account, position) >= 0);
    const items: ReturnedTransfer[] = [];
    let pages = 0;
    for (const account of accounts) {
      let version: number | null = position && compare(account, position) === 0 ? position.version : 0;
      while (version !== null) {
        const next = { shard: account.shard, currency: account.currency, version };
        if (items.length === limit || pages === PAGES_MAX) return { balances, items, next };
        pages += 1;
        const page = await this.#page(next, limit - items.length);
        items.push(...page.items.filter(({ payout }) => !unpaid || payout === null));
        version = page.next;
      }
    }
    return { balances, items, next: null };
  }

  async #balances(shard: number | undefined): Promise<ReturnedMoneyPage['balances']> {
    const { all } = this.#shards;
    if (shard !== undefined && shard >= all.length)
      throw new Problem('validation_failed', `\`shard\` must be a number from 0 to ${all.length - 1}.`, {
        errors: [{ pointer: '/shard', detail: `must be a number from 0 to ${all.length - 1}` }],
      });
    const listed = shard === undefined ? all : [this.#shards.at(shard)];
    const found = await Promise.all(
      listed.map(async ({ returns, number }) =>
        (await returns()).map(({ currency, minorUnits }) => ({ shard: number, currency, amount: minorUnits })),
      ),
    );
    return found.flat();
  }

  async #page({ shard, currency, version }: ReturnedMoneyPosition, limit: number) {
    const own = this.#shards.at(shard);
    const { items, next } = await own.history.page({
      accountId: returnsAccount(currency),
      position: version,
      toward: 'newer',
      limit,
      holds: false,
      filter: { direction: 'credit' },
    });
    return { items: await returnedTransfers(own, items), next };
  }
}

/** The returned transfers behind these items of an account of returns, with their payouts. */
async function returnedTransfers(
  { database, number: shard }: NumberedShard<Pick<Returns, 'database'>>,
  history: readonly HistoryItem[],
): Promise<ReturnedTransfer[]> {
  const ids = history.flatMap((item) => ('leg' in item && item.leg === 'returns' ? [item.transactionId] : []));
  if (ids.length === 0) return [];
  const legIdOfTransfer = (id: string) => legIdOf(id, 'returns', shard);
  const { outcomes } = await database.findOutcomes(ids.map(legIdOfTransfer));
  const payouts = await payoutsOf(database, ids);
  return ids.flatMap((transactionId): ReturnedTransfer[] => {
    const returned = outcomes.get(legIdOfTransfer(transactionId));
    if (returned?.status !== 'POSTED' || !returned.order.leg) return [];
    const { amount, currency, leg } = returned.order;
    const { source, destination } = leg;
    const common = { shard, transactionId, source, destination, amount, currency, returnedAt: returned.acceptedAt };
    const paid = payouts.get(transactionId);
    if (!paid) return [{ ...common, payout: null }];
    const { order, acceptedAt: paidAt } = paid;
    const reason = order.metadata?.['reason'] ?? '';
    return [{ ...common, payout: { destination: order.destination, reason, user: order.user, paidAt } }];
  });
}

/** The payouts of these transfers: for each, the first attempt that was not refused. */
async function payoutsOf(
  database: Returns['database'],
  transactionIds: readonly string[],
): Promise<Map<string, Posted>> {
  const payouts = new Map<string, Posted>();
  let open = [...transactionIds];
  for (let attempt = 0; open.length > 0; attempt++) {
    const { outcomes } = await database.findOutcomes(open.map((id) => payoutIdOf(id, attempt)));
    open = open.filter((id) => {
      const outcome = outcomes.get(payoutIdOf(id, attempt));
      if (outcome?.status === 'POSTED') payouts.set(id, outcome);
      return outcome?.status === 'REJECTED';
    });
  }
  return payouts;
}

function compare(
  one: Pick<ReturnedMoneyPosition, 'shard' | 'currency'>,
  other: Pick<ReturnedMoneyPosition, 'shard' | 'currency'>,
): number {
  if (one.shard !== other.shard) return one.shard - other.shard;
  if (one.currency === other.currency) return 0;
  return one.currency < other.currency ? -1 : 1;
}

/** With one shard, no transfer is ever returned. */
export const NO_RETURNED_MONEY: ReturnedMoney = {
  list: async () => ({ balances: [], items: [], next: null }),
  async payOut({ transactionId }) {
    throw new Problem('transfer_not_found', `transfer ${transactionId} was not returned: this ledger has one shard`);
  },
};
