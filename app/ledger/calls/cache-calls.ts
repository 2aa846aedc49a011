import { unwindowed } from '../../domain/business-calendar.ts';
import { replay } from '../../domain/content.ts';
import { isLeg } from '../../domain/crossing.ts';
import { memberIdTaken } from '../../domain/group.ts';
import { idAhead, placeOf } from '../../domain/ids.ts';
import { TransitUnavailable, transitOf } from '../../domain/leg-rules.ts';
import { Problem } from '../../domain/problem.ts';
import { ledgerStopped } from '../../domain/stop.ts';
import type { Outcome } from '../../domain/types.ts';
import { type ApplyReply, CacheError, type CacheServer } from '../../journal/cache-port.ts';
import { type Head, outcomeOf, RecordStatus, type ResultRecord, TRANSIT_REASONS } from '../../journal/codec.ts';
import { groupOutcome } from '../../journal/group-codec.ts';
import { type HoldRecord, holdIdOf } from '../../journal/hold-codec.ts';
import type { Clock } from '../../kernel/clock.ts';
import { backoffMs } from '../../kernel/retry.ts';
import { type AccountLoader, Uncached } from '../accounts/account-loader.ts';
import type { HoldLoader } from '../accounts/hold-loader.ts';
import { AttemptCall, type EpochView, type Session } from '../epoch/epoch-view.ts';
import type { Finders } from '../outcomes/finders.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';
import { answerIn, isHoldRecord, itemAhead, OtherHold } from './hold-answers.ts';
import type { Lane } from './lane.ts';
import { lanesOf } from './lanes.ts';
import { type DatabaseWait, isDatabaseAway, isHeld, MysqlWaiters } from './mysql-waiters.ts';
import {
  isGroup,
  isHold,
  isTransfer,
  type Pending,
  type PendingGroup,
  type PendingHold,
  type PendingTransfer,
  type ResultSink,
  transfersIn,
} from './pending.ts';

const FAILURES_MAX = 3;
const RETRY_BASE_MS = 50;
const NO_ROOM_WAIT_MS = 50;

export interface CacheCallsDependencies {
  cache: CacheServer;
  session: Session;
  loader: AccountLoader;
  holdLoader: HoldLoader;
  finders: Finders;
  clock: Clock;
  events: LedgerEvents;
}

/**
 * Executes transfers in Redis, one script call at a time. The script returns an outcome for each transfer, or reports what is
 * still needed: an account (the loader installs it), a lookup in MySQL, or the existing outcome of its id. A call that fails
 * without proof leaves its transfers in doubt: they are retried under their own ids, at most three times.
 *
 * While MySQL is unavailable, transfers that need something from it wait, up to their deadline and up to the limit of
 * `DatabaseWait`. After the wait they are sent to Redis again, which may know their ids by now.
 */
export class CacheCalls {
  readonly #deps: CacheCallsDependencies;
  readonly #sink: ResultSink;
  readonly #waiters: MysqlWaiters;
  readonly #lanes: readonly Lane[];

  constructor(deps: CacheCallsDependencies, sink: ResultSink, databaseWait: DatabaseWait) {
    this.#deps = deps;
    this.#sink = sink;
    this.#waiters = new MysqlWaiters(deps, sink, databaseWait);
    this.#lanes = lanesOf(deps.finders, sink, this.#waiters);
  }

  async call(view: EpochView, batch: readonly Pending[]): Promise<void> {
    const { cache, clock, events } = this.#deps;
    for (const pending of batch) {
      if (isHold(pending)) pending.podNow = clock.now();
      // A lookup counts only in the epoch of its snapshot.
      if (pending.lookupEpoch !== view.caller.epoch) pending.lookupCursor = -1;
      pending.trouble = null;
    }
    const started = clock.monotonic();
    const call = new AttemptCall(batch, view);
    try {
      const reply = await cache.apply(view.caller, batch, clock.now());
      // A reply is ignored once its epoch has ended: lookups by id show what the call did.
      if (this.#deps.session.view() !== view) {
        call.lost(clock.monotonic());
        return this.#sink.again(batch);
      }
      call.proven();
      events.applied(transfersIn(batch), clock.monotonic() - started);
      this.#take(view, batch, reply);
    } catch (error) {
      // A reply that cannot be parsed is treated as missing: its transfers may have been carried out.
      if (error instanceof CacheError && error.kind !== 'in_doubt') call.proven();
      else call.lost(clock.monotonic());
      this.#failed(view, batch, error);
    }
  }

