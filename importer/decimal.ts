/** Exact sums of decimal text, in units of 10^-17: a control sum of ISO 20022 has at most 17 decimals. */
const DECIMALS = 17;
const DECIMAL = /^([+-]?)0*(\d*)(?:\.(\d*))?$/;
const DIGITS_MAX = 40;

/** Parses a decimal as XML Schema defines it, which may have a sign and redundant zeros; null for anything else. */
export function parseDecimal(text: string): bigint | null {
  const [, sign, whole = '', decimals = ''] = DECIMAL.exec(text) ?? [];
  if (sign === undefined || !/\d/.test(text) || text.length > DIGITS_MAX) return null;
  const exact = decimals.replace(/0+$/, '');
  if (exact.length > DECIMALS) return null;
  const value = BigInt(whole + exact.padEnd(DECIMALS, '0'));
  return sign === '-' ? -value : value;
}

/** Plain decimal text, without redundant zeros: `-0.5`, `12`. */
export function formatDecimal(value: bigint): string {
  const digits = String(value < 0n ? -value : value).padStart(DECIMALS + 1, '0');
  const decimals = digits.slice(-DECIMALS).replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -DECIMALS)}${decimals === '' ? '' : `.${decimals}`}`;
}
