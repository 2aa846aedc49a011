/**
 * Minor units and decimal text, without the service's own code, because a checker must not share the service's bugs.
 * Only the currencies that the mock data uses.
 */
const DIGITS = { EUR: 2, CZK: 2, JPY: 0 } as const;
export type Currency = keyof typeof DIGITS;

export function digitsOf(currency: string): number {
  const digits = (DIGITS as Record<string, number>)[currency];
  if (digits === undefined) throw new Error(`The mock data has no currency ${currency}`);
  return digits;
}

/** 1234 EUR → "12.34"; 1234 JPY → "1234". */
export function toDecimal(minor: bigint | number, currency: string): string {
  const digits = digitsOf(currency);
  const text = String(minor);
  if (digits === 0) return text;
  const sign = text.startsWith('-') ? '-' : '';
  const figures = text.slice(sign.length).padStart(digits + 1, '0');
  return `${sign}${figures.slice(0, -digits)}.${figures.slice(-digits)}`;
}

/** "12.34" EUR → 1234n; "12.3" → 1230n. @throws Error for anything that is not an amount in that currency */
export function toMinor(decimal: string, currency: string): bigint {
  const digits = digitsOf(currency);
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal);
  const fraction = match?.[3] ?? '';
  if (match === null || fraction.length > digits) throw new Error(`"${decimal}" is not an amount in ${currency}`);
  const minor = BigInt(`${match[2]}${fraction.padEnd(digits, '0')}`);
  return match[1] === '-' ? -minor : minor;
}
