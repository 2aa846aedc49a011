import { isLeg } from '../domain/crossing.ts';
import type { Outcome } from '../domain/types.ts';
import type { CrossingClosing } from '../ledger/ports/crossings.ts';
import { type CrossingFacts, nextStep } from './crossing-decision.ts';

/**
 * Plans the repair of transfers between another shard and a shard that was restored from a backup, and has therefore
 * lost legs. Only the contents of MySQL in both shards count, because nothing else is left. Pure functions.
 */

/** The plan for a transfer toward the restored shard. */
export interface RowPlan {
  /** The row is closed, but its end is lost: it has to be opened again, so that a courier takes the next step. */
  reopens: boolean;
  /** `in` will be sent, so its destination has to exist. */
  awaitsDelivery: boolean;
  /**
   * `in` was refused (otherwise `back` would not have been sent), but the refusal is lost. It has to be written again.
   * Otherwise the id of `in` would be free, and the reason why the money was returned would be unknown.
   */
  lacksRefusal: boolean;
  /** The legs contradict each other, so nothing can be done. */
  contradiction: string | null;
}

/**
 * Applies `nextStep` to the legs that are left. If they lead to a different end from the one with which the row was
 * closed, or to no end, the row is opened again.
 * @param row the state of the row @param facts the legs in MySQL of both shards
 */
export function planOfRow(row: 'OPEN' | CrossingClosing['state'], facts: CrossingFacts): RowPlan {
  const plan: RowPlan = { reopens: false, awaitsDelivery: false, lacksRefusal: false, contradiction: null };
  if (facts.out !== 'posted-persisted') return { ...plan, contradiction: 'has a row, but no posted leg `out`' };
  const lacksRefusal = facts.in === 'absent' && facts.back !== 'absent';
  const step = nextStep(lacksRefusal ? { ...facts, in: 'refused-persisted' } : facts);
  if (step.do === 'end' && step.end === 'conflict') return { ...plan, contradiction: 'was paid and returned' };
  const end = step.do === 'end' && step.isFinal ? step.end : null;
  const state = end === 'done' ? 'DONE' : end === null ? 'OPEN' : 'RETURNED';
  const awaitsDelivery = step.do === 'send' && step.leg === 'in';
  return { ...plan, lacksRefusal, awaitsDelivery, reopens: row !== 'OPEN' && row !== state };
}

/**
 * The plan for a leg `in` in another shard, whose `out` should be in the restored shard.
 *
 * - `keep`: both legs exist
 * - `pay`: `out` is lost, and has to be written again. Its account may have spent the money since the backup, or may not exist,
 *   so the account of losses pays
 * - `refuse`: `out` is lost, and its money came back. It has to be written again as refused. Otherwise a client could
 *   use the id for another transfer, which could never arrive, because the id of `in` is taken
 */
export type ArrivalPlan = 'keep' | 'pay' | 'refuse' | 'contradiction';

export function planOfArrival(into: Outcome, out: Outcome | null): ArrivalPlan {
  if (!out) return into.status === 'POSTED' ? 'pay' : 'refuse';
  const hasLeft = out.status === 'POSTED' && isLeg(out.order) && out.order.leg.name === 'out';
  return hasLeft || into.status === 'REJECTED' ? 'keep' : 'contradiction';
}
