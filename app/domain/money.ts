import * as dineroCurrencies from 'dinero.js/bigint/currencies';
import { Problem } from './problem.ts';

/**
 * Money at the edge: decimal text in major units ⇄ minor units, the only form in which the ledger knows money.
 *
 * dinero.js says which currencies there are and how many digits each has, and is the oracle in the tests. The text itself
 * is taken apart by hand: this runs for every transfer, and a bigint and an object for each would cost more than the rest.
 */
const DIGITS: ReadonlyMap<string, number> = new Map(
  Object.values(dineroCurrencies).map(({ code, base, exponent }) => [
    code,
    // dinero counts the ariary and the ouguiya in fifths, which no decimal text can say; ISO 4217 gives both two digits.
    base === 10n ? Number(exponent) : 2,
  ]),
);

/** 2^53 − 1 has 16 digits: more cannot be an amount, and fewer than 17 cannot overflow on the way to the check. */
const MINOR_DIGITS_MAX = 16;

const ZERO = 0x30;
const NINE = 0x39;
const POINT = 0x2e;

/** Whether `code` is a current ISO 4217 code, in capitals. */
export function isCurrency(code: string): boolean {
  return DIGITS.has(code);
}

/** How many decimals the currency has (ISO 4217: 2 for EUR, 0 for JPY, 3 for KWD). @throws RangeError for no currency */
export function currencyDigits(currency: string): number {
  const digits = DIGITS.get(currency);
  if (digits === undefined) throw new RangeError(`${currency} is no ISO 4217 currency`);
  return digits;
}

/**
 * Minor units of a decimal text: `"12.34"` EUR → 1234, `"1500"` JPY → 1500, `"0.5"` EUR → 50.
 *
 * Digits with at most one point between them and at most the currency's decimals; no sign, no exponent, no spaces, no
 * zeros in front. At most 2^53 − 1 minor units. Zero is an amount.
 * @throws Problem validation_failed, whose message says what is wrong (to stand after the name of the field)
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
  if (wholeLength > 1 && text.charCodeAt(0) === ZERO) throw invalid('must not begin with a zero before other digits');
  if (decimals > digits) throw invalid(`has ${decimals} decimals, but ${currency} takes at most ${digits}`);
  if (wholeLength + digits > MINOR_DIGITS_MAX) throw tooLarge(currency);

  const whole = point === -1 ? text : text.slice(0, point);
  const fraction = point === -1 ? '' : text.slice(point + 1);
  const minor = Number(whole + fraction.padEnd(digits, '0'));
  if (minor > Number.MAX_SAFE_INTEGER) throw tooLarge(currency);
  return minor;
}

/**
 * Decimal text of minor units, always with all of the currency's decimals: 1234 EUR → `"12.34"`, −5 EUR → `"-0.05"`.
 * @throws RangeError for a number that is not a safe integer: it is not exact any more; give a bigint
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

/** Formats a + b, which may lie beyond 2^53 (a balance and its overdraft limit) and must be exact all the same. */
export function formatSum(a: number, b: number, currency: string): string {
  const sum = a + b;
  return formatAmount(Number.isSafeInteger(sum) ? sum : BigInt(a) + BigInt(b), currency);
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
