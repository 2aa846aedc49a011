import { z } from 'zod';
import { ACCOUNT_ID_PATTERN, ID_PATTERN, isDotSegment } from '../../domain/ids.ts';
import { isCurrency, parseAmount } from '../../domain/money.ts';
import { type FieldError, Problem } from '../../domain/problem.ts';
import { LIST_MAX } from '../http/json-body.ts';

/**
 * Fields that several resources share: each is one schema for validation, types and the OpenAPI document. Optional
 * members of a body are `nullish`, because many serializers (Jackson, System.Text.Json, Go's pointers) write null for
 * an absent value.
 */

/** How far the client's clock may be ahead of ours. */
export const TIMESTAMP_AHEAD_MS_MAX = 5 * 60_000;

/** Number of items on a page of a list if the query sets no limit. */
export const LIMIT_DEFAULT = 100;
const NO_LIMIT = `must be a whole number from 1 to ${LIST_MAX}`;
/** The query parameter that limits the number of items on a page. */
export const ListLimit = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, NO_LIMIT)
  .transform(Number)
  .refine((limit) => limit <= LIST_MAX, NO_LIMIT)
  .optional()
  .meta({ type: 'integer', minimum: 1, maximum: LIST_MAX, default: LIMIT_DEFAULT });

const CONTROL_CHARACTER = /\p{Cc}/u;
const KEY_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const METADATA_PAIRS_MAX = 16;
const METADATA_VALUE_LENGTH_MAX = 256;

export const Id = z
  .string()
  .regex(ID_PATTERN, 'must be 1 to 64 characters of A-Z a-z 0-9 . _ : -')
  .meta({ description: '1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.', example: 'customer-4711' });

/** The id of a transfer; the example is one of the demo accounts' transfers (devstack/demo.mjs). */
export const TransferId = Id.meta({
  description: 'The id of a transfer, as its client chose it.',
  example: '019b7650-2c00-7000-8000-000000000002',
});

export const AccountId = z
  .string()
  .regex(ACCOUNT_ID_PATTERN, 'must be 1 to 64 characters of A-Z a-z 0-9 . _ : @ -')
  .meta({
    description:
      '1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.',
    example: 'customer-4711',
  });

const NOT_A_DOT_SEGMENT = 'must not be . or .., which a URL path cannot contain';
const isNoDotSegment = (id: string): boolean => !isDotSegment(id);
/** The id of a new resource. */
export const NewId = Id.refine(isNoDotSegment, NOT_A_DOT_SEGMENT);
/**
 * The id of a new account. Existing accounts named `.` or `..` can still be named in a body, so that they can be
 * emptied.
 */
export const NewAccountId = AccountId.refine(isNoDotSegment, NOT_A_DOT_SEGMENT);

/**
 * Money in a request: only its type is checked here, because its format depends on the currency next to it; see
 * `amountAt`.
 */
export const MoneyInput = z
  .string({
    error: ({ input }) =>
      input === undefined
        ? 'is required'
        : `must be a string such as "12.34"${typeof input === 'number' ? ', not a JSON number' : ''}`,
  })
  .meta({
    description: 'Major units, with at most the ISO 4217 digits of the currency. Never a JSON number.',
    pattern: String.raw`^(0|[1-9]\d*)(\.\d+)?$`,
    maxLength: 21,
    example: '12.34',
  });

export const Money = z.string().meta({
  description: 'Major units with all the decimals of the currency; negative amounts have a leading `-`.',
  pattern: String.raw`^-?\d+(\.\d+)?$`,
  example: '12.34',
});

export const Currency = z
  .string()
  .refine(isCurrency, 'is not an upper-case ISO 4217 currency code')
  .meta({ description: 'ISO 4217 code.', pattern: '^[A-Z]{3}$', example: 'EUR' });

/**
 * Parses RFC 3339 to milliseconds since 1970. The schema has no example, because the documentation page would fill it
 * into every filter.
 */
