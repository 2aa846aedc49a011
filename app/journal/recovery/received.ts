import { isDeepStrictEqual } from 'node:util';
import { IntegrityError } from '../flush-batch.ts';
import type { IdKind, InDoubtAttempt, JournalEntry } from '../journal-entry.ts';
import { itemsOf, type Journaled } from '../journaled.ts';

/** Keeps ids of different kinds apart, even if they are the same text. */
export const keyOf = ({ kind, id }: { kind: IdKind; id: string }): string => `${MARKS[kind]}:${id}`;
const MARKS = { transfers: 't', 'account-change': 'c', group: 'g', hold: 'h', 'hold-event': 'e' } as const;

/** The keys of all ids that an item has taken, including those of a posted group's members. */
export function keysOf(item: Journaled): string[] {
  if (item.kind !== 'group' || item.outcome.status === 'REJECTED') return [keyOf(item)];
  const members = item.outcome.group.orders.map(({ transactionId }) => keyOf({ kind: 'transfers', id: transactionId }));
  return [keyOf(item), ...members];
}

/** The items of journal entries after a cursor: each seq once, in order. */
export interface Received {
  items: Journaled[];
  /** The ids of the items. */
  keys: Set<string>;
}

/** Whether the outcome of an attempt's id was received, or the outcome of the group that decides it. */
export const isReceived = ({ keys }: Received, attempt: InDoubtAttempt): boolean =>
  keys.has(keyOf(attempt)) ||
  (attempt.groupId !== undefined && keys.has(keyOf({ kind: 'group', id: attempt.groupId })));

/**
 * Collects entries in any order, repeated or not, including those that span the cursor.
 * @throws IntegrityError if two of them contradict each other about one seq, or if one id has two seqs
 */
export function receive(entries: readonly JournalEntry[], epoch: number, cursor: number): Received {
  const bySeq = new Map<number, Journaled>();
  for (const entry of entries) {
    for (const item of itemsOf(entry, epoch)) {
      if (item.lastSeq <= cursor) continue;
      if (item.seq <= cursor) throw new IntegrityError(`${keyOf(item)} begins before ${cursor} and ends after it`);
      const known = bySeq.get(item.seq);
      if (!known || agrees(known, item)) bySeq.set(item.seq, known && isTimed(known) ? known : item);
      else throw new IntegrityError(`seq ${item.seq} of epoch ${epoch} is both ${keyOf(known)} and ${keyOf(item)}`);
    }
  }
  const items = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  for (const [index, { seq }] of items.entries()) {
    const before = items[index - 1];
    if (before && before.lastSeq >= seq)
      throw new IntegrityError(`seq ${seq} of epoch ${epoch} is also in ${keyOf(before)}`);
  }
  const all = items.flatMap(keysOf);
  const keys = new Set(all);
  if (keys.size !== all.length) throw new IntegrityError(`an id of epoch ${epoch} has two outcomes`);
  return { items, keys };
}

export interface Times {
  acceptedAt: number;
  takenAt: number | null;
}
const timesOf = (item: Journaled): Times => {
  if (item.kind === 'account-change') return item.change;
  return 'event' in item ? item.event : item.outcome;
};
const isTimed = (item: Journaled): boolean => timesOf(item).takenAt !== null;

/** Leaves out the times, because a process of an older release reports the pod's time where the journal has the ledger's. */
export function withoutTimes<T extends Times>(one: T): Omit<T, keyof Times> {
  const { acceptedAt: _, takenAt: __, ...rest } = one;
  return rest;
}

function agrees(one: Journaled, other: Journaled): boolean {
  if (isTimed(one) && isTimed(other)) return isDeepStrictEqual(one, other);
  return isDeepStrictEqual(bodyOf(one), bodyOf(other));
}
function bodyOf(item: Journaled): object {
  if (item.kind === 'account-change') return { ...item, change: withoutTimes(item.change) };
  if ('event' in item) return { ...item, event: withoutTimes(item.event) };
  return { ...item, outcome: withoutTimes(item.outcome) };
}
