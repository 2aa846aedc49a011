/** How one request on the wire ended. */
export type Attempt =
  /** A complete answer. `body` is parsed JSON, or undefined if the content is not JSON. */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: Headers;
      readonly body: unknown;
      readonly retryAfterMs: number | null;
    }
  /** No answer, or only part of one. The service may have carried out the request. */
  | { readonly kind: 'lost'; readonly cause: unknown }
  /** The request certainly did not reach the service. */
  | { readonly kind: 'unsent'; readonly cause: unknown };

/** Failures before the first byte of a request: no connection was opened. Browsers do not report the cause. */
const NO_CONNECTION: readonly unknown[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

/** `fetch` of Node.js wraps the error of the socket; with several addresses, there is one for each of them. */
export function isUnsent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && NO_CONNECTION.includes(error.code)) return true;
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isUnsent);
  return isUnsent(error.cause);
}

const SECONDS = /^\d{1,10}$/;
const HTTP_DATE = / GMT$/;

/** A `Retry-After` header (RFC 9110: seconds, or a date) in milliseconds; null if there is none, or it is invalid. */
export function retryAfterMsIn(headers: Headers, nowMs: number): number | null {
  const text = headers.get('retry-after')?.trim() ?? '';
  if (SECONDS.test(text)) return Number(text) * 1000;
  const at = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  // The date is compared with the clock that wrote it, if that is known, because the local clock may be wrong.
  const now = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(at) ? null : Math.max(0, at - (Number.isNaN(now) ? nowMs : now));
}