  #take(view: EpochView, batch: readonly Pending[], reply: ApplyReply): void {
    view.keep(reply.entries, this.#deps.clock.monotonic());
    view.observe(reply.head);
    const missing: Pending[] = [];
    const lookUps: Pending[] = [];
    const known: Pending[] = [];
    const outcomes: (Outcome | undefined)[] = [];
    for (const [index, pending] of batch.entries()) {
      const record = reply.records[index];
      if (!record) throw new RangeError('the cache returned fewer results than there were transfers');
      if (isHold(pending)) {
        if (!isHoldRecord(record)) throw new RangeError('the cache returned the record of a transfer for a hold');
        if (!this.#takeHold(view, pending, record, reply.head)) {
          if (record.status === RecordStatus.MISSING) missing.push(pending);
          else if (record.status === RecordStatus.NEEDS_LOOKUP) lookUps.push(pending);
          else known.push(pending);
        }
      } else if (record.status === RecordStatus.MISSING) missing.push(pending);
      else if (record.status === RecordStatus.NEEDS_LOOKUP) lookUps.push(pending);
      else if (record.status === RecordStatus.REPLAYED) known.push(pending);
      else if (record.status === RecordStatus.AHEAD)
        this.#sink.giveUp(pending, idAhead(isGroup(pending) ? '' : undefined));
      else if (record.status === RecordStatus.CLOCK_UNSURE) this.#sink.giveUp(pending, unwindowed('clock_unsure'));
      else if (record.status === RecordStatus.NO_CALENDAR)
        this.#sink.giveUp(pending, unwindowed('calendar_unavailable'));
      else if (record.status === RecordStatus.STOPPED) this.#sink.giveUp(pending, ledgerStopped());
      else if (record.status === RecordStatus.TRANSIT) this.#sink.giveUp(pending, transitUnavailable(pending, record));
      else if (isGroup(pending)) {
        if (record.status === RecordStatus.SAME_CALL) known.push(pending);
        else this.#takeGroup(view, pending, record, reply);
      } else if (record.status === RecordStatus.SAME_CALL && !outcomes[record.seq]) {
        // A group earlier in this call has this id.
        known.push(pending);
      } else {
        // If the id occurs earlier in this call, the outcome is replayed; otherwise this record is the outcome.
        const existing = record.status === RecordStatus.SAME_CALL ? outcomes[record.seq] : undefined;
        const outcome = existing ?? outcomeIn(view, pending, record, reply.head.time);
        outcomes[index] = outcome;
        pending.resolvedIn(view);
        this.#sink.answer(pending, existing ? replay(pending, existing) : outcome);
      }
    }
    if (missing.length > 0) void this.#load(view, missing);
    if (lookUps.length > 0) void this.lookUp(lookUps);
    if (known.length > 0) for (const lane of this.#lanes) void lane.replayKnown(view, known);
  }

  #takeGroup(view: EpochView, pending: PendingGroup, record: ResultRecord, { head, entries }: ApplyReply): void {
    const { group, takenAt } = pending;
    if (record.status === RecordStatus.MEMBER_TAKEN) {
      this.#sink.giveUp(pending, memberIdTaken(group, record.detail));
      return;
    }
    const entry = entries.find(({ kind, firstSeq }) => kind === 'group' && firstSeq === record.seq);
    if (!entry) throw new RangeError(`the cache returned no results for group ${group.groupId}`);
    pending.resolvedIn(view);
    const taken = { acceptedAt: head.time, takenAt, epoch: view.caller.epoch };
    this.#sink.answer(pending, groupOutcome(group, entry, taken));
  }

