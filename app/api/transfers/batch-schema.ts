import { z } from 'zod';
import { BATCH_STATES, type BatchSummary, type RecordedItem } from '../../ledger/ports/batch-records.ts';
import { FieldErrorSchema } from '../http/problems.ts';
import { validate } from '../http/route.ts';
import { invalid } from '../http/validation.ts';
import { formatTimestamp, ListLimit, NewId, Timestamp, TransferId } from '../schemas/fields.ts';
import { batchAnswerOf, batchOf } from '../schemas/items.ts';
import { TransactionId, Transfer, TransferRequest } from './transfer-schema.ts';

const BatchId = NewId.meta({
  description:
    'Names a batch, which may be sent in any number of requests. It belongs to the user who sends it. 1–64 characters of `A–Z a–z 0–9 . _ : -`.',
  example: 'salaries-2026-01',
});

const BatchedTransfer = TransferRequest.omit({ dryRun: true }).meta({ id: 'BatchedTransfer' });
export const TransferBatch = batchOf('transfers', BatchedTransfer, 'TransferBatch', {
  batchId: BatchId.nullish().meta({
    description:
      'Records the outcome of each transfer under this id, for `GET /v1/batches/{batchId}`. Each transfer must then have a `transactionId`.',
  }),
});

const BatchRecording = z
  .object({
    batchId: BatchId,
    recorded: z.boolean().meta({
      description:
        'True once all results of this response are recorded. If false, the transfers still have the outcomes in `results`; to record them, send the same request again.',
    }),
    reason: z
      .enum(['database_unavailable', 'batch_full'])
      .optional()
      .meta({ description: 'Why they are not recorded. `batch_full`: use another batch id.' }),
  })
  .meta({ id: 'BatchRecording', description: 'Present if the request has a `batchId`.' });
export type BatchRecording = z.input<typeof BatchRecording>;

export const TransferBatchAnswer = batchAnswerOf(Transfer, 'TransferBatchAnswer', {
  batch: BatchRecording.optional(),
});

const IdentifiedItems = z.object({ transfers: z.array(z.looseObject({ transactionId: TransactionId })) });

/**
 * Items of a recorded batch are found by their ids, so each must have an id, and no two may have the same one. @throws
 * Problem validation_failed
 */
export function identifiedItems(body: { transfers: readonly unknown[] }): readonly IdentifiedItem[] {
  const { transfers } = validate(IdentifiedItems, body);
  const indexes = new Map<string, number>();
  for (const [index, { transactionId }] of transfers.entries()) {
    const first = indexes.get(transactionId);
    if (first !== undefined) {
      const pointer = `/transfers/${index}/transactionId`;
      throw invalid([{ pointer, detail: `is also the id of /transfers/${first}; a batch names each transfer once` }]);
    }
    indexes.set(transactionId, index);
  }
  return transfers;
}
type IdentifiedItem = z.output<typeof IdentifiedItems>['transfers'][number];

/** The example is the batch of the demo accounts (devstack/demo.mjs). */
export const BatchParams = z.object({ batchId: BatchId.meta({ example: 'demo-batch' }) });

const PostedBy = z.string().min(1).max(259).optional().meta({
  description: 'The user who posted the batch; by default the caller. Naming another user requires `balances:read`.',
});
export const BatchQuery = z.strictObject({ postedBy: PostedBy });

export const BatchItemsQuery = z.strictObject({
  postedBy: PostedBy,
  status: z.enum(BATCH_STATES).optional().meta({ description: 'Only items that were recorded in this state.' }),
  cursor: z.string().max(128).optional().meta({ description: 'The `nextCursor` of the previous response.' }),
  limit: ListLimit,
});

const count = (description: string) => z.int().min(0).meta({ description });
export const Batch = z
  .object({
    batchId: BatchId,
    postedBy: z.string(),
    firstRecordedAt: Timestamp,
    lastRecordedAt: Timestamp,
    items: count('All transfers that were recorded, each counted once. Compare it with the number that you sent.'),
    posted: count('Transfers that were posted.'),
    rejected: count('Transfers that a business rule refused; this is their outcome.'),
    failed: count('Items that were not accepted as transfers, for example because of an unknown account.'),
    undecided: count('Items whose outcome was not known, or which had to wait. Send them again with the same ids.'),
  })
  .meta({ id: 'Batch' });

const BatchItem = z
  .object({
    transactionId: TransferId,
    status: z.enum(BATCH_STATES).meta({
      description:
        'The result of the last request with this item. `POSTED` and `REJECTED` are outcomes, which `GET /v1/transfers/{transactionId}` returns too. `FAILED`: it was not accepted. `UNDECIDED`: send it again with the same id.',
    }),
    code: z.string().optional().meta({ description: 'Why it was not posted: the `code` of a problem.' }),
    detail: z.string().optional(),
    errors: z.array(FieldErrorSchema).optional(),
    recordedAt: Timestamp,
    transfer: z.enum(['POSTED', 'REJECTED', 'PENDING']).optional().meta({
      description:
        'For `FAILED` and `UNDECIDED`: the status of the transfer that the ledger now has under this id, if there is one, such as after a retry outside the batch. Its content may differ from that of the item; to find out, send the item again.',
    }),
  })
  .meta({ id: 'BatchItem' });
export type BatchItemAnswer = z.input<typeof BatchItem>;

export const BatchItemList = z
  .object({ items: z.array(BatchItem), nextCursor: z.string().nullable() })
  .meta({ id: 'BatchItemList' });

export function batchAnswer(
  batch: { batchId: string; postedBy: string },
  { counts, firstRecordedAt, lastRecordedAt }: BatchSummary,
): z.input<typeof Batch> {
  const { POSTED: posted, REJECTED: rejected, FAILED: failed, UNDECIDED: undecided } = counts;
  return {
    ...batch,
    firstRecordedAt: formatTimestamp(firstRecordedAt),
    lastRecordedAt: formatTimestamp(lastRecordedAt),
    items: posted + rejected + failed + undecided,
    posted,
    rejected,
    failed,
    undecided,
  };
}

export function batchItemAnswer(
  { transactionId, state, problem, recordedAt }: RecordedItem,
  transfer: BatchItemAnswer['transfer'],
): BatchItemAnswer {
  return {
    transactionId,
    status: state,
    ...(problem && { code: problem.code, detail: problem.detail }),
    ...(problem?.errors && { errors: [...problem.errors] }),
    recordedAt: formatTimestamp(recordedAt),
    ...(transfer && { transfer }),
  };
}
