import { createHash } from 'node:crypto';
import { REVERSAL_ID_PREFIX } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { Durability, Origin, Outcome, Posted, TransferOrder } from '../../domain/types.ts';
import type { Ledger } from '../../ledger/ports/ledger.ts';
import { singleOutcome } from './transfer-schema.ts';

/** Each refused reversal uses up an attempt. After this many, someone has to investigate why it is always refused. */
const ATTEMPTS_MAX = 100;

/**
 * Reverses a posted transfer, never more than once.
 *
 * The reversal's id is derived from the original's, so every caller that reverses the same transfer sends the same id,
 * and the ledger posts an id only once. The number of the attempt is part of the id, because a refusal (such as
 * insufficient funds) is a permanent outcome: attempt n + 1 is made only when attempt n is known to have been refused
 * permanently, so at most one attempt can ever be posted.
 * @throws Problem transfer_not_reversible, and those of the ledger
 */
export async function reverse(
  ledger: Ledger,
  transfer: Outcome,
  durability: Durability,
  origin: Origin,
): Promise<Outcome> {
  const original = reversible(transfer);
  const originalId = original.order.transactionId;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const transactionId = reversalId(originalId, attempt);
    const earlier = await outcomeOrNull(ledger, transactionId, original.order.destination);
    if (earlier === null) {
      const order = reversalOrder(original, transactionId, origin);
      return singleOutcome(await ledger.apply([order], durability), transactionId);
    }
    if (earlier.status === 'POSTED') {
      requireReversalOf(original, earlier);
      return repeated(ledger, earlier, durability);
    }
  }
  throw new Problem('transfer_not_reversible', `The reversal of ${originalId} was refused ${ATTEMPTS_MAX} times.`);
}

/** Fits into 64 characters: 9 for the prefix, 43 for the hash, a colon and the attempt. */
export function reversalId(originalId: string, attempt: number): string {
  return `${REVERSAL_ID_PREFIX}${createHash('sha256').update(originalId).digest('base64url')}:${attempt}`;
}

function reversible(original: Outcome): Posted {
  const originalId = original.order.transactionId;
  if (original.status === 'REJECTED') {
    throw new Problem('transfer_not_reversible', `${originalId} was refused, so there is nothing to reverse.`);
  }
  if (original.order.kind === 'reversal') {
    throw new Problem('transfer_not_reversible', `${originalId} is itself a reversal; send a new transfer instead.`);
  }
  return original;
}

/**
 * The id of a dropped transfer may now belong to a different one; a reversal of the dropped one does not reverse the
 * new one.
 */
function requireReversalOf(original: Posted, { order }: Posted): void {
  const { source, destination, amount, currency } = original.order;
  const takesBack = order.source === destination && order.destination === source;
  if (takesBack && order.amount === amount && order.currency === currency) return;
  const { transactionId } = order;
  throw new Problem('transaction_id_reused', `${transactionId} reverses an earlier transfer that had this id.`, {
    transactionId,
  });
}

/**
 * The outcome of a transfer from this account.
 * @param check is called with the transfer before its source is compared
 * @throws Problem transfer_not_found, and those of the ledger and of `check`
 */
export async function outcomeFrom(
  ledger: Ledger,
  transactionId: string,
  source: string | undefined,
  check: (order: TransferOrder) => void = () => {},
): Promise<Outcome> {
  const outcome = await ledger.outcome(transactionId, { account: source });
  check(outcome.order);
  if (source === undefined || outcome.order.source === source) return outcome;
  throw new Problem('transfer_not_found', `there is no transfer ${transactionId} from ${source}`);
}

async function outcomeOrNull(ledger: Ledger, transactionId: string, source: string): Promise<Outcome | null> {
  try {
    return await ledger.outcome(transactionId, { account: source });
  } catch (error) {
    if (error instanceof Problem && error.code === 'transfer_not_found') return null;
    throw error;
  }
}

/**
 * Returns the committed outcome. For `persisted`, the order is applied again, because that waits until the outcome is
 * persisted.
 */
async function repeated(ledger: Ledger, earlier: Posted, durability: Durability): Promise<Outcome> {
  if (durability === 'cache' || earlier.persisted) return { ...earlier, replayed: true };
  return singleOutcome(await ledger.apply([earlier.order], durability), earlier.order.transactionId);
}

function reversalOrder({ order }: Posted, transactionId: string, origin: Origin): TransferOrder {
  return {
    kind: 'reversal',
    transactionId,
    source: order.destination,
    destination: order.source,
    amount: order.amount,
    currency: order.currency,
    timestamp: null,
    reference: null,
    metadata: null,
    reverses: order.transactionId,
    user: origin.user,
    correlationId: origin.correlationId,
  };
}