  /** @returns false if the item still needs something: an account, the hold, a lookup, or the outcome under its id */
  #takeHold(view: EpochView, pending: PendingHold, record: HoldRecord, head: Head): boolean {
    const { hold } = pending;
    switch (record.status) {
      case RecordStatus.NEEDS_LOOKUP:
      case RecordStatus.REPLAYED:
      case RecordStatus.SAME_CALL:
        return false;
      case RecordStatus.MISSING:
        pending.lacks = { accounts: (record.detail & 3) > 0, hold: (record.detail & 4) > 0 };
        if (record.detail < 8) return false;
        this.#sink.giveUp(pending, new OtherHold(holdIdOf(hold)));
        return true;
      case RecordStatus.AHEAD:
        if (pending.hasOwnId || pending.inDoubt) this.#sink.giveUp(pending, itemAhead(hold));
        else {
          // Uses the current lookup horizon, which may have been lowered since this pod first received it.
          pending.renew(Math.max(head.time, head.lookupHorizon + 1));
          this.#sink.again([pending]);
        }
        return true;
      case RecordStatus.STOPPED:
        this.#sink.giveUp(pending, ledgerStopped());
        return true;
      case RecordStatus.NO_CALENDAR:
        this.#sink.giveUp(pending, unwindowed('calendar_unavailable'));
        return true;
      default: {
        const answer = answerIn(view, pending, record, head.time);
        if (answer instanceof Problem) this.#sink.giveUp(pending, answer);
        else {
          if (!('unchanged' in answer)) pending.resolvedIn(view);
          this.#sink.answer(pending, answer);
        }
        return true;
      }
    }
  }

  #failed(view: EpochView, batch: readonly Pending[], error: unknown): void {
    const { session, clock, events } = this.#deps;
    session.suspect(error, view);
    const reason = error instanceof CacheError ? error.reason : 'the cache failed';
    const unable = error instanceof CacheError && error.kind === 'unable';
    const wroteNothing = error instanceof CacheError && error.kind !== 'in_doubt';
    for (const pending of batch) {
      // A refusal by the prologue, or a command that was never sent, does not count as an attempt: in these cases the
      // session closes, and the queue holds the requests.
      const costsTry = unable || !wroteNothing;
      if (costsTry && ++pending.failures > FAILURES_MAX) {
        const code = reason === 'OOM' || reason === 'BUSY' || !unable ? 'overloaded' : 'database_unavailable';
        this.#sink.giveUp(pending, new Problem(code, `the cache refuses the transfer: ${reason}`));
      } else {
        events.retried('apply');
        clock.after(backoffMs(pending.failures, RETRY_BASE_MS, clock), () => this.#sink.again([pending]));
      }
    }
  }

  async #load(view: EpochView, batch: readonly Pending[]): Promise<void> {
    const { loader, holdLoader } = this.#deps;
    const [loaded, holds] = await Promise.all([
      loader.ensure([...new Set(batch.flatMap(accountsLacked))]),
      holdLoader.ensure([...new Set(batch.flatMap(holdsLacked))]),
    ]);
    const ready: Pending[] = [];
    const crowdedOut: Pending[] = [];
    const held: Pending[] = [];
    for (const pending of batch) {
      const sides = [
        ...accountsLacked(pending).map((id) => loaded.get(id)),
        ...holdsLacked(pending).map((id) => holds.get(id)),
      ];
      const problem = sides.find((side) => side instanceof Problem);
      if (problem && isDatabaseAway(problem)) held.push(pending);
      else if (problem && !isHeld(problem)) {
        pending.resolveBy(problem, view.caller.epoch);
        this.#sink.giveUp(pending, problem);
      } else if (sides.some((side) => side instanceof Uncached)) crowdedOut.push(pending);
      else ready.push(pending);
    }
    this.#waiters.found(ready);
    this.#waiters.hold(held);
    // The next flush makes room in the cache.
    if (crowdedOut.length > 0) this.#deps.clock.after(NO_ROOM_WAIT_MS, () => this.#sink.again(crowdedOut));
  }

  /** Looks up in MySQL the ids that Redis alone cannot decide. Those that are not there are queued again with the proof. */
  async lookUp(batch: readonly Pending[]): Promise<void> {
    const open = batch.filter((pending) => !pending.answered);
    const admitted = open.filter((pending) => isUuidV7(pending) || this.#waiters.mayWait(pending));
    if (admitted.length === 0) return;
    this.#deps.events.lookedUp(admitted.reduce((sum, { ids }) => sum + ids.length, 0));
    await Promise.all(this.#lanes.map((lane) => lane.lookUp(admitted)));
  }
}

const accountsLacked = (pending: Pending): readonly string[] =>
  isHold(pending) && !pending.lacks.accounts ? [] : pending.accounts;
const holdsLacked = (pending: Pending): readonly string[] =>
  isHold(pending) && pending.lacks.hold ? [holdIdOf(pending.hold)] : [];

const isUuidV7 = ({ ids }: Pending): boolean => ids.every((id) => placeOf(id).bucket !== null);

function transitUnavailable(pending: Pending, { detail }: ResultRecord): Problem {
  const reason = TRANSIT_REASONS[detail - 1];
  if (!isTransfer(pending) || !isLeg(pending.order) || !reason)
    throw new RangeError('the cache returned the record of a leg for another kind of item');
  return new TransitUnavailable(transitOf(pending.order), reason);
}

const outcomeIn = (
  view: EpochView,
  { order, takenAt }: PendingTransfer,
  record: ResultRecord,
  acceptedAt: number,
): Outcome => outcomeOf(record, { order, acceptedAt, takenAt, epoch: view.caller.epoch });
