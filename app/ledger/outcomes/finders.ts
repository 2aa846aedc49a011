import { type GroupOrder, type GroupOutcome, membersOf } from '../../domain/group.ts';
import { type HoldOutcome, holdOutcomeOf } from '../../domain/hold-events.ts';
import type { Outcome } from '../../domain/types.ts';
import { outcomesOf } from '../../journal/codec.ts';
import { groupOutcomeOf } from '../../journal/group-codec.ts';
import { holdResultsOf, keyOfEvent } from '../../journal/hold-codec.ts';
import type { JournalEntry } from '../../journal/journal-entry.ts';
import { Finder, type FinderDependencies, type LookUp } from './finder.ts';

export type TransferFinder = Finder<Outcome>;
export type GroupFinder = Finder<GroupOutcome, WantedGroup, GroupLookUp>;

/** Finds outcomes by the ids of holds and of their events, in the form in which Redis stores them. */
export type HoldFinder = Finder<HoldOutcome>;

export interface Finders {
  transfers: TransferFinder;
  groups: GroupFinder;
  holds: HoldFinder;
}

export const findersOf = (deps: FinderDependencies): Finders => ({
  transfers: transferFinder(deps),
  groups: groupFinder(deps),
  holds: holdFinder(deps),
});

const unique = (ids: readonly string[]): string[] => [...new Set(ids)];

function transferFinder(deps: FinderDependencies): TransferFinder {
  return new Finder<Outcome>(deps, {
    name: 'transfer',
    keyOf: (id) => id,
    outcomesIn: (entry, epoch) =>
      transfersIn(entry, epoch).map((outcome) => [outcome.order.transactionId, outcome] as const),
    wantedOf: (id) => id,
    weightOf: () => 1,
    read: (ids) => deps.database.findOutcomes(unique(ids)),
  });
}

/** The outcomes of transfers in an entry, including those of the members of a group, and captures. */
function transfersIn(entry: JournalEntry, epoch: number): Outcome[] {
  if (entry.kind === 'transfers') return outcomesOf(entry, epoch);
  if (entry.kind === 'holds')
    return holdResultsOf(entry, epoch).flatMap((result) => ('capture' in result ? [result.capture] : []));
  const group = entry.kind === 'group' ? groupOutcomeOf(entry, epoch) : null;
  return group?.status === 'POSTED' ? membersOf(group) : [];
}

/** A group's id, and its members' ids unless only the outcome of the group is wanted. */
export interface WantedGroup {
  groupId: string;
  transactionIds: readonly string[];
}
export interface GroupLookUp extends LookUp<GroupOutcome> {
  /** The ids of members that have an outcome. */
  taken: ReadonlySet<string>;
}

export const wantedOf = ({ groupId, orders }: GroupOrder): WantedGroup => ({
  groupId,
  transactionIds: orders.map(({ transactionId }) => transactionId),
});

function groupFinder(deps: FinderDependencies): GroupFinder {
  return new Finder<GroupOutcome, WantedGroup, GroupLookUp>(deps, {
    name: 'group',
    keyOf: (id) => `+${id}`,
    outcomesIn(entry, epoch) {
      if (entry.kind !== 'group') return [];
      const outcome = groupOutcomeOf(entry, epoch);
      return [[outcome.group.groupId, outcome]];
    },
    wantedOf: (groupId) => ({ groupId, transactionIds: [] }),
    weightOf: ({ transactionIds }) => 1 + transactionIds.length,
    read: (wanted) =>
      deps.database.findGroups(
        unique(wanted.map(({ groupId }) => groupId)),
        unique(wanted.flatMap(({ transactionIds }) => transactionIds)),
      ),
  });
}

function holdFinder(deps: FinderDependencies): HoldFinder {
  return new Finder<HoldOutcome>(deps, {
    name: 'hold',
    keyOf: (key) => key,
    outcomesIn(entry, epoch) {
      if (entry.kind !== 'holds') return [];
      return holdResultsOf(entry, epoch).flatMap((result) =>
        'event' in result ? [[keyOfEvent(result.event), holdOutcomeOf(result.event, false)] as const] : [],
      );
    },
    wantedOf: (key) => key,
    weightOf: () => 1,
    read: (keys) => deps.database.findHolds(unique(keys)),
  });
}
