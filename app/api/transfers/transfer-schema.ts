import { z } from 'zod';
import { ID_AHEAD_MS_MAX, newUuidV7, RESERVED_ID_PREFIX, uuidV7Time } from '../../domain/ids.ts';
import { type FieldError, REFUSALS } from '../../domain/problem.ts';
import type { Origin, TransferOrder } from '../../domain/types.ts';
import { KEY_POINTER } from '../http/idempotency-key.ts';
import { invalid } from '../http/validation.ts';
import { batchAnswerOf, batchOf } from '../schemas/batch-items.ts';
import {
  amountAt,
  Currency,
  Durability,
  DurabilityInput,
  Id,
  Metadata,
  Money,
  MoneyInput,
  NewId,
  TIMESTAMP_AHEAD_MS_MAX,
  Timestamp,
  TimestampInput,
  text,
  Version,
} from '../schemas/fields.ts';

const REFERENCE_LENGTH_MAX = 140;

export const TransactionId = NewId.refine(
  (id) => !id.startsWith(RESERVED_ID_PREFIX),
  `must not begin with ${RESERVED_ID_PREFIX}, which is reserved`,
).meta({
  description:
    'The idempotency key: one id has one outcome, forever. A UUIDv7 is the fast path. If absent, the `Idempotency-Key` is used, or an id is generated.',
  example: '019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e90',
});

export const TransferRequest = z
  .strictObject({
    transactionId: TransactionId.nullish(),
    sourceAccount: Id,
    destinationAccount: Id,
    amount: MoneyInput,
    currency: Currency,
    timestamp: TimestampInput.nullish().meta({
      description: 'When the transfer happened, according to the client; at most 5 minutes ahead of our clock.',
    }),
    reference: text(REFERENCE_LENGTH_MAX).nullish(),
    metadata: Metadata.nullish(),
    durability: DurabilityInput,
  })
  .meta({ id: 'TransferRequest' });
export type TransferRequest = z.output<typeof TransferRequest>;

export const TransferIdParams = z.object({ transactionId: Id.meta({ example: 'demo-payment' }) });

export const ReversalRequest = z.strictObject({ durability: DurabilityInput }).meta({ id: 'ReversalRequest' });

const balances = 'Only with the scope `balances:read`.';

export const Transfer = z
  .object({
    transactionId: Id,
    status: z.literal('POSTED'),
    sourceAccount: Id,
    destinationAccount: Id,
    amount: Money,
    currency: Currency,
    timestamp: Timestamp.meta({
      description: "The client's own time, or the time of acceptance if the client sent none.",
    }),
    acceptedAt: Timestamp,
    sourceBalance: Money.optional().meta({ description: balances }),
    sourceVersion: Version,
    destinationBalance: Money.optional().meta({ description: balances }),
    destinationVersion: Version,
    durability: Durability.meta({ description: 'The durability reached: `persisted` means committed in MySQL.' }),
    replayed: z.boolean().meta({ description: 'True if this outcome already existed.' }),
  })
  .meta({ id: 'Transfer' });

export const TransferRecord = Transfer.extend({
  status: z.enum(['POSTED', 'REJECTED']),
  sourceVersion: Version.optional(),
  destinationVersion: Version.optional(),
  refusal: z.enum(REFUSALS).optional().meta({ description: 'Why it is `REJECTED`.' }),
  persisted: z.boolean().meta({ description: 'True once it is in MySQL.' }),
  kind: z.enum(['transfer', 'reversal']),
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.string()).nullable(),
  reverses: Id.nullable().meta({ description: 'The transfer that this reversal reverses.' }),
}).meta({ id: 'TransferRecord' });

export const TransferBatch = batchOf('transfers', TransferRequest, 'TransferBatch');
export const TransferBatchAnswer = batchAnswerOf(Transfer, 'TransferBatchAnswer');

/**
 * Converts a valid request to an order.
 * @param key the id from its Idempotency-Key, used if the request has no id
 * @throws Problem validation_failed for rules that involve more than one field
 */
export function orderOf(
  request: TransferRequest,
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
