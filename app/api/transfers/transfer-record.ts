import { z } from 'zod';
import type { TransferPending } from '../../domain/crossing.ts';
import type { Identity } from '../../domain/identity.ts';
import { formatAmount } from '../../domain/money.ts';
import { HOLD_REFUSALS, REFUSALS } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/types.ts';
import { formatTimestamp, Id, Version } from '../schemas/fields.ts';
import { Transfer, transferAnswer } from './transfer-schema.ts';

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

/** Everything known about a transfer, even a refused one. */
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
