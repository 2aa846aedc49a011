import { z } from 'zod';
import { invalid } from './validation.ts';

/**
 * The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header). Its value is a quoted string (RFC 8941), but
 * nearly every client sends it bare; both forms are the same key. Node.js joins a repeated header with commas, so a
 * repeated key is not a valid id.
 */
const HEADER = 'idempotency-key';
export const KEY_POINTER = '/Idempotency-Key';

const QUOTED = /^"([^"\\]*)"$/;

/** For the OpenAPI document of a route that accepts it. */
export function IdempotencyKeyHeader(description: string) {
  return z.object({ 'Idempotency-Key': z.string().optional().meta({ description }) });
}

interface WithHeader {
  header(name: string): string | undefined;
}

/** The key of a request, validated by that schema; null when there is none. @throws Problem validation_failed */
export function idempotencyKeyOf(call: WithHeader, id: z.ZodType<string>): string | null {
  const value = call.header(HEADER);
  if (value === undefined) return null;
  const parsed = id.safeParse(QUOTED.exec(value)?.[1] ?? value);
  if (!parsed.success) throw refused(parsed.error.issues[0]?.message ?? 'is not valid');
  return parsed.data;
}

/**
 * For a route that does not support it. A client that sends a key relies on it, so ignoring it would be unsafe.
 * @throws Problem validation_failed
 */
export function refuseIdempotencyKey(call: WithHeader): void {
  if (call.header(HEADER) === undefined) return;
  throw refused('is accepted only by POST /v1/transfers and POST /v1/transfers/batch');
}

export function refused(detail: string) {
  return invalid([{ pointer: KEY_POINTER, detail }]);
}
