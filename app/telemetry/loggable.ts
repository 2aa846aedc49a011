import { errorFields } from './error-fields.ts';

/** Values under these keys are never logged, wherever they stand: credentials, then personal data. */
const NEVER_LOGGED = new Set([
  'authorization',
  'cookie',
  'password',
  'secret',
  'token',
  'apiKey',
  'x-api-key',
  'bootstrapApiKey',
  'jwtSecret',
  'reference',
  'metadata',
]);
/** Under these, a `name` is that of a person or firm. Elsewhere it is that of a script, a queue or a metric. */
const BEARS_NAME = new Set(['account', 'accounts']);
const DEPTH_MAX = 6;
const REDACTED = '[redacted]';

/**
 * A copy of what is to be logged, without what may not be. Takes the place of pino's `redact`, whose wildcards cost
 * 25 µs a line, know only fixed depths, and let an error under an unusual key be written out with its SQL.
 */
export function loggable(fields: object): Record<string, unknown> {
  return copied(fields, false, 0);
}

function copied(object: object, nameIsPersonal: boolean, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) {
    const hidden = NEVER_LOGGED.has(key) || (nameIsPersonal && key === 'name');
    copy[key] = hidden ? REDACTED : shown(value, BEARS_NAME.has(key), depth + 1);
  }
  return copy;
}

function shown(value: unknown, nameIsPersonal: boolean, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return errorFields(value);
  if ('toJSON' in value) return value;
  if (depth > DEPTH_MAX) return '[deeper]';
  if (Array.isArray(value)) return value.map((item) => shown(item, nameIsPersonal, depth + 1));
  return copied(value, nameIsPersonal, depth);
}

/** Any URL in a line loses what stands before its @: drivers repeat URLs in their messages. */
export function withoutUrlPasswords(line: string): string {
  return line.includes('://') ? line.replace(/:\/\/(?:\\.|[^\s"\\/?#])*@/g, '://***@') : line;
}