export const TimestampInput = z
  .string()
  .transform((text, context) => {
    const ms = parseTimestamp(text);
    if (ms !== null) return ms;
    context.addIssue({ code: 'custom', message: 'must be an RFC 3339 date-time such as 2026-01-31T12:00:00.000Z' });
    return z.NEVER;
  })
  .meta({ type: 'string', format: 'date-time' });

export const Timestamp = z
  .string()
  .meta({ format: 'date-time', description: 'RFC 3339, UTC, milliseconds.', example: '2026-01-31T12:00:00.000Z' });

/** Free text. Text that cannot be stored, displayed or logged unchanged is rejected here and nowhere else. */
export function text(lengthMax: number) {
  return z
    .string()
    .min(1)
    .max(lengthMax)
    .refine((value) => value.isWellFormed(), 'must be well-formed Unicode: it contains an unpaired surrogate')
    .refine((value) => !CONTROL_CHARACTER.test(value), 'must not contain control characters');
}

const REFERENCE_LENGTH_MAX = 140;
export const Reference = text(REFERENCE_LENGTH_MAX);

/** The key pattern also keeps `__proto__` out. */
export const Metadata = z
  .record(
    z
      .string()
      .regex(KEY_PATTERN, 'must be named with 1 to 64 characters of A-Z a-z 0-9 . _ -, a letter or digit first'),
    text(METADATA_VALUE_LENGTH_MAX),
  )
  .refine((pairs) => Object.keys(pairs).length <= METADATA_PAIRS_MAX, `must have at most ${METADATA_PAIRS_MAX} pairs`)
  .meta({
    description: `Custom string pairs: at most ${METADATA_PAIRS_MAX}, each value at most ${METADATA_VALUE_LENGTH_MAX} characters.`,
    maxProperties: METADATA_PAIRS_MAX,
    example: { invoice: '2026-0042' },
  });

export const Version = z
  .int()
  .min(0)
  .meta({ description: 'Increases by one with every posting of the account, and every event of its holds.' });
export const Durability = z.enum(['cache', 'persisted']);
export const DurabilityInput = Durability.nullish().meta({
  description: 'With `persisted`, the response is sent only once the transfer is in MySQL. Defaults to `cache`.',
  default: 'cache',
});
export const DryRun = z.boolean().nullish().meta({
  description:
    'With `true`, nothing is changed and no id is used: the answer shows what would happen now. A refusal is returned as usual.',
  default: false,
});
export const AccountStatus = z.enum(['ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED']).meta({
  description:
    '`SUSPENDED` allows no debits, `FROZEN` neither debits nor credits, `CLOSED` is permanent and requires a zero balance.',
});
export const AccountIdParams = z.object({ id: AccountId.meta({ example: 'demo-alice' }) });

/** Parses an amount in a request into minor units. If it is invalid, adds this to `errors`, and returns zero. */
export function amountAt(pointer: string, amount: string, currency: string, errors: FieldError[]): number {
  try {
    return parseAmount(amount, currency);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    errors.push({ pointer, detail: error.message });
    return 0;
  }
}

const RFC_3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/**
 * Milliseconds since 1970 of an RFC 3339 date-time, or null if it is invalid. Finer fractions are truncated to
 * milliseconds.
 *
 * Stricter than `Date.parse`, which reads 31 February as 3 March. Leap seconds and times before 1970 are rejected:
 * milliseconds since 1970 cannot represent the former, and the ledger has no use for the latter.
 */
export function parseTimestamp(text: string): number | null {
  const parts = RFC_3339.exec(text);
  if (parts === null) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  const ms = Date.parse(text);
  return ms >= 0 ? ms : null;
}

let latest = { ms: 0, text: '1970-01-01T00:00:00.000Z' };
let before = latest;

/**
 * RFC 3339 in UTC with milliseconds: `2026-01-02T03:04:05.678Z`. The latest two results are cached: all items of a
 * batch have the same time, and all holds that are placed together have the same two times.
 */
export function formatTimestamp(ms: number): string {
  if (ms === latest.ms) return latest.text;
  const found = ms === before.ms ? before : { ms, text: new Date(ms).toISOString() };
  before = latest;
  latest = found;
  return found.text;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
