import type { JournalEntry } from '../ledger/journal.ts';
import { IntegrityError } from '../sync/batch.ts';
import type { Journaled } from '../sync/journaled.ts';
import { keyOf, receive } from './received.ts';
import { Replay } from './replay.ts';

/**
 * What a journal that was read late tells after the cursor.
 * @throws IntegrityError when it is not whole from the cursor to its end
 */
export function wholeJournal(
  entries: readonly JournalEntry[],
  epoch: number,
  cursor: number,
  end: number,
): Journaled[] {
  const { told } = receive(entries, epoch, cursor);
  for (const [index, { seq }] of told.entries()) {
    if (seq !== cursor + 1 + index) throw new IntegrityError(`seq ${seq} follows ${cursor + index} in epoch ${epoch}`);
  }
  if (cursor + told.length !== end)
    throw new IntegrityError(`the journal of epoch ${epoch} ends at ${cursor + told.length}, not at ${end}`);
  return told;
}

/**
 * Replays the part of a journal that MySQL does not have, onto accounts that have been frozen since: nothing may be missing.
 * @throws IntegrityError when something does not follow
 */
export function replayRest(rest: readonly Journaled[], accounts: ConstructorParameters<typeof Replay>[0]): Replay {
  const replay = new Replay(accounts);
  for (const told of rest) {
    if (!replay.fits(told))
      throw new IntegrityError(`${keyOf(told)} (seq ${told.seq}) does not follow on what MySQL has`);
    replay.apply(told);
  }
  return replay;
}
