import { attempt, type Call, type Caller, objectWith, segment, withQuery } from '../calls.ts';
import { type HoldfastError, ProblemError } from '../errors.ts';
import type { AttemptLimits, LookedUp } from '../retry/settle.ts';
import type { Transfer, TransferRecord, TransferRequest } from '../types.ts';
import { type Found, foundRefusal } from './outcomes.ts';

export interface Posted {
  readonly outcome: 'posted';
  readonly transfer: Transfer;
}

/**
 * Only with several shards: the amount has left its source, and the destination has not decided yet. It is always
 * completed, either posted or rejected: look it up, or pass `request` again.
 */
export interface Pending {
  readonly outcome: 'pending';
  readonly transfer: TransferRecord;
}

export type Identified<Request> = Request & { readonly transactionId: string };

/** What a transfer with this id must contain. */
export type Expected = Pick<TransferRequest, 'sourceAccount' | 'destinationAccount' | 'amount' | 'currency'>;

/** The outcome of a transfer, or null if none is visible yet: after a lost attempt, it can still appear. */
export async function lookUpTransfer(
  caller: Caller,
  call: Call,
  transactionId: string,
  expected: Partial<Expected>,
  limits: AttemptLimits,
): Promise<LookedUp<Found<Posted | Pending>> | null> {
  const { sourceAccount } = expected;
  const path = withQuery(`/v1/transfers/${segment(transactionId)}`, { sourceAccount });
  const accept = (body: unknown) => objectWith<TransferRecord>(body, { transactionId });
  const verdict = await attempt(caller, call, { method: 'GET', path }, accept, limits);
  if (verdict.verdict !== 'accepted') return null;
  const record = verdict.value;
  if (!isThis(record, expected)) return { verdict: 'failed', error: reused(record, call), conclusive: true };
  return { verdict: 'accepted', value: foundIn(record) };
}

function foundIn(record: TransferRecord): Found<Posted | Pending> {
  if (record.status === 'REJECTED') return foundRefusal(record.refusal);
  if (record.status === 'PENDING') return { outcome: 'pending', transfer: record };
  return { outcome: 'posted', transfer: record as TransferRecord & Transfer };
}

function isThis(record: TransferRecord, { amount, ...rest }: Partial<Expected>): boolean {
  if (objectWith<TransferRecord>(record, rest) === null) return false;
  return amount === undefined || sameAmount(amount, record.amount);
}

/** Amounts in requests may have fewer decimal places than those in answers. */
export const sameAmount = (one: string, other: string): boolean => withoutZeros(one) === withoutZeros(other);
const withoutZeros = (amount: string) => (amount.includes('.') ? amount.replace(/\.?0+$/, '') : amount);

/** The problem that the service itself returns if the same id is sent with different content. */
function reused({ transactionId }: TransferRecord, { correlationId }: Call): HoldfastError {
  return new ProblemError(
    {
      type: 'urn:holdfast:problem:transaction_id_reused',
      title: 'This transaction id belongs to another transfer',
      status: 409,
      detail: `${transactionId} is the id of a transfer with different content.`,
      instance: `/v1/transfers/${transactionId}`,
      code: 'transaction_id_reused',
      correlationId,
      transactionId,
    },
    null,
  );
}
