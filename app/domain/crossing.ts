import type { Leg, LegName, LegVerdict } from './leg-types.ts';
import { Problem, type Refusal } from './problem.ts';
import type { Posted, TransferOrder } from './types.ts';

export type LegOrder = TransferOrder & { leg: Leg };
export const isLeg = (order: TransferOrder): order is LegOrder => order.leg !== undefined;

const MARK = '~';
/** The longest id of a leg: the 64 characters of a client's id, and `~returns`. */
export const LEG_ID_LENGTH_MAX = 80;

/** The id of a leg. @param sourceShard the shard of the source account */
export function legIdOf(transactionId: string, name: LegName, sourceShard: number): string {
  if (name === 'out') return transactionId;
  return `${transactionId}${MARK}${name === 'in' ? sourceShard : name}`;
}

/** The client's transaction id, taken from the id of a leg; any other id is returned unchanged. */
export function transactionIdOf(legId: string): string {
  const end = legId.indexOf(MARK);
  return end < 0 ? legId : legId.slice(0, end);
}

/** Accounts that Holdfast opens for itself. They belong to the shard that opened them, and clients cannot name them. */
export const isInnerAccount = (accountId: string): boolean => accountId.startsWith(MARK);
export const transitAccount = (currency: string, stripe: number): string => `~transit:${currency}:${stripe}`;
export const returnsAccount = (currency: string): string => `~returns:${currency}`;
/**
 * The account that is debited for money that arrived in other shards, if the debit of its source was lost when a
 * database was restored from a backup.
 */
export const lossAccount = (currency: string): string => `~loss:${currency}`;

/** The id of an attempt to pay out what a transfer left on the account of returns. An attempt that was refused stays refused. */
export const payoutIdOf = (transactionId: string, attempt: number): string => `${transactionId}${PAYOUT}${attempt}`;
export const isPayoutId = (id: string): boolean => id.includes(PAYOUT);
const PAYOUT = `${MARK}paid:`;

/** The transfer as the client sent it; an order that is not a leg is returned unchanged. */
export function clientOrderOf(order: TransferOrder): TransferOrder {
  if (!isLeg(order)) return order;
  const { leg, ...rest } = order;
  const { source, destination } = leg;
  return { ...rest, transactionId: transactionIdOf(order.transactionId), source, destination };
}

/**
 * `out` of a transfer whose debit was lost with a database: to clients it is the same transfer, but it debits the
 * account of losses, which never refuses. @param refusal why the destination refused the transfer, if it did
 */
export function lostOutOrder(
  order: TransferOrder,
  legs: { transit: string; toShard: number; refusal: LegVerdict | null },
): LegOrder {
  return { ...outOrder(order, legs), source: lossAccount(order.currency) };
}

/** @param order as the client sent it @param refusal why the destination refuses it, if it does */
export function outOrder(
  order: TransferOrder,
  { transit, toShard, refusal }: { transit: string; toShard: number; refusal: LegVerdict | null },
): LegOrder {
  const { source, destination } = order;
  const leg: Leg = { name: 'out', source, destination, otherShard: toShard, ...(refusal && { refusal }) };
  return { ...order, destination: transit, leg };
}

/**
 * The legs after `out` are derived from the order of `out` alone, so that every process sends them with the same content.
 * @param crossing the order of `out`; for a dry run, the order of the client
 */
export function inOrder(
  crossing: TransferOrder,
  { transit, fromShard }: { transit: string; fromShard: number },
): LegOrder {
  const order = clientOrderOf(crossing);
  const { source, destination } = order;
  return {
    ...order,
    transactionId: legIdOf(order.transactionId, 'in', fromShard),
    source: transit,
    leg: { name: 'in', source, destination, otherShard: fromShard },
  };
}

export function backOrder(out: Posted, { transit, toShard }: { transit: string; toShard: number }): LegOrder {
  const order = clientOrderOf(out.order);
  const { source, destination } = order;
  const isCounted = out.counted === 1 || out.counted === 3;
  return {
    ...order,
    transactionId: legIdOf(order.transactionId, 'back', 0),
    source: transit,
    destination: source,
    leg: {
      name: 'back',
      source,
      destination,
      otherShard: toShard,
      ...(isCounted && { counted: { at: out.acceptedAt } }),
    },
  };
}

export function returnsOrder(out: Posted, { transit, toShard }: { transit: string; toShard: number }): LegOrder {
  const order = clientOrderOf(out.order);
  const { source, destination, currency } = order;
  return {
    ...order,
    transactionId: legIdOf(order.transactionId, 'returns', 0),
    source: transit,
    destination: returnsAccount(currency),
    leg: { name: 'returns', source, destination, otherShard: toShard },
  };
}

/** A crossing whose `out` is posted, but which has no outcome at its destination yet. */
export class TransferPending extends Problem {
  readonly order: TransferOrder;
  readonly acceptedAt: number;
  /** @param out the outcome of its first leg */
  constructor(out: Pick<Posted, 'order' | 'acceptedAt'>) {
    const order = clientOrderOf(out.order);
    const { transactionId } = order;
    super('transfer_pending', `transfer ${transactionId} is in progress: it has not reached ${order.destination} yet`, {
      transactionId,
    });
    this.order = order;
    this.acceptedAt = out.acceptedAt;
  }
}

/** The order in which the rules check a transfer, so that a crossing is refused like a transfer inside a shard. */
export const REFUSAL_ORDER = [
  'currency_mismatch',
  'account_closed',
  'account_frozen',
  'account_suspended',
  'insufficient_funds',
  'balance_out_of_range',
  'limit_exceeded',
] as const satisfies readonly Refusal[];

/**
 * The verdict that is reported, given the verdicts of both ends: the source's if both refuse for the same reason. Null
 * if both allow the transfer.
 */
export function firstVerdict(source: LegVerdict | null, destination: LegVerdict | null): LegVerdict | null {
  if (!source || !destination) return source ?? destination;
  return rank(destination) < rank(source) ? destination : source;
}
const rank = ({ refusal }: LegVerdict): number => (REFUSAL_ORDER as readonly Refusal[]).indexOf(refusal);
