import type { HoldChange, HoldOrder } from '../domain/holds.ts';
import { Problem } from '../domain/problem.ts';
import type { Durability, Outcome } from '../domain/types.ts';
import { accountsOfItem, type HoldItem } from '../journal/hold-codec.ts';
import type {
  CaptureOrder,
  HoldFacts,
  HoldPreview,
  HoldRequest,
  HoldResult,
  Holds,
  HoldView,
  Placing,
} from '../ledger/ports/holds.ts';
import type { LookUpBy, WindowsAt } from '../ledger/ports/ledger.ts';
import type { NumberedShard, ShardMap } from './shard.ts';
import type { ShardSearch } from './shard-search.ts';

type HoldShard = { holds: Holds };

/**
 * The holds of several shards. A hold is in the shard of its account. The destination of its captures must be in the same
 * shard, because a capture is decided together with its hold.
 */
export class ShardedHolds implements Holds {
  readonly #shards: ShardMap<HoldShard>;
  readonly #search: ShardSearch<HoldShard>;

  constructor(deps: { shards: ShardMap<HoldShard>; search: ShardSearch<HoldShard> }) {
    this.#shards = deps.shards;
    this.#search = deps.search;
  }

  requireActive(accountId: string): void {
    this.#shards.of(accountId).holds.requireActive(accountId);
  }

  /**
   * The shard of a hold is not cached: another shard may have got a hold with this id in the meantime, and the wrong
   * money would move.
   */
  factsOf(holdId: string, by: LookUpBy = {}): Promise<HoldFacts> {
    return this.#find(holdId, by, ({ holds }, held) => holds.factsOf(holdId, { held }));
  }

  async place(order: HoldOrder, durability: Durability): Promise<Placing> {
    return this.#ofAll(accountsOfItem({ op: 'place', order })).holds.place(order, durability);
  }

  async capture(order: CaptureOrder, durability: Durability): Promise<Outcome | Problem> {
    const shard = this.#shards.ofAll([order.source, order.destination]);
    return shard ? shard.holds.capture(order, durability) : spansShards(order.capture.holdId);
  }

  change(wanted: HoldChange, request: HoldRequest, durability: Durability): Promise<HoldResult> {
    return this.#shards.of(request.account).holds.change(wanted, request, durability);
  }

  void(request: HoldRequest, durability: Durability): Promise<HoldResult> {
    return this.#shards.of(request.account).holds.void(request, durability);
  }

  expire(request: HoldRequest): Promise<boolean | Problem> {
    return this.#shards.of(request.account).holds.expire(request);
  }

  hold(holdId: string, by: LookUpBy = {}): Promise<HoldView> {
    return this.#find(holdId, by, ({ holds }, held) => holds.hold(holdId, { held }));
  }

  async preview(item: HoldItem, windows: WindowsAt): Promise<HoldPreview> {
    return this.#ofAll(accountsOfItem(item)).holds.preview(item, windows);
  }

  #find<A>(holdId: string, by: LookUpBy, ask: (shard: HoldShard, held?: boolean) => Promise<A>): Promise<A> {
    const detail = `several shards have a hold with the id ${holdId}: add the account of the hold to the query`;
    return this.#search.find(by, ask, {
      absent: 'hold_not_found',
      ambiguous: () => new Problem('hold_id_ambiguous', detail, { holdId }),
    });
  }

  #ofAll(accountIds: readonly string[]): NumberedShard<HoldShard> {
    const shard = this.#shards.ofAll(accountIds);
    if (!shard) throw spansShards();
    return shard;
  }
}

const spansShards = (holdId?: string): Problem =>
  new Problem(
    'hold_spans_shards',
    'The account of the hold and the destination of its captures are in different shards. Capture to an account whose id ends in the same @…, and transfer from there.',
    { ...(holdId !== undefined && { holdId }) },
  );
