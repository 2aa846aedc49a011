/** Fields that are compared exactly, including spaces at the beginning and the end. */
const EXACT: ReadonlySet<string> = new Set(['reference', 'metadataValue']);

/** The query of those fields that are filled in. */
export function queryOf(fields: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams();
  for (const [name, text] of Object.entries(fields)) {
    const value = EXACT.has(name) ? text : text.trim();
    if (value !== '') query.set(name, value);
  }
  return query.toString();
}

const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d(?:\.\d+)?))?)?(?: ?(?:UTC|Z))?$/;

/**
 * The timestamp for the API, from a date with or without a time in UTC, as the console shows it. Other texts are returned
 * unchanged: the API explains what is wrong with them.
 */
export function timestampOf(text: string): string {
  const [, date, minutes = '00:00', seconds = '00'] = DATE.exec(text.trim()) ?? [];
  return date === undefined ? text : `${date}T${minutes}:${seconds}Z`;
}
