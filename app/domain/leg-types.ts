import type { LimitRefusal } from './limits.ts';
import type { Refusal } from './problem.ts';

/**
 * A crossing is a transfer between two shards: a chain of transfers, its legs, each of which stays inside one shard. T
 * is the transfer's id, s the shard of the source and d that of the destination.
 *
 *   leg      shard  id           moves                            may be refused
 *   out      s      T            source → transit account         by the rules, or with the refusal of the destination
 *   in       d      T~<s>        transit account → destination    by the rules
 *   back     s      T~back       transit account → source         only if the source is closed or leaves the exact
 *   range
 *   returns  s      T~returns    transit account → ~returns       only if it leaves the exact range
 *
 * Clients cannot send ids that contain `~`.
 */
export const LEGS = ['out', 'in', 'back', 'returns'] as const;
export type LegName = (typeof LEGS)[number];

/**
 * The additional fields of a transfer that is a leg of a crossing. The accounts of the order itself are those between
 * which the leg moves money, in its shard.
 */
export interface Leg {
  name: LegName;
  /** The accounts that the client named. They, and not those of the order, are the content that is compared. */
  source: string;
  destination: string;
  /** The shard at the other end of the crossing: for `in` that of the source, for the other legs that of the destination. */
  otherShard: number;
  /**
   * Only for `out`: why the destination refuses the transfer. The leg is then refused for this reason, or for a reason of the
   * source that the rules check earlier.
   */
  refusal?: LegVerdict;
  /** Only for `back`: when `out` was accepted, ms since 1970; absent if no limit of the source counted it. */
  counted?: { at: number };
}

/** Why the destination's shard refuses a transfer: a `Verdict` of the rules. */
export interface LegVerdict {
  refusal: Refusal;
  /** Present for `limit_exceeded`. */
  limit?: LimitRefusal;
}
