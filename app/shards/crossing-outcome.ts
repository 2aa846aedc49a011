import { clientOrderOf, lossAccount } from '../domain/crossing.ts';
import type { LegVerdict } from '../domain/leg-types.ts';
import type { Outcome, Posted, Side } from '../domain/types.ts';

/** The outcome of a crossing as its client sees it, computed from the outcomes of its legs. */

/** @param out refused by the source, or with the refusal that the preview at the destination returned */
export const refusedOutcome = (out: Outcome): Outcome => ({ ...out, order: clientOrderOf(out.order) });

/** @param destination the account of the destination after `in` @param persisted whether MySQL has `in` */
export function postedOutcome(out: Posted, destination: Side, persisted: boolean): Outcome {
  const { order } = out;
  const source = order.source === lossAccount(order.currency) ? LOST_SIDE : out.source;
  return { ...out, order: clientOrderOf(order), source, destination, persisted: out.persisted && persisted };
}

/** The account of losses has paid, so the client's account has no posting for the debit. No posting has version 0. */
const LOST_SIDE: Side = { balance: 0, version: 0, settingsVersion: 0 };

/** For a transfer that the destination has refused after `out` was posted, once MySQL has that refusal. */
export function returnedOutcome(out: Posted, { refusal, limit }: LegVerdict): Outcome {
  const { acceptedAt, takenAt, epoch, seq, replayed, persisted } = out;
  const order = clientOrderOf(out.order);
  const common = { order, acceptedAt, takenAt, epoch, seq, replayed, persisted };
  return { ...common, status: 'REJECTED', refusal, ...(limit && { limit }) };
}
