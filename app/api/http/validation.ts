import { z } from 'zod';
import { type FieldError, Problem } from '../../domain/problem.ts';

/** A body of a megabyte can contain a hundred thousand errors; a few are enough. */
const ERRORS_MAX = 20;
const KEY_LENGTH_MAX = 64;

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** The problem for a list of errors; pass `total` if there are more than `errors` contains. */
export function invalid(errors: readonly FieldError[], total: number = errors.length): Problem {
  const [first] = errors;
  const more = total > 1 ? ` (and ${total - 1} more)` : '';
  const where = first === undefined || first.pointer === '' ? 'The request' : first.pointer;
  return new Problem('validation_failed', `${where} ${first?.detail ?? 'is not valid'}${more}.`, { errors });
}

/** The problem for a value that does not match a schema; it names each invalid field. */
export function invalidValue({ issues }: z.ZodError): Problem {
  const total = issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);
  return invalid(issues.slice(0, ERRORS_MAX).flatMap(fieldErrors).slice(0, ERRORS_MAX), total);
}

/** Replaces zod's less readable messages; each is placed after the name of a field. */
export const MESSAGES = { error: (issue: RawIssue) => message(issue) };

function message(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${article(issue.expected)}`;
    case 'too_big':
      return `must have at most ${issue.maximum} ${unit(issue.origin, issue.maximum)}`;
    case 'too_small':
      return `must have at least ${issue.minimum} ${unit(issue.origin, issue.minimum)}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_key':
      return issue.issues[0]?.message;
    default:
      return undefined;
  }
}

function article(type: string): string {
  const name = type === 'record' ? 'object' : type;
  return /^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`;
}

function unit(origin: string, count: number | bigint): string {
  const one = origin === 'string' ? 'character' : 'item';
  return Number(count) === 1 ? one : `${one}s`;
}

/** One zod issue can concern several unknown fields: each gets its own error. */
function fieldErrors(issue: Issue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .slice(0, ERRORS_MAX)
      .map((key) => ({ pointer: pointer([...issue.path, key]), detail: 'is not a known field' }));
  }
  return [{ pointer: pointer(issue.path), detail: issue.message }];
}

/** A JSON pointer (RFC 6901), with each name cut to a printable length. */
export function pointer(path: readonly PropertyKey[]): string {
  return path
    .map((key) => `/${String(key).slice(0, KEY_LENGTH_MAX).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

/**
 * The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header). Its value is a quoted string (RFC 8941), but
 * nearly every client sends it bare; both forms are the same key. Node.js joins a repeated header with commas, so a
 * repeated key is not a valid id.
 */
export const KEY_HEADER = 'idempotency-key';
export const KEY_POINTER = '/Idempotency-Key';

/** The schema of the header, with the description that a route gives it. */
export function IdempotencyKeyHeader(description: string) {
  return z.object({ 'Idempotency-Key': z.string().optional().meta({ description }) });
}

interface WithHeader {
  header(name: string): string | undefined;
}

/**
 * Rejects a key on a route that does not support it. A client that sends a key relies on it, so ignoring it would be
 * unsafe.
 * @throws Problem validation_failed
 */
export function refuseIdempotencyKey(call: WithHeader): void {
  if (call.header(KEY_HEADER) === undefined) return;
  throw refused(
    'is accepted only by POST /v1/transfers, /v1/transfers/batch, /group and /split, POST /v1/holds, and captures',
  );
}

export function refused(detail: string) {
  return invalid([{ pointer: KEY_POINTER, detail }]);
}
