import type { z } from 'zod';
import type { Identity } from '../../domain/identity.ts';
import { formatAmount } from '../../domain/money.ts';
import { Problem, type Refusal } from '../../domain/problem.ts';
import type { Durability, Outcome, Posted, Rejected, TransferOrder } from '../../domain/types.ts';
import { formatTimestamp } from '../schemas/timestamp.ts';
import type { Transfer, TransferRecord } from './transfer-schema.ts';

type TransferAnswer = z.input<typeof Transfer>;

/** The HTTP response for an outcome: 201, 200 if it already existed, or the problem of its refusal. */
export function outcomeAnswer(outcome: Outcome, durability: Durability, identity: Identity) {
  if (outcome.status === 'REJECTED') return refusalProblem(outcome);
  return { status: outcome.replayed ? 200 : 201, body: transferAnswer(outcome, durability, identity) };
}

function transferAnswer(outcome: Posted, durability: Durability, identity: Identity): TransferAnswer {
  const { order, source, destination } = outcome;
  const { currency } = order;
  const maySeeBalances = identity.scopes.has('balances:read');
  return {
    transactionId: order.transactionId,
    status: 'POSTED',
    sourceAccount: order.source,
    destinationAccount: order.destination,
    amount: formatAmount(order.amount, currency),
    currency,
    timestamp: formatTimestamp(order.timestamp ?? outcome.acceptedAt),
    acceptedAt: formatTimestamp(outcome.acceptedAt),
    // JSON omits undefined members.
    sourceBalance: maySeeBalances ? formatAmount(source.balance, currency) : undefined,
    sourceVersion: source.version,
    destinationBalance: maySeeBalances ? formatAmount(destination.balance, currency) : undefined,
    destinationVersion: destination.version,
    durability: outcome.persisted ? 'persisted' : durability,
    replayed: outcome.replayed,
  };
}

/** Everything known about a transfer, including refused ones. */
export function transferRecord(outcome: Outcome, identity: Identity): z.input<typeof TransferRecord> {
  const { order, persisted } = outcome;
  const { currency, kind, reference, metadata, reverses } = order;
  const more = { persisted, kind, reference, metadata, reverses };
  if (outcome.status === 'POSTED') return { ...transferAnswer(outcome, 'cache', identity), ...more };
  return {
    transactionId: order.transactionId,
    status: 'REJECTED',
    refusal: outcome.refusal,
    sourceAccount: order.source,
    destinationAccount: order.destination,
    amount: formatAmount(order.amount, currency),
    currency,
    timestamp: formatTimestamp(order.timestamp ?? outcome.acceptedAt),
    acceptedAt: formatTimestamp(outcome.acceptedAt),
    durability: persisted ? 'persisted' : 'cache',
    replayed: outcome.replayed,
    ...more,
  };
}

/** The same for a new refusal and for its replay: it is one outcome. */
function refusalProblem({ order, refusal }: Rejected): Problem {
  return new Problem(refusal, REFUSAL_DETAILS[refusal](order), { transactionId: order.transactionId });
}

/** Without figures: permission to transfer from an account does not include reading its balance. */
const REFUSAL_DETAILS: Readonly<Record<Refusal, (order: TransferOrder) => string>> = {
  currency_mismatch: (order) => `One of the accounts does not use ${order.currency}.`,
  insufficient_funds: (order) => `${order.source} has less available than ${amountOf(order)}.`,
  account_suspended: (order) => `${order.source} does not allow debits.`,
  account_frozen: (order) => `${order.source} or ${order.destination} is frozen.`,
  account_closed: (order) => `${order.source} or ${order.destination} is closed.`,
  balance_out_of_range: (order) => `${amountOf(order)} would take a balance beyond the exact range.`,
};

function amountOf({ amount, currency }: TransferOrder): string {
  return `${formatAmount(amount, currency)} ${currency}`;
}
