import type { Outcome } from '../domain/types.ts';
import type { CrossingClosing } from '../ledger/ports/crossings.ts';
import type { CrossingEnd } from './crossing-decision.ts';

/**
 * How the row of a crossing is closed; null if it stays open.
 * @param end final, see `nextStep`
 * @param into the outcome of `in`, if there is one
 */
export function closingOf(transactionId: string, end: CrossingEnd, into: Outcome | null): CrossingClosing | null {
  if (end === 'done' && into?.status === 'POSTED') {
    const { balance, version } = into.destination;
    return { transactionId, state: 'DONE', balance, version };
  }
  if (end !== 'returned' && end !== 'kept') return null;
  if (into?.status !== 'REJECTED') return { transactionId, state: 'RETURNED', because: null };
  const { refusal, limit } = into;
  return { transactionId, state: 'RETURNED', because: { refusal, ...(limit && { limit }) } };
}
