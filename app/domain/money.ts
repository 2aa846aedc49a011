import * as dineroCurrencies from 'dinero.js/bigint/currencies';
import { Problem } from './problem.ts';

/**
 * Converts money at the boundary: decimal text in major units ⇄ minor units, the only form used inside the ledger.
 *
 * dinero.js defines the currencies and their digits, and is the oracle in the tests. The text itself is parsed by hand:
 * this runs for every transfer, and allocating a bigint and an object for each would cost more than everything else.
 */
const DIGITS: ReadonlyMap<string, number> = new Map(
  Object.values(dineroCurrencies).map(({ code, base, exponent }) => [
    code,
    // dinero counts the ariary and the ouguiya in fifths, which decimal text cannot express; ISO 4217 gives both two
    // digits.
    base === 10n ? Number(exponent) : 2,
  ]),
);

/** 2^53 − 1 has 16 digits: no amount has more, and fewer than 17 digits cannot overflow before the check. */
const MINOR_DIGITS_MAX = 16;

const ZERO = 0x30;
const NINE = 0x39;
const POINT = 0x2e;

/** Whether `code` is a current ISO 4217 code, in upper case. */
export function isCurrency(code: string): boolean {
  return DIGITS.has(code);
}

/**
 * How many decimals the currency has (ISO 4217: 2 for EUR, 0 for JPY, 3 for KWD). @throws RangeError for an unknown
 * currency
 */
export function currencyDigits(currency: string): number {
  const digits = DIGITS.get(currency);
  if (digits === undefined) throw new RangeError(`${currency} is not an ISO 4217 currency`);
  return digits;
}

/**
 * Parses decimal text into minor units: `"12.34"` EUR → 1234, `"1500"` JPY → 1500, `"0.5"` EUR → 50.
 *
 * Accepts digits with at most one decimal point between them and at most the currency's decimals; no sign, exponent,
 * spaces or leading zeros. At most 2^53 − 1 minor units. Zero is a valid amount.
 * @throws Problem validation_failed, whose message describes the error (to be placed after the field name)
 */
export function parseAmount(text: string, currency: string): number {
  const digits = currencyDigits(currency);
  let point = -1;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char >= ZERO && char <= NINE) continue;
    if (char !== POINT || point !== -1) throw malformed();
    point = i;
  }
  const wholeLength = point === -1 ? text.length : point;
  const decimals = point === -1 ? 0 : text.length - point - 1;
  if (wholeLength === 0 || (decimals === 0) !== (point === -1)) throw malformed();
  if (wholeLength > 1 && text.charCodeAt(0) === ZERO) throw invalid('must not have leading zeros');
  if (decimals > digits)
    throw invalid(
      `has ${decimals} ${decimals === 1 ? 'decimal' : 'decimals'}, but ${currency} allows at most ${digits}`,
    );
  if (wholeLength + digits > MINOR_DIGITS_MAX) throw tooLarge(currency);

  const whole = point === -1 ? text : text.slice(0, point);
  const fraction = point === -1 ? '' : text.slice(point + 1);
  const minor = Number(whole + fraction.padEnd(digits, '0'));
  if (minor > Number.MAX_SAFE_INTEGER) throw tooLarge(currency);
  return minor;
}

/**
 * Formats minor units as decimal text, always with all of the currency's decimals: 1234 EUR → `"12.34"`, −5 EUR →
 * `"-0.05"`.
 * @throws RangeError for a number that is not a safe integer, because it is no longer exact; pass a bigint
 */
export function formatAmount(minor: number | bigint, currency: string): string {
  if (typeof minor === 'number' && !Number.isSafeInteger(minor)) throw new RangeError(`${minor} is not exact`);
  const digits = currencyDigits(currency);
  const text = String(minor);
  if (digits === 0) return text;
  const negative = text.charCodeAt(0) === 0x2d;
  const unsigned = (negative ? text.slice(1) : text).padStart(digits + 1, '0');
  const cut = unsigned.length - digits;
  return `${negative ? '-' : ''}${unsigned.slice(0, cut)}.${unsigned.slice(cut)}`;
}

/** Formats a sum (such as a balance plus its overdraft limit) exactly, even beyond 2^53. */
export function formatSum(currency: string, ...amounts: number[]): string {
  let sum = 0;
  for (const amount of amounts) {
    sum += amount;
    if (!Number.isSafeInteger(sum))
      return formatAmount(
        amounts.reduce((a, b) => a + BigInt(b), 0n),
        currency,
      );
  }
  return formatAmount(sum, currency);
}

function malformed(): Problem {
  return invalid('must be a decimal number such as "12.34": digits with at most one point, no sign, no exponent');
}
function tooLarge(currency: string): Problem {
  return invalid(
    `is more than ${formatAmount(Number.MAX_SAFE_INTEGER, currency)} ${currency}, the largest exact amount`,
  );
}
function invalid(detail: string): Problem {
  return new Problem('validation_failed', detail);
}
