import { NoAnswerError, OutcomeUnknownError, ProblemError } from '../../typescript/src/errors.ts';

/** For scripts: what happened, as far as it is known. */
export const EXIT = {
  done: 0,
  /** An error in this program, or on this machine. */
  failed: 1,
  usage: 2,
  /** A business rule refused the operation, for good. */
  rejected: 3,
  /** The service refused the request; nothing was changed. */
  refused: 4,
  /** The change may or may not have been made. */
  unknown: 5,
  /** The service was not reached, or is unavailable; nothing was changed. */
  unavailable: 6,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const SERVER_ERROR_STATUS_MIN = 500;
const TOO_MANY_STATUS = 429;

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof OutcomeUnknownError) return EXIT.unknown;
  if (error instanceof NoAnswerError) return EXIT.unavailable;
  if (!(error instanceof ProblemError)) return EXIT.failed;
  const isUnavailable = error.status >= SERVER_ERROR_STATUS_MIN || error.status === TOO_MANY_STATUS;
  return isUnavailable ? EXIT.unavailable : EXIT.refused;
}
