import type { BookItem } from './book-items.ts';

/** How a row differs from what the log says. @param log the text of the entry @param books that of the row */
export function problemOf(log: string, books: string, item: BookItem): string {
  if (item.kind === 'unreadable') return `its row cannot be read: ${item.why}`;
  if (item.salt === null) return 'the salt of its row is missing';
  const field = firstDifference(log, books);
  const isDigest = field !== null && typeof field.log === 'string' && /^[\w-]{43}$/.test(field.log);
  if (isDigest) return 'its personal data (user, correlation id, reference, metadata, name or time of receipt) differs';
  return field
    ? `its row says ${JSON.stringify(field.books)} where the log says ${JSON.stringify(field.log)}`
    : 'its row differs';
}

function firstDifference(log: string, books: string): { log: unknown; books: unknown } | null {
  const [fields, others] = [JSON.parse(log), JSON.parse(books)] as [unknown[], unknown[]];
  for (let at = 0; at < Math.max(fields.length, others.length); at++)
    if (JSON.stringify(fields[at]) !== JSON.stringify(others[at]))
      return { log: fields[at] ?? null, books: others[at] ?? null };
  return null;
}
