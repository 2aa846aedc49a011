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
import type { WindowsAt } from '../ledger/ports/ledger.ts';
import { onlyAnswer } from './only-answer.ts';
import type { NumberedShard, ShardMap } from './shard.ts';

type HoldShard = { holds: Holds };

/**
 * The holds of several shards. A hold is in the shard of its account. The destination of its captures must be in the same
 * shard, because a capture is decided together with its hold.
 */
export class ShardedHolds implements Holds {
  readonly #shards: ShardMap<HoldShard>;

  constructor(shards: ShardMap<HoldShard>) {
    this.#shards = shards;
  }

  requireActive(): void {
    for (const { holds } of this.#shards.all) holds.requireActive();
  }

  /**
   * The shard of a hold is not cached: by now, another shard could have a hold under this id, and the wrong money would move.
   */
  factsOf(holdId: string): Promise<HoldFacts> {
    return this.#only(holdId, ({ holds }) => holds.factsOf(holdId));
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

  hold(holdId: string): Promise<HoldView> {
    return this.#only(holdId, ({ holds }) => holds.hold(holdId));
  }

  async preview(item: HoldItem, windows: WindowsAt): Promise<HoldPreview> {
    return this.#ofAll(accountsOfItem(item)).holds.preview(item, windows);
  }

  #only<A>(holdId: string, ask: (shard: HoldShard) => Promise<A>): Promise<A> {
    return onlyAnswer(this.#shards.all, ask, {
      absent: 'hold_not_found',
      ambiguous: () => new Problem('hold_id_ambiguous', `holds in several shards have the id ${holdId}`, { holdId }),
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
