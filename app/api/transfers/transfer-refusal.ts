import { holdRefusalDetail } from '../../domain/hold-refusals.ts';
import type { Identity } from '../../domain/identity.ts';
import type { LimitRefusal } from '../../domain/limits.ts';
import { formatAmount } from '../../domain/money.ts';
import { Problem, type Refusal, type TransferRefusal, transferRefusal } from '../../domain/problem.ts';
import type { Rejected, TransferOrder } from '../../domain/types.ts';

/**
 * The problem of a refused transfer. It is the same for a new refusal and for its replay, because they are one outcome.
 */
export function refusalProblem(
  { order, refusal, limit }: Pick<Rejected, 'order' | 'refusal' | 'limit'>,
  identity: Identity,
): Problem {
  const { transactionId, capture } = order;
  const extras = { transactionId, ...(capture && { holdId: capture.holdId }), ...limitFigures(limit, order, identity) };
  return new Problem(refusal, refusalDetail(order, refusal), extras);
}

/** Which limit refused a transfer, for callers who may read the balance. */
export function limitFigures(
  refused: LimitRefusal | undefined,
  { currency }: { currency: string },
  identity: Identity,
) {
  if (!refused || !identity.scopes.has('balances:read')) return {};
  const { limit, value, remaining } = refused;
  return { limit, value: formatAmount(value, currency), remaining: formatAmount(remaining, currency) };
}

export function refusalDetail(order: TransferOrder, refusal: Refusal): string {
  const { capture, source: account, destination, currency } = order;
  if (!capture) return REFUSAL_DETAILS[transferRefusal(refusal)](order);
  return holdRefusalDetail(refusal, { what: 'capture', holdId: capture.holdId, account, destination, currency });
}

/** The details contain no figures: permission to transfer from an account does not include reading its balance. */
const REFUSAL_DETAILS: Readonly<Record<TransferRefusal, (order: TransferOrder) => string>> = {
  currency_mismatch: (order) => `One of the accounts does not use ${order.currency}.`,
  insufficient_funds: (order) => `${order.source} has less available than ${amountOf(order)}.`,
  account_suspended: (order) => `${order.source} does not allow debits.`,
  account_frozen: (order) => `${order.source} or ${order.destination} is frozen.`,
  account_closed: (order) => `${order.source} or ${order.destination} is closed.`,
  balance_out_of_range: (order) => `${amountOf(order)} would take a balance beyond the exact range.`,
  limit_exceeded: (order) => `${amountOf(order)} would exceed a limit of ${order.source} or ${order.destination}.`,
};

function amountOf({ amount, currency }: TransferOrder): string {
  return `${formatAmount(amount, currency)} ${currency}`;
}
