import { z } from 'zod';
import type { TransferPending } from '../../domain/crossing.ts';
import { holdRefusalDetail } from '../../domain/hold-refusals.ts';
import type { Identity } from '../../domain/identity.ts';
import { ID_AHEAD_MS_MAX, newUuidV7, RESERVED_ID_PREFIXES, uuidV7Time } from '../../domain/ids.ts';
import type { LimitRefusal } from '../../domain/limits.ts';
import { formatAmount } from '../../domain/money.ts';
import {
  type FieldError,
  HOLD_REFUSALS,
  Problem,
  type ProblemCode,
  REFUSALS,
  type Refusal,
  type TransferRefusal,
  transferRefusal,
} from '../../domain/problem.ts';
import type { Origin, Outcome, Posted, Rejected, TransferOrder } from '../../domain/types.ts';
import type { Call } from '../http/route.ts';
import { invalid, KEY_POINTER } from '../http/validation.ts';
import {
  AccountId,
  amountAt,
  Currency,
  DryRun,
  Durability,
  DurabilityInput,
  formatTimestamp,
  Id,
  Metadata,
  Money,
  MoneyInput,
  NewId,
  Reference,
  TIMESTAMP_AHEAD_MS_MAX,
  Timestamp,
  TimestampInput,
  TransferId,
  Version,
} from '../schemas/fields.ts';

export const TransactionId = NewId.refine(
  (id) => !RESERVED_ID_PREFIXES.some((prefix) => id.startsWith(prefix)),
  `must not begin with ${RESERVED_ID_PREFIXES.join(' or ')}, which are reserved`,
).meta({
  description:
    'The idempotency key: one id has one outcome, forever. Use a UUIDv7: any other id is looked up in MySQL first. If absent, the `Idempotency-Key` is used, or an id is generated.',
  example: '019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e90',
});

export const TransferRequest = z
  .strictObject({
    transactionId: TransactionId.nullish(),
    sourceAccount: AccountId,
    destinationAccount: AccountId,
    amount: MoneyInput,
    currency: Currency,
    timestamp: TimestampInput.nullish().meta({
      description: 'When the transfer happened, according to the client; at most 5 minutes ahead of our clock.',
    }),
    reference: Reference.nullish(),
    metadata: Metadata.nullish(),
    durability: DurabilityInput,
    dryRun: DryRun,
  })
  .meta({ id: 'TransferRequest' });
export type TransferRequest = z.output<typeof TransferRequest>;

export const TransferIdParams = z.object({ transactionId: TransferId });

export const SourceQuery = z.strictObject({
  sourceAccount: AccountId.optional().meta({
    example: 'world',
    description:
      'The source account of the transfer. With several shards, only the shard of this account is queried, so the answer is faster, and is unambiguous even if several shards have this id.',
  }),
});

export const ReversalRequest = z.strictObject({ durability: DurabilityInput }).meta({ id: 'ReversalRequest' });

const balances = 'Present only for callers with the scope `balances:read`.';

export const Transfer = z
  .object({
    transactionId: TransferId,
    status: z.literal('POSTED'),
    sourceAccount: AccountId,
    destinationAccount: AccountId,
    amount: Money,
    currency: Currency,
    timestamp: Timestamp.meta({
      description: "The client's own time, or the time of acceptance if the client sent none.",
    }),
    acceptedAt: Timestamp,
    sourceBalance: Money.optional().meta({ description: balances }),
    sourceVersion: Version.meta({
      description:
        'The version of the source after the transfer. 0, without `sourceBalance`: the debit was lost when a database was restored from a backup.',
    }),
    destinationBalance: Money.optional().meta({ description: balances }),
    destinationVersion: Version,
    durability: Durability.meta({ description: 'The durability reached: `persisted` means committed in MySQL.' }),
    replayed: z.boolean().meta({ description: 'True if this outcome already existed.' }),
  })
  .meta({ id: 'Transfer' });

export const TransferRecord = Transfer.extend({
  status: z.enum(['POSTED', 'REJECTED', 'PENDING']).meta({
    description:
      '`PENDING`, only with several shards: the amount has left the source, and its destination has not decided yet. It becomes `POSTED` or `REJECTED`.',
  }),
  sourceVersion: Version.optional(),
  destinationVersion: Version.optional(),
  refusal: z
    .enum([...REFUSALS, ...HOLD_REFUSALS])
    .optional()
    .meta({ description: 'Why it is `REJECTED`.' }),
  persisted: z.boolean().meta({ description: 'True once the outcome is in MySQL.' }),
  kind: z.enum(['transfer', 'reversal', 'capture']),
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.string()).nullable(),
  reverses: Id.nullable().meta({ description: 'The transfer that this reversal reverses.' }),
  groupId: Id.nullable().meta({ description: 'The group, or split, that this transfer is part of.' }),
  holdId: Id.nullable().meta({ description: 'The hold that this transfer captures.' }),
}).meta({ id: 'TransferRecord' });

/** The answer to a dry run: nothing was changed. */
export const TransferPreview = Transfer.omit({ acceptedAt: true, timestamp: true, durability: true, replayed: true })
  .extend({
    dryRun: z.literal(true),
    transactionId: TransferId.optional().meta({ description: 'Present only if the request contains one.' }),
  })
  .meta({ id: 'TransferPreview', description: 'What the transfer would do now.' });

