import { isDeepStrictEqual } from 'node:util';
import { IntegrityError } from '../flush-batch.ts';
import type { JournalEntry } from '../journal-entry.ts';
import { itemsOf, type Journaled } from '../journaled.ts';

/** Keeps ids of transfers and of changes apart, even if they are the same text. */
export const keyOf = ({ kind, id }: { kind: JournalEntry['kind']; id: string }): string =>
  kind === 'transfers' ? `t:${id}` : `c:${id}`;

/** The items of journal entries after a cursor: each seq once, in order. */
export interface Received {
  items: Journaled[];
  /** Their ids. */
  keys: Set<string>;
}

/**
 * Collects entries in any order, repeated or not, including those that span the cursor.
 * @throws IntegrityError if two of them contradict each other about one seq, or if one id has two seqs
 */
export function receive(entries: readonly JournalEntry[], epoch: number, cursor: number): Received {
  const bySeq = new Map<number, Journaled>();
  for (const entry of entries) {
    for (const item of itemsOf(entry, epoch)) {
      if (item.seq <= cursor) continue;
      const known = bySeq.get(item.seq);
      if (!known || agrees(known, item)) bySeq.set(item.seq, known && isTimed(known) ? known : item);
      else throw new IntegrityError(`seq ${item.seq} of epoch ${epoch} is both ${keyOf(known)} and ${keyOf(item)}`);
    }
  }
  const items = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  const keys = new Set(items.map(keyOf));
  if (keys.size !== items.length) throw new IntegrityError(`an id of epoch ${epoch} has two outcomes`);
  return { items, keys };
}

interface Times {
  acceptedAt: number;
  takenAt: number | null;
}
const timesOf = (item: Journaled): Times => (item.kind === 'transfers' ? item.outcome : item.change);
const isTimed = (item: Journaled): boolean => timesOf(item).takenAt !== null;

/** Without the times: a process of an older release has the pod's time where the journal has the ledger's. */
export function withoutTimes<T extends Times>(one: T): Omit<T, keyof Times> {
  const { acceptedAt: _, takenAt: __, ...rest } = one;
  return rest;
}

function agrees(one: Journaled, other: Journaled): boolean {
  if (isTimed(one) && isTimed(other)) return isDeepStrictEqual(one, other);
  return isDeepStrictEqual(bodyOf(one), bodyOf(other));
}
const bodyOf = (item: Journaled): object =>
  item.kind === 'transfers'
    ? { ...item, outcome: withoutTimes(item.outcome) }
    : { ...item, change: withoutTimes(item.change) };
