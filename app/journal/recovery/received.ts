import { isDeepStrictEqual } from 'node:util';
import { IntegrityError } from '../flush-batch.ts';
import type { JournalEntry } from '../journal-entry.ts';
import { itemsOf, type Journaled } from '../journaled.ts';

/** Ids of transfers and of changes are apart, also when they are the same text. */
export const keyOf = ({ kind, id }: { kind: JournalEntry['kind']; id: string }): string =>
  kind === 'transfers' ? `t:${id}` : `c:${id}`;

/** What journal entries tell after a cursor: each seq once, in order. */
export interface Received {
  told: Journaled[];
  /** The ids of all that. */
  keys: Set<string>;
}

/**
 * Gathers entries in whatever order, repeated or not, also across the cursor.
 * @throws IntegrityError when two of them tell different things of one seq, or one id has two seqs
 */
export function receive(entries: readonly JournalEntry[], epoch: number, cursor: number): Received {
  const bySeq = new Map<number, Journaled>();
  for (const entry of entries) {
    for (const told of itemsOf(entry, epoch)) {
      if (told.seq <= cursor) continue;
      const known = bySeq.get(told.seq);
      if (!known || agrees(known, told)) bySeq.set(told.seq, known && isTimed(known) ? known : told);
      else throw new IntegrityError(`seq ${told.seq} of epoch ${epoch} is both ${keyOf(known)} and ${keyOf(told)}`);
    }
  }
  const told = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  const keys = new Set(told.map(keyOf));
  if (keys.size !== told.length) throw new IntegrityError(`an id of epoch ${epoch} has two outcomes`);
  return { told, keys };
}

interface Times {
  acceptedAt: number;
  takenAt: number | null;
}
const timesOf = (told: Journaled): Times => (told.kind === 'transfers' ? told.outcome : told.change);
const isTimed = (told: Journaled): boolean => timesOf(told).takenAt !== null;

/** Without the times: a process of an older release has the pod's time where the journal has the ledger's. */
export function withoutTimes<T extends Times>(one: T): Omit<T, keyof Times> {
  const { acceptedAt: _, takenAt: __, ...rest } = one;
  return rest;
}

function agrees(one: Journaled, other: Journaled): boolean {
  if (isTimed(one) && isTimed(other)) return isDeepStrictEqual(one, other);
  return isDeepStrictEqual(bodyOf(one), bodyOf(other));
}
const bodyOf = (told: Journaled): object =>
  told.kind === 'transfers'
    ? { ...told, outcome: withoutTimes(told.outcome) }
    : { ...told, change: withoutTimes(told.change) };
