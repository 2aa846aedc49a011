import { replay } from '../../domain/content.ts';
import { type GroupOutcome, memberIdTaken, replayGroup } from '../../domain/group.ts';
import type { HoldOutcome } from '../../domain/hold-events.ts';
import type { Outcome } from '../../domain/types.ts';
import type { LookUp } from '../outcomes/finder.ts';
import { type Finders, type GroupLookUp, type WantedGroup, wantedOf } from '../outcomes/finders.ts';
import { replayEvent } from './hold-answers.ts';
import { type Lane, laneOf } from './lane.ts';
import type { MysqlWaiters } from './mysql-waiters.ts';
import {
  isCapture,
  isGroup,
  isHold,
  isTransfer,
  type PendingCapture,
  type PendingGroup,
  type PendingHold,
  type PendingTransfer,
  type ResultSink,
} from './pending.ts';

/** The lanes of a pod. Every pending item belongs to exactly one of them. */
export const lanesOf = (finders: Finders, sink: ResultSink, waiters: MysqlWaiters): Lane[] => [
  laneOf<PendingTransfer, Outcome, string, LookUp<Outcome>>(
    {
      finder: finders.transfers,
      has: isTransfer,
      idOf: ({ order }) => order.transactionId,
      wantedOf: ({ order }) => order.transactionId,
      replay,
    },
    sink,
    waiters,
  ),
  laneOf<PendingGroup, GroupOutcome, WantedGroup, GroupLookUp>(
    {
      finder: finders.groups,
      has: isGroup,
      idOf: ({ group }) => group.groupId,
      wantedOf: ({ group }) => wantedOf(group),
      replay: replayGroup,
      refusedBy({ group }, { taken }) {
        const index = group.orders.findIndex(({ transactionId }) => taken.has(transactionId));
        return index < 0 ? null : memberIdTaken(group, index);
      },
    },
    sink,
    waiters,
  ),
  laneOf<PendingCapture, Outcome, string, LookUp<Outcome>>(
    {
      finder: finders.transfers,
      has: isCapture,
      idOf: ({ hold }) => hold.order.transactionId,
      wantedOf: ({ hold }) => hold.order.transactionId,
      replay: ({ hold, takenAt, inDoubt }, existing) => replay({ order: hold.order, takenAt, inDoubt }, existing),
    },
    sink,
    waiters,
  ),
  laneOf<PendingHold, HoldOutcome, string, LookUp<HoldOutcome>>(
    {
      finder: finders.holds,
      has: (pending): pending is PendingHold => isHold(pending) && !isCapture(pending),
      idOf: ({ key }) => key,
      wantedOf: ({ key }) => key,
      replay: replayEvent,
    },
    sink,
    waiters,
  ),
];
