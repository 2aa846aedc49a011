import type { CrossingClosing } from '../ledger/ports/crossings.ts';
import type {
  AccountQuery,
  FoundAccount,
  FoundPage,
  FoundTransfer,
  Order,
  Search,
  TransferPlace,
  TransferQuery,
} from '../ledger/ports/search.ts';
import { postedOutcome, refusedOutcome, returnedOutcome } from './crossing-outcome.ts';
import type { NumberedShard, Shard, ShardMap } from './shard.ts';

type SearchShard = Pick<Shard, 'crossings'> & { search: Search };

/**
 * Searches all shards at the same time, and merges their pages. Each page is complete up to the place where the next one of its
 * shard begins, so the merged list is complete up to the nearest of these places.
 */
export class ShardedSearch implements Search {
  readonly #shards: ShardMap<SearchShard>;

  constructor(shards: ShardMap<SearchShard>) {
    this.#shards = shards;
  }

  async transfers(query: TransferQuery): Promise<FoundPage<FoundTransfer, TransferPlace>> {
    const pages = await Promise.all(
      this.#shards.all.map(async (shard) => {
        const page = await shard.search.transfers(query);
        return { ...page, items: await asClientsSee(shard, page.items) };
      }),
    );
    return merged(pages, { ...query, placeOf: ({ place }) => place, compare: comparePlaces });
  }

  async accounts(query: AccountQuery): Promise<FoundPage<FoundAccount, string>> {
    const pages = await Promise.all(this.#shards.all.map(({ search }) => search.accounts(query)));
    return merged(pages, { ...query, placeOf: ({ accountId }) => accountId, compare: compareTexts });
  }
}

interface Merging<Item, Place> {
  order: Order;
  limit: number;
  placeOf(item: Item): Place;
  compare(one: Place, other: Place): number;
}

/** Exported for tests. */
export function merged<Item, Place>(
  pages: readonly FoundPage<Item, Place>[],
  { order, limit, placeOf, compare }: Merging<Item, Place>,
): FoundPage<Item, Place> {
  const sign = order === 'asc' ? 1 : -1;
  const inOrder = (one: Place, other: Place) => sign * compare(one, other);
  const [nearest = null] = pages.flatMap(({ next }) => (next === null ? [] : [next])).sort(inOrder);
  const items = pages
    .flatMap((page) => page.items)
    .filter((item) => nearest === null || inOrder(placeOf(item), nearest) <= 0)
    .sort((one, other) => inOrder(placeOf(one), placeOf(other)));
  const asOf = Math.min(...pages.map((page) => page.asOf));
  const last = items[limit - 1];
  if (last === undefined || items.length === limit) return { items, next: nearest, asOf };
  // Two shards may have transfers with the same id and time, so a page must not end between them.
  const end = items.findIndex((item) => inOrder(placeOf(item), placeOf(last)) > 0);
  if (end < 0) return { items, next: nearest, asOf };
  return { items: items.slice(0, end), next: placeOf(last), asOf };
}

const compareTexts = (one: string, other: string): number => (one === other ? 0 : one < other ? -1 : 1);
const comparePlaces = (one: TransferPlace, other: TransferPlace): number =>
  one.at - other.at || compareTexts(one.transactionId, other.transactionId);

/** The first leg of a transfer between shards shows its outcome only together with how the transfer was closed. */
async function asClientsSee({ crossings }: NumberedShard<SearchShard>, found: readonly FoundTransfer[]) {
  const ids = found.flatMap(({ outcome: { order, status } }) =>
    order.leg && status === 'POSTED' ? order.transactionId : [],
  );
  const closings = ids.length === 0 ? [] : await crossings.closed(ids);
  const byId = new Map(closings.map((closing) => [closing.transactionId, closing]));
  return found.map((item) => asClientSees(item, byId.get(item.outcome.order.transactionId)));
}

function asClientSees(item: FoundTransfer, closing: CrossingClosing | undefined): FoundTransfer {
  const { outcome } = item;
  if (!outcome.order.leg) return item;
  if (outcome.status === 'REJECTED') return { ...item, outcome: refusedOutcome(outcome) };
  if (!closing) return { ...item, state: 'pending' };
  if (closing.state === 'DONE') {
    const { balance, version } = closing;
    return {
      ...item,
      state: 'decided',
      outcome: postedOutcome(outcome, { balance, version, settingsVersion: 0 }, true),
    };
  }
  if (!closing.because) return { ...item, state: 'returned' };
  return { ...item, state: 'decided', outcome: returnedOutcome(outcome, closing.because) };
}
