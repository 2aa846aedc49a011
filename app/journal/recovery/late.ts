import { IntegrityError } from '../flush-batch.ts';
import type { JournalEntry } from '../journal-entry.ts';
import type { Journaled } from '../journaled.ts';
import { receive } from './received.ts';

/**
 * The items after the cursor of a journal that was read late.
 * @throws IntegrityError if the journal is not complete from the cursor to its end
 */
export function wholeJournal(
  entries: readonly JournalEntry[],
  epoch: number,
  cursor: number,
  end: number,
): Journaled[] {
  const { items } = receive(entries, epoch, cursor);
  let last = cursor;
  for (const { seq, lastSeq } of items) {
    if (seq !== last + 1) throw new IntegrityError(`seq ${seq} follows ${last} in epoch ${epoch}`);
    last = lastSeq;
  }
  if (last !== end) throw new IntegrityError(`the journal of epoch ${epoch} ends at ${last}, not at ${end}`);
  return items;
}
