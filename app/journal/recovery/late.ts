import { IntegrityError } from '../flush-batch.ts';
import type { JournalEntry } from '../journal-entry.ts';
import type { Journaled } from '../journaled.ts';
import { receive } from './received.ts';

/**
 * The items after the cursor of a journal that was read late.
 * @throws IntegrityError if it is not complete from the cursor to its end
 */
export function wholeJournal(
  entries: readonly JournalEntry[],
  epoch: number,
  cursor: number,
  end: number,
): Journaled[] {
  const { items } = receive(entries, epoch, cursor);
  for (const [index, { seq }] of items.entries()) {
    if (seq !== cursor + 1 + index) throw new IntegrityError(`seq ${seq} follows ${cursor + index} in epoch ${epoch}`);
  }
  if (cursor + items.length !== end)
    throw new IntegrityError(`the journal of epoch ${epoch} ends at ${cursor + items.length}, not at ${end}`);
  return items;
}
