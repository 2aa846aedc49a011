import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { CAPTURE_ID_PREFIX, ID_AHEAD_MS_MAX, newUuidV7, uuidV7Time } from '../../domain/ids.ts';
import { type FieldError, Problem } from '../../domain/problem.ts';
import type { Durability, Origin, Outcome } from '../../domain/types.ts';
import type { CaptureOrder, HoldFacts, Holds } from '../../ledger/ports/holds.ts';
import type { Ledger } from '../../ledger/ports/ledger.ts';
import { invalid } from '../http/validation.ts';
import { singleOutcome } from '../transfers/transfer-schema.ts';
import type { CaptureRequest } from './capture-schema.ts';
import { positiveAt } from './hold-schema.ts';

/** Each refused capture without an id uses up one attempt, like each refused reversal. */
const ATTEMPTS_MAX = 100;

/**
 * Captures the rest of a hold, or a part of it that ends the hold, under an id derived from the hold's id: every caller
 * that sends the same capture uses the same id, and an id is posted only once. The number of the attempt is part of the
 * id, because a refusal is a permanent outcome: attempt n + 1 is made only when attempt n is known to have been
 * refused.
 */
export async function captureOnce(
  { holds, ledger }: { holds: Holds; ledger: Ledger },
  orderUnder: (transactionId: string) => CaptureOrder,
  durability: Durability,
): Promise<Outcome> {
  const { holdId } = orderUnder('').capture;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const transactionId = captureId(holdId, attempt);
    const answer = await holds.capture(orderUnder(transactionId), durability);
    if (answer instanceof Problem) {
      // An earlier capture with different content took this id. If it was refused, it did not change the hold: try the
      // next id.
      const isOther = answer.code === 'transaction_id_reused';
      if (isOther && (await ledger.outcome(transactionId, { account: orderUnder('').source })).status === 'REJECTED')
        continue;
      return singleOutcome([answer], transactionId);
    }
    if (answer.status === 'POSTED' || !answer.replayed) return answer;
  }
  throw new Problem('hold_not_open', `Captures of ${holdId} without an id were refused ${ATTEMPTS_MAX} times.`, {
    holdId,
  });
}

/** Fits into 64 characters: 8 for the prefix, 43 for the hash, a colon and the attempt. */
export const captureId = (holdId: string, attempt: number): string =>
  `${CAPTURE_ID_PREFIX}${createHash('sha256').update(holdId).digest('base64url')}:${attempt}`;

/** What a capture requests, regardless of its id. */
interface AskedCapture {
  /** The amount in minor units; null for the whole remaining amount. */
  amount: number | null;
  destination: string | null;
  final: boolean;
  reference: string | null;
  metadata: Readonly<Record<string, string>> | null;
}

/**
 * @param id the client's id, and where in the request it was sent
 * @throws Problem validation_failed
 */
export function askedOf(
  body: z.output<typeof CaptureRequest>,
  { currency }: HoldFacts,
  id: { value: string | null; pointer: string },
  nowMs: number,
): AskedCapture {
  const { destinationAccount: destination = null, reference = null, metadata = null } = body;
  const final = body.final ?? true;
  const errors: FieldError[] = [];
  const amount = body.amount ? positiveAt('/amount', body.amount, currency, errors) : null;
  if (id.value === null && !final && !body.dryRun)
    errors.push({ pointer: '/transactionId', detail: 'is required, because the capture is not final' });
  if ((uuidV7Time(id.value ?? '') ?? 0) > nowMs + ID_AHEAD_MS_MAX)
    errors.push({ pointer: id.pointer, detail: "is a UUIDv7 more than 60 seconds ahead of the ledger's clock" });
  if (errors.length > 0) throw invalid(errors);
  return { amount, destination, final, reference, metadata };
}

/** @throws Problem validation_failed if the destination does not fit the hold */
export function captureOrderOf(
  facts: HoldFacts,
  asked: AskedCapture & { transactionId: string },
  { user, correlationId }: Origin,
): CaptureOrder {
  const { transactionId, amount, destination: named, final, reference, metadata } = asked;
  const { holdId, account, destination, currency } = facts;
  const to = named ?? destination;
  const errors: FieldError[] = [];
  const at = (detail: string) => errors.push({ pointer: '/destinationAccount', detail });
  if (to === null) at('is required, because the hold does not name its destination');
  if (named !== null && destination !== null && named !== destination) at('must be that of the hold, or absent');
  if (to === account) at('must differ from the account of the hold');
  if (to === null || errors.length > 0) throw invalid(errors);
  return {
    kind: 'capture',
    transactionId,
    source: account,
    destination: to,
    amount: amount ?? 0,
    currency,
    timestamp: null,
    reference,
    metadata,
    reverses: null,
    user,
    correlationId,
    capture: { holdId, amount, destination: named, final },
  };
}

/**
 * The request for a change or a void. The pod repeats the same request, with the same event id, while an attempt is in
 * doubt.
 */
export const requestOf = ({ destination: _, ...facts }: HoldFacts, { user, correlationId }: Origin, nowMs: number) => ({
  ...facts,
  user,
  correlationId,
  eventId: newUuidV7(nowMs),
});
