import { z } from 'zod';
import type { Identity } from '../../domain/identity.ts';
import { ID_AHEAD_MS_MAX, newUuidV7, RESERVED_ID_PREFIXES, uuidV7Time } from '../../domain/ids.ts';
import { formatAmount } from '../../domain/money.ts';
import { type FieldError, Problem, type ProblemCode, REFUSALS } from '../../domain/problem.ts';
import type { Origin, Outcome, Posted, TransferOrder } from '../../domain/types.ts';
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
import { refusalProblem } from './transfer-refusal.ts';

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

export const accountsOf = ({ source, destination }: Pick<TransferOrder, 'source' | 'destination'>): string[] => [
  source,
  destination,
];

/**
 * Returns the outcome of a call for one transfer. A problem gets the id of the transfer: without it, the client could not
 * look up a transfer whose id was generated here.
 * @throws Problem if that is the result
 */
export function singleOutcome(results: readonly (Outcome | Problem | undefined)[], transactionId: string): Outcome {
  const [result] = results;
  if (result === undefined || results.length !== 1) throw new Error(`expected one outcome, but got ${results.length}`);
  if (!(result instanceof Problem)) return result;
  if (result.extras.transactionId !== undefined) throw result;
  throw new Problem(result.code, result.message, { ...result.extras, transactionId }, { cause: result });
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
