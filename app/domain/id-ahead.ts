import { Problem } from './problem.ts';

/**
 * Rejects a new UUIDv7 that is more than `ID_AHEAD_MS_MAX` ahead of the ledger's time. This is not an outcome; nothing
 * is stored.
 */
export const idAhead = (): Problem =>
  new Problem('validation_failed', 'The transaction id is too far in the future.', {
    errors: [{ pointer: '/transactionId', detail: "is a UUIDv7 more than 60 seconds ahead of the ledger's clock" }],
  });
