import { ACCOUNT_ID_PATTERN } from '../../domain/ids.ts';
import { type FieldError, Problem, REFUSALS } from '../../domain/problem.ts';
import {
  BatchFull,
  type BatchItem,
  type BatchName,
  type BatchRecords,
  type BatchState,
  type ItemProblem,
} from '../../ledger/ports/batch-records.ts';
import type { BatchRecording } from './batch-schema.ts';

/** Limits for what is recorded of a problem: enough to find the mistake. */
const DETAIL_LENGTH_MAX = 300;
const ERRORS_MAX = 5;
const POINTER_LENGTH_MAX = 100;

/** An item as the client sent it. */
interface SentItem {
  transactionId: string;
  sourceAccount?: unknown;
}

/**
 * Records the results of the items of a request before the response is sent, so a client that reads `recorded: true`
 * can look them up. The transfers have already been made, so the request does not fail if the record cannot be written.
 */
export async function recordAnswers(
  batches: BatchRecords,
  batch: BatchName,
  items: readonly SentItem[],
  answers: readonly unknown[],
): Promise<BatchRecording> {
  const { batchId } = batch;
  try {
    await batches.record(
      batch,
      items.map((item, index) => itemOf(item, answers[index])),
    );
    return { batchId, recorded: true };
  } catch (error) {
    if (error instanceof BatchFull) return { batchId, recorded: false, reason: 'batch_full' };
    if (!(error instanceof Problem) || error.code !== 'database_unavailable') throw error;
    return { batchId, recorded: false, reason: 'database_unavailable' };
  }
}

function itemOf({ transactionId, sourceAccount }: SentItem, answer: unknown): BatchItem {
  if (!(answer instanceof Problem)) return { transactionId, state: 'POSTED' };
  const state = stateOf(answer);
  const isKnown = typeof sourceAccount === 'string' && ACCOUNT_ID_PATTERN.test(sourceAccount);
  return {
    transactionId,
    state,
    problem: keptOf(answer),
    ...(state !== 'REJECTED' && isKnown && { sourceAccount }),
  };
}

/** A server error may have occurred after the transfer was made, so the item is undecided, too. */
function stateOf({ code, status, retryable }: Problem): BatchState {
  if ((REFUSALS as readonly string[]).includes(code)) return 'REJECTED';
  return retryable || status >= 500 ? 'UNDECIDED' : 'FAILED';
}

function keptOf({ code, message, extras }: Problem): ItemProblem {
  const errors = extras.errors?.slice(0, ERRORS_MAX).map(shortened);
  return { code, detail: message.slice(0, DETAIL_LENGTH_MAX), ...(errors && { errors }) };
}

const shortened = ({ pointer, detail }: FieldError): FieldError => ({
  pointer: pointer.slice(0, POINTER_LENGTH_MAX),
  detail: detail.slice(0, DETAIL_LENGTH_MAX),
});
