import type { AuditFault } from './audit-source.ts';
import { type BookItem, comparedEntry, comparedItem } from './book-items.ts';
import type { WalkedEntry } from './log-walk.ts';
import { problemOf } from './row-problems.ts';

/**
 * Compares entries with their rows in the books, which are looked up by their ids. It finds rows that were changed or
 * deleted, but not rows that were inserted. @param items the rows that were found
 */
export function lookedUpFaults(entries: readonly WalkedEntry[], items: readonly BookItem[]): AuditFault[] {
  const found = new Map<string, { text: string; item: BookItem }[]>();
  for (const item of items) {
    const { what, text } = comparedItem(item, item.salt ?? '');
    found.set(what, [...(found.get(what) ?? []), { text, item }]);
  }
  return entries.flatMap(({ entry, line, position, index }) =>
    comparedEntry(entry, line).flatMap(({ what, text }) => {
      const rows = found.get(what) ?? [];
      if (rows.some((row) => row.text === text)) return [];
      const [row] = rows;
      const problem = row ? problemOf(text, row.text, row.item) : 'its row is missing';
      return [{ position, index, what, problem }];
    }),
  );
}
