import { z } from 'zod';
import type { Identity } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import type { Durability, Outcome } from '../../domain/types.ts';
import type { HoldFacts } from '../../ledger/ports/holds.ts';
import { AccountId, DryRun, DurabilityInput, Metadata, MoneyInput, Reference } from '../schemas/fields.ts';
import { outcomeAnswer, TransactionId, Transfer, TransferPreview } from '../transfers/transfer-schema.ts';
import { HoldPreview, HoldSummary, stateAnswer } from './hold-schema.ts';

export const CaptureRequest = z
  .strictObject({
    transactionId: TransactionId.nullish().meta({
      description:
        'The id of the transfer that the capture makes; the same rules apply as to any transaction id. If absent, the `Idempotency-Key` is used; or, if the capture is final, an id that is derived from the hold.',
    }),
    amount: MoneyInput.nullish().meta({
      description: 'At most the remaining amount of the hold; if absent, all of it.',
    }),
    destinationAccount: AccountId.nullish().meta({
      description: 'Required if the hold does not name its destination.',
    }),
    final: z.boolean().nullish().meta({
      description: 'With `false`, the rest of the hold stays reserved for further captures; otherwise it is released.',
      default: true,
    }),
    reference: Reference.nullish(),
    metadata: Metadata.nullish(),
    durability: DurabilityInput,
    dryRun: DryRun,
  })
  .meta({ id: 'CaptureRequest' });

export const Capture = Transfer.extend({ hold: HoldSummary }).meta({
  id: 'Capture',
});

export const CapturePreview = TransferPreview.extend({ hold: HoldPreview }).meta({
  id: 'CapturePreview',
  description: 'What the capture would do now.',
});

/** The answer to a capture, like that to a transfer. @throws Problem for a refusal */
export function captureAnswer(outcome: Outcome, facts: HoldFacts, durability: Durability, identity: Identity) {
  const answer = outcomeAnswer(outcome, durability, identity);
  if (answer instanceof Problem) throw answer;
  const after = outcome.status === 'POSTED' ? outcome.hold : undefined;
  if (!after) throw new Problem('internal_error', `capture ${outcome.order.transactionId} has no hold`);
  const body: z.input<typeof Capture> = { ...answer.body, hold: stateAnswer(facts, after.hold) };
  return { status: answer.status, body };
}
