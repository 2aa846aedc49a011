import { Problem } from '../../domain/problem.ts';
import type { Stamp } from '../../journal/cursor.ts';
import type { EpochView } from '../epoch/epoch-view.ts';
import type { Finder, LookUp } from '../outcomes/finder.ts';
import { isDatabaseAway, isHeld, type MysqlWaiters } from './mysql-waiters.ts';
import type { Answer, HoldUnchanged, Pending, ResultSink } from './pending.ts';

/** The operations on items with one kind of id: transaction ids, group ids, or ids of holds and their events. */
interface LaneKind<P extends Pending, O extends Exclude<Answer, HoldUnchanged>, W, L extends LookUp<O>> {
  finder: Pick<Finder<O, W, L>, 'find' | 'inDatabase'>;
  has(pending: Pending): pending is P;
  idOf(pending: P): string;
  /** The ids of an item that are looked up in MySQL before it is sent to Redis. */
  wantedOf(pending: P): W;
  /** The answer to an item whose id already has an outcome. */
  replay(pending: P, existing: O): O | Problem;
  /** Why an item cannot be executed even though its own id is unknown; null if it can. */
  refusedBy?(pending: P, found: L): Problem | null;
}

/** Looks up the ids of items that Redis alone cannot decide, or whose ids Redis knows. */
export interface Lane {
  /** Looks ids up in MySQL. Items whose ids are not there are queued again, with the proof of their absence. */
  lookUp(batch: readonly Pending[]): Promise<void>;
  /** Looks up the outcomes of known ids, in the journal and in MySQL. */
  replayKnown(view: EpochView, batch: readonly Pending[]): Promise<void>;
}

export function laneOf<P extends Pending, O extends Exclude<Answer, HoldUnchanged>, W, L extends LookUp<O>>(
  { finder, has, idOf, wantedOf, replay, refusedBy = () => null }: LaneKind<P, O, W, L>,
  sink: ResultSink,
  waiters: MysqlWaiters,
): Lane {
  return {
    async lookUp(all) {
      const batch = all.filter(has);
      if (batch.length === 0) return;
      const found = await finder.inDatabase(batch.map(wantedOf));
      if (found instanceof Problem) {
        if (isDatabaseAway(found)) waiters.hold(batch);
        else for (const pending of batch) sink.giveUp(pending, found);
        return;
      }
      const absent: Pending[] = [];
      for (const pending of batch) {
        const existing = found.outcomes.get(idOf(pending));
        const refusal = existing ? null : refusedBy(pending, found);
        lookedUp(pending, found.stamp);
        if (existing) sink.answer(pending, replay(pending, existing));
        else if (refusal) sink.giveUp(pending, refusal);
        else absent.push(pending);
      }
      waiters.found(absent);
    },

    async replayKnown(view, all) {
      const batch = all.filter(has);
      if (batch.length === 0) return;
      const found = await finder.find(batch.map(idOf));
      const held: Pending[] = [];
      for (const [index, pending] of batch.entries()) {
        const existing = found[index];
        if (existing instanceof Problem && isDatabaseAway(existing)) held.push(pending);
        else if (existing instanceof Problem && !isHeld(existing)) sink.giveUp(pending, existing);
        else if (existing && !(existing instanceof Problem)) {
          pending.resolvedIn(view);
          sink.answer(pending, replay(pending, existing));
        } else sink.again([pending]);
      }
      waiters.hold(held);
    },
  };
}

/** Records the proof that MySQL had none of an item's ids at this cursor. */
function lookedUp(pending: Pending, { epoch, cursor }: Stamp): void {
  pending.lookupCursor = cursor;
  pending.lookupEpoch = epoch;
}
