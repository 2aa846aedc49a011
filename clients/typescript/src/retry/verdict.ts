/**
 * What one attempt shows about a request. This is a pure function of the answer; `progress.ts` combines it with the
 * verdicts on earlier attempts, and decides what to do next.
 *
 * | answer                                                        | verdict    |
 * |---------------------------------------------------------------|------------|
 * | 2xx with the content that the operation promises               | `accepted` |
 * | 422: a business rule                                           | `refused`  |
 * | another 4xx, a redirect, 503 with a code that is final          | `failed`   |
 * | 429, 408, and 503 with a code that means "nothing was done"     | `again`    |
 * | 504, 500, any other 503, a 2xx with other content, no answer   | `again`, in doubt |
 * | no connection                                                  | `again`    |
 *
 * An error without a problem document of the service comes from something in between, such as a proxy. A 4xx from a
 * proxy means that it did not forward the request; a 5xx proves nothing.
 */
import { type HoldfastError, NoAnswerError, ProblemError } from '../errors.ts';
import type { Attempt } from '../http/attempt.ts';
import type { KnownProblemCode, Problem } from '../types.ts';

export type Verdict<V> =
  | { readonly verdict: 'accepted'; readonly value: V }
  /** A business rule refused it. If `conclusive`, this is the final answer for its id and for all earlier attempts. */
  | { readonly verdict: 'refused'; readonly problem: Problem; readonly conclusive: boolean }
  /**
   * This attempt changed nothing, and repeating it would not help. If `conclusive`, no earlier attempt with the same
   * content can have changed anything either.
   */
  | { readonly verdict: 'failed'; readonly error: HoldfastError; readonly conclusive: boolean }
  /** It may be sent again. If `inDoubt`, this attempt may have been carried out. */
  | {
      readonly verdict: 'again';
      readonly error: HoldfastError;
      readonly inDoubt: boolean;
      readonly retryAfterMs: number | null;
    };

/**
 * Returns the content of a success, or null if the body is not what the operation promises, such as the page of a proxy
 *   or a captive portal.
 */
export type Accept<V> = (body: unknown, status: number, headers: Headers) => V | null;

/** With these codes, the service states that it did nothing and that the same request may be sent again. */
const NOTHING_DONE: ReadonlySet<string> = new Set<KnownProblemCode>([
  'request_timeout',
  'rate_limited',
  'too_many_listeners',
  'ledger_switching',
  'ledger_closed',
  'ledger_stopped',
  'backlog_full',
  'overloaded',
  'transit_unavailable',
  'clock_unsure',
  'calendar_unavailable',
  'issuer_unavailable',
]);

/**
 * These codes mean that the content of this request can never be carried out under its id, because the id permanently
 * belongs to something else. `account_not_found` is not one of them: a lost request may arrive after the account has
 * been opened.
 */
const CONCLUSIVE: ReadonlySet<string> = new Set<KnownProblemCode>([
  'transaction_id_reused',
  'group_id_reused',
  'hold_id_reused',
  'account_id_reused',
  'key_id_reused',
]);

/** The service marks these 503s as final: they do not go away until an operator acts. */
const NOT_AVAILABLE_HERE: ReadonlySet<string> = new Set<KnownProblemCode>([
  'feature_not_active',
  'search_disabled',
  'webhooks_disabled',
]);

const RETRYABLE_STATUS: readonly number[] = [408, 425, 429];
const REFUSED_STATUS = 422;
const SERVER_ERROR_STATUS_MIN = 500;

export function verdictOf<V>(attempt: Attempt, correlationId: string, accept: Accept<V>): Verdict<V> {
  if (attempt.kind !== 'answered') {
    const { kind, cause } = attempt;
    const message = `${kind === 'lost' ? 'No complete answer' : 'Nothing was sent'}: ${messageOf(cause)}`;
    const error = new NoAnswerError(message, correlationId, null, cause);
    return { verdict: 'again', error, inDoubt: kind === 'lost', retryAfterMs: null };
  }
  const { status, headers, body, retryAfterMs } = attempt;
  if (isSuccess(status)) {
    const value = accept(body, status, headers);
    if (value !== null) return { verdict: 'accepted', value };
    const error = new NoAnswerError(`The answer ${status} did not come from Holdfast`, correlationId, status);
    return { verdict: 'again', error, inDoubt: true, retryAfterMs };
  }
  if (isProblem(body)) return problemVerdict(body, retryAfterMs);
  const error = new NoAnswerError(`Something in between answered ${status}`, correlationId, status);
  if (status >= SERVER_ERROR_STATUS_MIN || RETRYABLE_STATUS.includes(status))
    return { verdict: 'again', error, inDoubt: true, retryAfterMs };
  return { verdict: 'failed', error, conclusive: false };
}

/** The verdict on one item of a batch, from its result or its problem. Anything else proves nothing. */
export function itemVerdict<V>(
  item: unknown,
  retryAfterMs: number | null,
  correlationId: string,
  accept: Accept<V>,
): Verdict<V> {
  if (isProblem(item)) return problemVerdict(item, retryAfterMs);
  const status = typeof item === 'object' && item !== null && 'status' in item ? Number(item.status) : 0;
  const value = isSuccess(status) ? accept(item, status, new Headers()) : null;
  if (value !== null) return { verdict: 'accepted', value };
  const error = new NoAnswerError('The batch contains a result that did not come from Holdfast', correlationId, null);
  return { verdict: 'again', error, inDoubt: true, retryAfterMs };
}

function problemVerdict<V>(problem: Problem, retryAfterMs: number | null): Verdict<V> {
  const { code, status } = problem;
  if (status === REFUSED_STATUS) return { verdict: 'refused', problem, conclusive: true };
  const error = new ProblemError(problem, retryAfterMs);
  if (NOTHING_DONE.has(code) || RETRYABLE_STATUS.includes(status))
    return { verdict: 'again', error, inDoubt: false, retryAfterMs };
  if (status >= SERVER_ERROR_STATUS_MIN && !NOT_AVAILABLE_HERE.has(code))
    return { verdict: 'again', error, inDoubt: true, retryAfterMs };
  return { verdict: 'failed', error, conclusive: CONCLUSIVE.has(code) };
}

const NOT_MODIFIED_STATUS = 304;
const isSuccess = (status: number) => (status >= 200 && status < 300) || status === NOT_MODIFIED_STATUS;

/** Whether a body is a problem of the service: an error status with a code, a detail and a correlation id. */
export function isProblem(body: unknown): body is Problem {
  if (typeof body !== 'object' || body === null) return false;
  const { code, status, detail, correlationId } = body as Record<string, unknown>;
  return (
    typeof code === 'string' &&
    typeof status === 'number' &&
    status >= 400 &&
    typeof detail === 'string' &&
    typeof correlationId === 'string'
  );
}

const messageOf = (cause: unknown): string =>
  cause instanceof Error ? rootOf(cause).message || cause.message : String(cause);
const rootOf = (error: Error): Error => (error.cause instanceof Error ? rootOf(error.cause) : error);
