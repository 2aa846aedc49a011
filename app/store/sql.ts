import { escape as escapeValue } from 'mysql2';

/**
 * Literals for the multi-row statements of the flush. Built by hand, because a `?` for each of some 40,000 values a
 * transaction costs half of the client's time; whatever is not plain goes through mysql2's own escaping.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to be escaped
const SPECIAL = /['\\\0\n\r\x1a"]/;

export function text(value: string): string {
  return SPECIAL.test(value) ? escapeValue(value) : `'${value}'`;
}

export const textOrNull = (value: string | null): string => (value === null ? 'NULL' : text(value));

/** An integer as a literal. @throws RangeError when it is not exact: a money column must never get a rounded value */
export function integer(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an exact integer`);
  return String(value);
}

let lastMs = Number.NaN;
let lastLiteral = '';
/** A moment (ms since 1970) as DATETIME(3) in UTC. Neighbours in a batch often share it. */
export function moment(ms: number): string {
  if (ms !== lastMs) {
    lastLiteral = `'${new Date(ms).toISOString().slice(0, 23)}'`;
    lastMs = ms;
  }
  return lastLiteral;
}
export const momentOrNull = (ms: number | null): string => (ms === null ? 'NULL' : moment(ms));
