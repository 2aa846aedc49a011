import { z } from 'zod';
import { invalid } from './validation.ts';

/**
 * The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header). Its value is a quoted string (RFC 8941), but nearly every
 * client sends it bare: both forms are the same key. Node joins a repeated header with commas, so one that is there twice is no id.
 */
const HEADER = 'idempotency-key';
export const KEY_POINTER = '/Idempotency-Key';

const QUOTED = /^"([^"\\]*)"$/;

/** For the OpenAPI document of a route that takes it. */
export function IdempotencyKeyHeader(description: string) {
  return z.object({ 'Idempotency-Key': z.string().optional().meta({ description }) });
}

interface WithHeader {
  header(name: string): string | undefined;
}

/** The key of a request, which has to be an id of that schema; null when there is none. @throws Problem validation_failed */
export function idempotencyKeyOf(call: WithHeader, id: z.ZodType<string>): string | null {
  const value = call.header(HEADER);
  if (value === undefined) return null;
  const parsed = id.safeParse(QUOTED.exec(value)?.[1] ?? value);
  if (!parsed.success) throw refused(parsed.error.issues[0]?.message ?? 'is not valid');
  return parsed.data;
}

/**
 * For a route where it would mean nothing. Who sends a key relies on it: to ignore it would be a promise that nobody keeps.
 * @throws Problem validation_failed
 */
export function refuseIdempotencyKey(call: WithHeader): void {
  if (call.header(HEADER) === undefined) return;
  throw refused('is accepted only by POST /v1/transfers and POST /v1/transfers/batch');
}

export function refused(detail: string) {
  return invalid([{ pointer: KEY_POINTER, detail }]);
}
