/** Fields that are compared exactly, so that spaces around them count. */
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
 * A time in UTC as the API reads it, from a date with or without a time, as the console shows it. Anything else is
 * returned unchanged: the API names what is wrong with it.
 */
export function timestampOf(text: string): string {
  const [, date, minutes = '00:00', seconds = '00'] = DATE.exec(text.trim()) ?? [];
  return date === undefined ? text : `${date}T${minutes}:${seconds}Z`;
}