/**
 * Converts a valid request to an order.
 * @param key the id from its Idempotency-Key, used if the request has no id
 * @throws Problem validation_failed for rules that involve more than one field
 */
export function orderOf(
  request: Omit<TransferRequest, 'dryRun'>,
  { user, correlationId }: Origin,
  nowMs: number,
  key: string | null = null,
): TransferOrder {
  const { sourceAccount, destinationAccount, currency } = request;
  const { timestamp = null, reference = null, metadata = null } = request;
  const transactionId = request.transactionId ?? key ?? newUuidV7(nowMs);
  const errors: FieldError[] = [];
  const amount = amountAt('/amount', request.amount, currency, errors);
  if (amount === 0 && errors.length === 0) errors.push({ pointer: '/amount', detail: 'must be more than zero' });
  if (sourceAccount === destinationAccount) {
    errors.push({ pointer: '/destinationAccount', detail: 'must differ from the source account' });
  }
  if (timestamp !== null && timestamp > nowMs + TIMESTAMP_AHEAD_MS_MAX) {
    errors.push({ pointer: '/timestamp', detail: 'is more than 5 minutes ahead of our clock' });
  }
  const idTime = uuidV7Time(transactionId);
  if (idTime !== null && idTime > nowMs + ID_AHEAD_MS_MAX) {
    const pointer = transactionId === key ? KEY_POINTER : '/transactionId';
    errors.push({ pointer, detail: "is a UUIDv7 more than 60 seconds ahead of the ledger's clock" });
  }
  if (errors.length > 0) throw invalid(errors);
  return {
    kind: 'transfer',
    transactionId,
    source: sourceAccount,
    destination: destinationAccount,
    amount,
    currency,
    timestamp,
    reference,
    metadata,
    reverses: null,
    user,
    correlationId,
  };
}

type TransferAnswer = z.input<typeof Transfer>;

/** The HTTP response for an outcome: 201, 200 if it already existed, or the problem of its refusal. */
export function outcomeAnswer(outcome: Outcome, durability: z.output<typeof Durability>, identity: Identity) {
  if (outcome.status === 'REJECTED') return refusalProblem(outcome, identity);
  return { status: outcome.replayed ? 200 : 201, body: transferAnswer(outcome, durability, identity) };
}

export function transferAnswer(
  outcome: Posted,
  durability: z.output<typeof Durability>,
  identity: Identity,
): TransferAnswer {
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
    sourceBalance: maySeeBalances && source.version > 0 ? formatAmount(source.balance, currency) : undefined,
    sourceVersion: source.version,
    destinationBalance: maySeeBalances ? formatAmount(destination.balance, currency) : undefined,
    destinationVersion: destination.version,
    durability: outcome.persisted ? 'persisted' : durability,
    replayed: outcome.replayed,
  };
}

/** The response to a dry run. @param id null if the request has none */
export function previewAnswer(
  order: TransferOrder,
  { source, destination }: Pick<Posted, 'source' | 'destination'>,
  id: string | null,
  identity: Identity,
): z.input<typeof TransferPreview> {
  const { currency } = order;
  const maySeeBalances = identity.scopes.has('balances:read');
  return {
    dryRun: true,
    ...(id !== null && { transactionId: id }),
    status: 'POSTED',
    sourceAccount: order.source,
    destinationAccount: order.destination,
    amount: formatAmount(order.amount, currency),
    currency,
    sourceBalance: maySeeBalances ? formatAmount(source.balance, currency) : undefined,
    sourceVersion: source.version,
    destinationBalance: maySeeBalances ? formatAmount(destination.balance, currency) : undefined,
    destinationVersion: destination.version,
  };
}

/** Everything known about a transfer, including refused ones. */
export function transferRecord(outcome: Outcome, identity: Identity): z.input<typeof TransferRecord> {
  const { order, persisted } = outcome;
  const { currency, kind, reference, metadata, reverses, groupId = null } = order;
  const holdId = order.capture?.holdId ?? null;
  const more = { persisted, kind, reference, metadata, reverses, groupId, holdId };
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

/** A transfer between two shards that has no outcome yet. */
export function pendingRecord({ order, acceptedAt }: TransferPending): z.input<typeof TransferRecord> {
  const { transactionId, source, destination, amount, currency, timestamp } = order;
  const { kind, reference, metadata, reverses } = order;
  return {
    transactionId,
    status: 'PENDING',
    sourceAccount: source,
    destinationAccount: destination,
    amount: formatAmount(amount, currency),
    currency,
    timestamp: formatTimestamp(timestamp ?? acceptedAt),
    acceptedAt: formatTimestamp(acceptedAt),
    durability: 'cache',
    replayed: true,
    persisted: false,
    kind,
    reference,
    metadata,
    reverses,
    groupId: null,
    holdId: null,
  };
}

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

/** Why any change to the ledger may have to wait. */
export const WAITING_PROBLEMS: readonly ProblemCode[] = [
  'ledger_switching',
  'ledger_closed',
  'ledger_stopped',
  'clock_unsure',
  'calendar_unavailable',
  'account_unsettled',
  'backlog_full',
  'database_unavailable',
  'outcome_unknown',
];
/** Problems that any transfer can return. */
export const LEDGER_PROBLEMS: readonly ProblemCode[] = [
  'account_not_found',
  ...REFUSALS,
  'transit_unavailable',
  ...WAITING_PROBLEMS,
];

export function originOf({ identity, correlationId }: Call): Origin {
  return { user: identity.user, correlationId };
}
